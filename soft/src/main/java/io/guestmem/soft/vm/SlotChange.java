package io.guestmem.soft.vm;

import io.guestmem.abi.UserspaceMemoryRegionLayout;
import io.guestmem.abi.VmType;
import io.guestmem.soft.KernelVersion;
import io.guestmem.soft.Trace;
import io.guestmem.soft.mmu.DirtyBitmap;
import io.guestmem.soft.mmu.LargePages;
import io.guestmem.soft.mmu.Memslot;
import io.guestmem.soft.mmu.MemslotSet;
import io.guestmem.soft.mmu.Spte;
import org.jspecify.annotations.Nullable;

/**
 * Carries out a change of a memslot that is allowed. Under {@code slots_lock}.
 *
 * <pre>{@code
 *   create       new set
 *   flags        new set, then the stage-2 entries follow the log flag
 *   delete       set with the memslot INVALID, zap, set without it
 *   move         set with the memslot INVALID, zap, set with it elsewhere
 * }</pre>
 *
 * <p>Source: Linux 7.2 {@code kvm_main.c:kvm_set_memslot}, {@code mmu.c:kvm_arch_flush_shadow_memslot},
 * {@code x86.c:kvm_mmu_slot_apply_flags}.
 */
final class SlotChange {
    private final VirtualMachine vm;

    SlotChange(VirtualMachine vm) {
        this.vm = vm;
    }

    long create(Memslot slot) {
        Memslot added = slot.with(slot.flags(), slot.isLogging() ? bitmap(slot) : null);
        markMixed(added);
        publish(null, added);
        return 0;
    }

    long delete(Memslot old) {
        Memslot invalid = old.with(old.flags() | Memslot.INVALID, old.dirty());
        publish(old, invalid);
        zap(old);
        publish(invalid, null);
        if (old.privateMemory() instanceof GuestMemfd memfd) {
            memfd.unbind(old);
        }
        return 0;
    }

    long move(Memslot old, long baseGfn, int flags, boolean tooHigh) {
        Memslot invalid = old.with(old.flags() | Memslot.INVALID, old.dirty());
        publish(old, invalid);
        zap(old);
        if (tooHigh) {
            publish(invalid, old);
            return Failure.EINVAL;
        }
        boolean logging = (flags & UserspaceMemoryRegionLayout.LOG_DIRTY_PAGES) != 0;
        DirtyBitmap dirty = logging ? old.dirty() : null;
        Memslot moved =
                Memslot.of(old.addressSpace(), old.id(), baseGfn, old.pages(), old.hva(), flags, null, 0, dirty);
        if (logging && dirty == null) {
            moved = moved.with(flags, bitmap(moved));
        }
        markMixed(moved);
        publish(invalid, moved);
        return 0;
    }

    long flags(Memslot old, int flags) {
        boolean logging = (flags & UserspaceMemoryRegionLayout.LOG_DIRTY_PAGES) != 0;
        Memslot changed = old.with(flags, logging ? bitmap(old) : null);
        publish(old, changed);
        if (changed.isReadOnly()) {
            return 0;
        }
        if (logging) {
            startLogging(changed);
        } else {
            stopLogging(changed);
        }
        return 0;
    }

    /** A bitmap, if this VM's log is one. */
    private @Nullable DirtyBitmap bitmap(Memslot slot) {
        if (vm.ringBytes() != 0) {
            return null;
        }
        return new DirtyBitmap(slot.pages(), (vm.manualProtect() & VirtualMachine.INITIALLY_SET) != 0);
    }

    private void startLogging(Memslot slot) {
        if ((vm.manualProtect() & VirtualMachine.INITIALLY_SET) != 0) {
            return;
        }
        boolean clearDirty = vm.options().pageModificationLogging();
        vm.mmu().lock().lockRead(0);
        try {
            if (vm.options().eagerPageSplit()) {
                vm.mmu().split(slot, slot.baseGfn(), slot.endGfn());
            }
            if (clearDirty) {
                vm.mmu().protect(slot, 1, true);
                vm.mmu().protect(slot, 2, false);
            } else {
                vm.mmu().protect(slot, 1, false);
            }
        } finally {
            vm.mmu().lock().unlockRead(0);
        }
        vm.mmu().flush();
    }

    private void stopLogging(Memslot slot) {
        boolean recovered = false;
        boolean inPlace = vm.options().kernelVersion().atLeast(KernelVersion.V6_18);
        vm.mmu().lock().lockRead(0);
        try {
            if (inPlace) {
                recovered = vm.mmu().recoverLarge(slot, gfn -> vm.hostLevel(slot, gfn));
            } else {
                vm.mmu().zapCollapsible(slot, gfn -> vm.hostLevel(slot, gfn));
            }
        } finally {
            vm.mmu().lock().unlockRead(0);
        }
        if (recovered) {
            vm.mmu().flush();
        }
    }

    private void zap(Memslot old) {
        if (vm.type() == VmType.DEFAULT && vm.hasQuirk(VirtualMachine.QUIRK_SLOT_ZAP_ALL)) {
            vm.mmu().zapAll();
            vm.unmapped(old.baseGfn(), old.endGfn(), true);
            return;
        }
        vm.mmu().lock().lockWrite();
        try {
            if (vm.mmu().zapLeaves(old.addressSpace(), old.baseGfn(), old.endGfn())) {
                vm.mmu().flush();
            }
            vm.unmapped(old.baseGfn(), old.endGfn(), true);
        } finally {
            vm.mmu().lock().unlockWrite();
        }
    }

    private void publish(@Nullable Memslot removed, @Nullable Memslot added) {
        int addressSpace = added != null ? added.addressSpace() : removed == null ? 0 : removed.addressSpace();
        MemslotSet changed = vm.slots().active(addressSpace).change(removed, added);
        Memslot subject = added != null ? added : removed;
        if (subject != null) {
            vm.mmu().trace(Trace.Kind.SLOTS, subject.baseGfn(), subject.pages(), added == null ? "removed" : "added");
        }
        long generation = vm.slots().publish(addressSpace, changed) & Spte.MMIO_GENERATION_MASK;
        if ((generation & -vm.slots().addressSpaces()) == 0) {
            // The generations in MMIO entries start again: none may be taken for a new one.
            vm.mmu().zapAll();
        }
    }

    /** Blocks that are private in part cannot be large: {@code kvm_mmu_init_memslot_memory_attributes}. */
    private void markMixed(Memslot slot) {
        if (!vm.type().privateMemory()) {
            return;
        }
        LargePages largePages = slot.largePages();
        for (long bound : vm.attributes().ranges()) {
            for (int level = 2; level <= 3; level++) {
                long block = bound & -Spte.pages(level);
                if (bound != block && block >= slot.baseGfn() && block + Spte.pages(level) <= slot.endGfn()) {
                    largePages.setMixed(block, level, true);
                }
            }
        }
    }
}
