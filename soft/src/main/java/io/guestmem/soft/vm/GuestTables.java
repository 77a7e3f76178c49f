package io.guestmem.soft.vm;

import io.guestmem.paging.PhysicalMemory;
import io.guestmem.soft.Schedule;
import io.guestmem.soft.host.HostFault;
import io.guestmem.soft.mmu.Invalidations;
import io.guestmem.soft.mmu.Memslot;
import io.guestmem.soft.mmu.NativeMemory;
import java.lang.foreign.ValueLayout;
import java.util.function.LongFunction;
import org.jspecify.annotations.Nullable;

/**
 * Guest memory as KVM itself reads and writes it for a vCPU: by memslot and hva, without stage 2. Under the vCPU's mutex.
 *
 * <p>A frame is used under {@code mmu_lock}, after it was found that no invalidation touched it since it was looked up: it
 * cannot go away meanwhile. Source: Linux 7.2 {@code paging_tmpl.h:walk_addr_generic}, {@code update_accessed_dirty_bits}.
 */
final class GuestTables implements PhysicalMemory {
    private final VirtualMachine vm;
    private final Vcpu vcpu;

    GuestTables(VirtualMachine vm, Vcpu vcpu) {
        this.vm = vm;
        this.vcpu = vcpu;
    }

    @Override
    public Presence presence(long address) {
        vm.slots().readers().enter(vcpu.slotReader());
        try {
            Memslot slot = slot(address);
            if (slot == null) {
                return Presence.NONE;
            }
            if (!HostFault.isPage(vm.memory().faultIn(slot.hva(address >>> 12), false))) {
                return Presence.UNBACKED;
            }
            return slot.isReadOnly() ? Presence.READ_ONLY : Presence.WRITABLE;
        } finally {
            vm.slots().readers().exit(vcpu.slotReader());
        }
    }

    private @Nullable Memslot slot(long address) {
        Memslot slot = vm.slots().active(vcpu.addressSpace()).find(address >>> 12);
        return slot == null || slot.isInvalid() ? null : slot;
    }

    @Override
    public long read64(long address) {
        Long value = access(address, false, NativeMemory::getAcquire);
        return value == null ? 0 : value;
    }

    @Override
    public int read32(long address) {
        Integer value = access(address, false, NativeMemory::getIntAcquire);
        return value == null ? 0 : value;
    }

    @Override
    public boolean compareAndSet64(long address, long expected, long replacement) {
        vm.schedule().point(Schedule.Point.GUEST_ENTRY);
        return written(address, access(address, true, at -> NativeMemory.compareAndSet(at, expected, replacement)));
    }

    @Override
    public boolean compareAndSet32(long address, int expected, int replacement) {
        vm.schedule().point(Schedule.Point.GUEST_ENTRY);
        return written(address, access(address, true, at -> NativeMemory.compareAndSetInt(at, expected, replacement)));
    }

    /**
     * Reads bytes inside a page: {@code kvm_read_guest_page}.
     *
     * @return false if there is no memslot or no page behind it
     */
    boolean read(long address, int size, long[] value) {
        Long found = access(address, false, at -> bytes(at, size));
        if (found != null) {
            value[0] = found;
        }
        return found != null;
    }

    /** Writes bytes inside a page: {@code kvm_write_guest_page}; false also for a read-only memslot. */
    boolean write(long address, int size, long value) {
        if (!isWritable(address)) {
            return false;
        }
        return written(address, access(address, true, at -> {
            for (int i = 0; i < size; i++) {
                NativeMemory.segment(at + i, 1).set(ValueLayout.JAVA_BYTE, 0, (byte) (value >>> (8 * i)));
            }
            return true;
        }));
    }

    /** By the memslot alone: nothing is faulted in for a write that is refused. */
    private boolean isWritable(long address) {
        vm.slots().readers().enter(vcpu.slotReader());
        Memslot slot = slot(address);
        vm.slots().readers().exit(vcpu.slotReader());
        return slot != null && !slot.isReadOnly();
    }

    private static long bytes(long at, int size) {
        long value = 0;
        for (int i = 0; i < size; i++) {
            value |= (NativeMemory.segment(at + i, 1).get(ValueLayout.JAVA_BYTE, 0) & 0xFFL) << (8 * i);
        }
        return value;
    }

    private boolean written(long address, @Nullable Boolean done) {
        if (done == null || !done) {
            return false;
        }
        vm.slots().readers().enter(vcpu.slotReader());
        Memslot slot = slot(address);
        if (slot != null && slot.isLogging()) {
            vcpu.markDirty(slot, address >>> 12);
        }
        vm.slots().readers().exit(vcpu.slotReader());
        return true;
    }

    /** Does something at the native address of a gpa; null if there is no page for it any more. */
    private <T> @Nullable T access(long address, boolean write, LongFunction<T> action) {
        Invalidations invalidations = vm.mmu().invalidations();
        long gfn = address >>> 12;
        vm.slots().readers().enter(vcpu.slotReader());
        try {
            while (true) {
                long sequence = invalidations.sequence();
                Memslot slot = slot(address);
                long page = slot == null ? Failure.EFAULT : vm.memory().faultIn(slot.hva(gfn), write);
                if (!HostFault.isPage(page)) {
                    return null;
                }
                vm.mmu().lock().lockRead(vcpu.id());
                try {
                    if (!invalidations.mustRetry(sequence, gfn)) {
                        return action.apply(vm.frames().address(HostFault.pfn(page)) + (address & 4095));
                    }
                } finally {
                    vm.mmu().lock().unlockRead(vcpu.id());
                }
                Thread.onSpinWait();
            }
        } finally {
            vm.slots().readers().exit(vcpu.slotReader());
        }
    }
}
