package io.guestmem.soft.vm;

import io.guestmem.abi.MemoryAttributesLayout;
import io.guestmem.soft.mmu.Invalidations;
import io.guestmem.soft.mmu.LargePages;
import io.guestmem.soft.mmu.Memslot;
import io.guestmem.soft.mmu.Spte;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;

/**
 * {@code KVM_SET_MEMORY_ATTRIBUTES}. Source: Linux 7.2 {@code kvm_main.c:kvm_vm_ioctl_set_mem_attributes},
 * {@code mmu.c:kvm_arch_pre_set_memory_attributes}, {@code kvm_arch_post_set_memory_attributes}.
 */
final class AttributeChange {
    private final VirtualMachine vm;
    private final long from;
    private final long to;
    private final boolean isPrivate;

    private AttributeChange(VirtualMachine vm, long from, long to, boolean isPrivate) {
        this.vm = vm;
        this.from = from;
        this.to = to;
        this.isPrivate = isPrivate;
    }

    static long set(VirtualMachine vm, MemorySegment struct) {
        long address = UserStruct.u64(struct, MemoryAttributesLayout.ADDRESS);
        long size = UserStruct.u64(struct, MemoryAttributesLayout.SIZE);
        long attributes = UserStruct.u64(struct, MemoryAttributesLayout.ATTRIBUTES);
        long supported = vm.type().privateMemory() ? MemoryAttributesLayout.PRIVATE : 0;
        if (UserStruct.u64(struct, MemoryAttributesLayout.FLAGS) != 0
                || (attributes & ~supported) != 0
                || size == 0
                || Long.compareUnsigned(address + size, address) < 0
                || ((address | size) & 4095) != 0) {
            return Failure.EINVAL;
        }
        long from = address >>> 12;
        AttributeChange change = new AttributeChange(vm, from, from + (size >>> 12), attributes != 0);
        return vm.withSlotsLock(change::apply);
    }

    private long apply() {
        if (vm.attributes().isUniform(from, to, isPrivate)) {
            return 0;
        }
        List<Memslot> slots = new ArrayList<>();
        for (int space = 0; space < vm.slots().addressSpaces(); space++) {
            slots.addAll(vm.slots().active(space).intersecting(from, to));
        }
        if (slots.isEmpty()) {
            vm.attributes().set(from, to, isPrivate);
            return 0;
        }
        vm.mmu().lock().lockWrite();
        try {
            vm.mmu().invalidations().begin();
            boolean zapped = false;
            for (Memslot slot : slots) {
                zapped |= zap(slot);
            }
            if (zapped) {
                vm.mmu().flush();
            }
            vm.unmapped(from, to, filter().meansPrivate());
        } finally {
            vm.mmu().lock().unlockWrite();
        }
        vm.attributes().set(from, to, isPrivate);
        vm.mmu().lock().lockWrite();
        try {
            slots.forEach(this::updateMixed);
            vm.mmu().invalidations().finish();
        } finally {
            vm.mmu().lock().unlockWrite();
        }
        return 0;
    }

    private boolean zap(Memslot slot) {
        Invalidations invalidations = vm.mmu().invalidations();
        long first = Math.max(from, slot.baseGfn());
        long last = Math.min(to, slot.endGfn());
        invalidations.add(first, last);
        for (int level = 2; level <= 3; level++) {
            // A fault next to the range must not map a large leaf over it meanwhile.
            long head = first & -Spte.pages(level);
            long tail = last & -Spte.pages(level);
            if (head != first || head + Spte.pages(level) > last) {
                addBlock(slot, head, level);
            }
            if (tail != head) {
                addBlock(slot, tail, level);
            }
        }
        return filter().zap(vm, slot.addressSpace(), first, last);
    }

    /** What has the old attribute. */
    private ZapFilter filter() {
        return isPrivate ? ZapFilter.SHARED : ZapFilter.PRIVATE;
    }

    private void addBlock(Memslot slot, long block, int level) {
        long end = block + Spte.pages(level);
        if (block >= slot.baseGfn()
                && end <= slot.endGfn()
                && !slot.largePages().isMixed(block, level)) {
            vm.mmu().invalidations().add(block, end);
        }
    }

    private void updateMixed(Memslot slot) {
        LargePages largePages = slot.largePages();
        for (int level = 2; level <= 3; level++) {
            long pages = Spte.pages(level);
            long first = Math.max(from, slot.baseGfn()) & -pages;
            for (long block = first; block < Math.min(to, slot.endGfn()); block += pages) {
                if (block >= slot.baseGfn() && block + pages <= slot.endGfn()) {
                    largePages.setMixed(block, level, vm.attributes().isMixed(block, block + pages));
                }
            }
        }
    }
}
