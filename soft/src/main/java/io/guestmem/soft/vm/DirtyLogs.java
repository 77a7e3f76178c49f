package io.guestmem.soft.vm;

import io.guestmem.abi.ClearDirtyLogLayout;
import io.guestmem.abi.DirtyLogLayout;
import io.guestmem.soft.mmu.DirtyBitmap;
import io.guestmem.soft.mmu.Memslot;
import io.guestmem.soft.mmu.Spte;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.jspecify.annotations.Nullable;

/**
 * {@code KVM_GET_DIRTY_LOG}, {@code KVM_CLEAR_DIRTY_LOG} and {@code KVM_RESET_DIRTY_RINGS}. Under {@code slots_lock}. Source:
 * Linux 7.2 {@code kvm_main.c:kvm_get_dirty_log_protect}, {@code kvm_clear_dirty_log_protect}, {@code dirty_ring.c},
 * {@code mmu.c:kvm_arch_mmu_enable_log_dirty_pt_masked}.
 */
final class DirtyLogs {
    private final VirtualMachine vm;

    DirtyLogs(VirtualMachine vm) {
        this.vm = vm;
    }

    long get(Caller caller, MemorySegment struct) {
        if (vm.ringBytes() != 0) {
            return Failure.ENXIO;
        }
        int number = UserStruct.u32(struct, DirtyLogLayout.SLOT);
        if (!isNumber(number)) {
            return Failure.EINVAL;
        }
        Memslot slot = find(number);
        DirtyBitmap bitmap = slot == null ? null : slot.dirty();
        if (slot == null || bitmap == null) {
            return Failure.ENOENT;
        }
        MemorySegment words = MemorySegment.ofArray(new long[Math.toIntExact(bitmap.words())]);
        boolean manual = (vm.manualProtect() & VirtualMachine.MANUAL_PROTECT) != 0;
        boolean any = false;
        for (long word = 0; word < bitmap.words(); word++) {
            long bits = manual ? bitmap.word(word) : fetch(slot, bitmap, word, -1);
            words.setAtIndex(ValueLayout.JAVA_LONG, word, bits);
            any |= bits != 0;
        }
        if (any && !manual) {
            vm.mmu().flush();
        }
        return caller.write(UserStruct.u64(struct, DirtyLogLayout.DIRTY_BITMAP), words) ? 0 : Failure.EFAULT;
    }

    long clear(Caller caller, MemorySegment struct) {
        if (vm.ringBytes() != 0) {
            return Failure.ENXIO;
        }
        int number = UserStruct.u32(struct, ClearDirtyLogLayout.SLOT);
        long first = UserStruct.u64(struct, ClearDirtyLogLayout.FIRST_PAGE);
        long count = Integer.toUnsignedLong(UserStruct.u32(struct, ClearDirtyLogLayout.NUM_PAGES));
        if (!isNumber(number) || (first & 63) != 0) {
            return Failure.EINVAL;
        }
        Memslot slot = find(number);
        DirtyBitmap bitmap = slot == null ? null : slot.dirty();
        if (slot == null || bitmap == null) {
            return Failure.ENOENT;
        }
        if (Long.compareUnsigned(first, slot.pages()) > 0
                || count > slot.pages() - first
                || ((count & 63) != 0 && first + count != slot.pages())) {
            return Failure.EINVAL;
        }
        MemorySegment words = MemorySegment.ofArray(new long[(int) ((count + 63) >>> 6)]);
        if (!caller.read(UserStruct.u64(struct, ClearDirtyLogLayout.DIRTY_BITMAP), words)) {
            return Failure.EFAULT;
        }
        boolean any = false;
        for (int i = 0; i < words.byteSize() / Long.BYTES; i++) {
            any |= fetch(slot, bitmap, (first >>> 6) + i, words.getAtIndex(ValueLayout.JAVA_LONG, i)) != 0;
        }
        if (any) {
            vm.mmu().flush();
        }
        return 0;
    }

    /** Makes pages clean that are dirty and in the mask, and notices the next writes to them. */
    private long fetch(Memslot slot, DirtyBitmap bitmap, long word, long mask) {
        if ((bitmap.word(word) & mask) == 0) {
            return 0;
        }
        vm.mmu().lock().lockWrite();
        try {
            long bits = bitmap.clear(word, mask);
            if (bits != 0) {
                track(slot, slot.baseGfn() + (word << 6), bits);
            }
            return bits;
        } finally {
            vm.mmu().lock().unlockWrite();
        }
    }

    /** {@code KVM_RESET_DIRTY_RINGS}: how many entries the user has collected. */
    long resetRings() {
        if (vm.ringBytes() == 0) {
            return Failure.EINVAL;
        }
        long count = 0;
        DirtyRing.Collected entry = new DirtyRing.Collected();
        for (Vcpu vcpu : vm.vcpus()) {
            DirtyRing ring = vcpu.ring();
            while (ring != null && ring.takeCollected(entry)) {
                count++;
                reset(entry.slot, entry.offset);
            }
        }
        if (count > 0) {
            vm.mmu().flush();
        }
        return count;
    }

    private void reset(int number, long offset) {
        Memslot slot = isNumber(number) ? find(number) : null;
        if (slot == null || Long.compareUnsigned(offset, slot.pages()) >= 0) {
            return;
        }
        vm.mmu().lock().lockWrite();
        try {
            track(slot, slot.baseGfn() + offset, 1);
        } finally {
            vm.mmu().lock().unlockWrite();
        }
    }

    /** Under {@code mmu_lock} for writing. */
    private void track(Memslot slot, long gfn, long mask) {
        if ((vm.manualProtect() & VirtualMachine.INITIALLY_SET) != 0) {
            long start = gfn + Long.numberOfTrailingZeros(mask);
            long last = gfn + 63 - Long.numberOfLeadingZeros(mask);
            if (vm.options().eagerPageSplit()) {
                vm.mmu().split(slot, start, last + 1);
            }
            vm.mmu().protectLarge(slot, start);
            if (start / Spte.pages(2) != last / Spte.pages(2)) {
                vm.mmu().protectLarge(slot, last);
            }
        }
        vm.mmu().protectMasked(slot, gfn, mask, vm.options().pageModificationLogging());
    }

    private boolean isNumber(int number) {
        return number >>> 16 < vm.slots().addressSpaces() && (number & 0xFFFF) < Memslot.USER_SLOTS;
    }

    private @Nullable Memslot find(int number) {
        return vm.slots().active(number >>> 16).get(number & 0xFFFF);
    }
}
