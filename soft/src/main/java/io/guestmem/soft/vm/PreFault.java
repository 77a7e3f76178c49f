package io.guestmem.soft.vm;

import io.guestmem.abi.PreFaultMemoryLayout;
import io.guestmem.soft.Schedule;
import io.guestmem.soft.mmu.FaultResult;
import io.guestmem.soft.mmu.Memslot;
import io.guestmem.soft.mmu.PageFault;
import io.guestmem.soft.mmu.ReadSections;
import io.guestmem.soft.mmu.Root;
import io.guestmem.soft.mmu.Spte;
import io.guestmem.soft.mmu.TdpMmu;
import java.lang.foreign.MemorySegment;

/**
 * {@code KVM_PRE_FAULT_MEMORY}. One for each vCPU, used under its mutex. Source: Linux 7.2
 * {@code kvm_main.c:kvm_vcpu_pre_fault_memory}, {@code mmu.c:kvm_arch_vcpu_pre_fault_memory},
 * {@code kvm_tdp_page_prefault}.
 *
 * <p>Where a step has mapped a small page, the rest of its table is mapped in rows: with one walk and one acquisition of
 * {@code mmu_lock}, but with each page looked up after the sequence number was read and mapped only if it has not changed, as
 * single steps would.
 */
final class PreFault {
    /** Pages of a row: all that one table of small leaves covers. */
    private static final int ROW = 512;

    private final Vcpu vcpu;
    private final VirtualMachine vm;
    private final TdpMmu mmu;
    private final long[] row = new long[ROW];

    PreFault(Vcpu vcpu) {
        this.vcpu = vcpu;
        this.vm = vcpu.vm();
        this.mmu = vm.mmu();
    }

    /** The request: 0 or a negated errno. */
    static long preFault(Vcpu vcpu, UserArgument argument) {
        MemorySegment struct = argument.copyIn(0, PreFaultMemoryLayout.STRUCT.size());
        if (struct == null) {
            return Failure.EFAULT;
        }
        long result = run(vcpu, struct);
        return argument.copyOut(0, struct) ? result : Failure.EFAULT;
    }

    private static long run(Vcpu vcpu, MemorySegment struct) {
        long gpa = UserStruct.u64(struct, PreFaultMemoryLayout.GPA);
        long size = UserStruct.u64(struct, PreFaultMemoryLayout.SIZE);
        if (UserStruct.u64(struct, PreFaultMemoryLayout.FLAGS) != 0 || !isRange(gpa, size)) {
            return Failure.EINVAL;
        }
        long left = size;
        long error = 0;
        // As in the kernel, no set of memslots goes away during the whole call.
        ReadSections.Reader reader = vcpu.slotReader();
        vcpu.vm().slots().readers().enter(reader);
        try {
            while (left != 0 && error == 0) {
                long done =
                        vcpu.isInterrupted() ? Failure.EINTR : vcpu.preFault().step(gpa, left);
                if (done < 0) {
                    error = done;
                } else {
                    gpa += done;
                    left -= done;
                }
            }
        } finally {
            vcpu.vm().slots().readers().exit(reader);
        }
        UserStruct.u64(struct, PreFaultMemoryLayout.GPA, gpa);
        UserStruct.u64(struct, PreFaultMemoryLayout.SIZE, left);
        return left == size ? error : 0;
    }

    /** Whether a range is aligned, not empty, and does not reach the end of all addresses. */
    static boolean isRange(long gpa, long size) {
        return ((gpa | size) & 4095) == 0 && Long.compareUnsigned(gpa + size, gpa) > 0;
    }

    /** Maps what lies at a gpa: bytes done, up to {@code size}, or a negated errno. */
    private long step(long gpa, long size) {
        if (!vm.mayPreFault()) {
            return Failure.EOPNOTSUPP;
        }
        if (vm.isAlias(gpa)) {
            return Failure.EINVAL;
        }
        Root root = vcpu.reloadRoot();
        long gfn = gpa >>> 12;
        if (!vcpu.usesTdp()) {
            return Failure.EOPNOTSUPP;
        }
        int result = fault(root, gfn, vm.isPrivate(gfn));
        if (result < 0) {
            return result;
        }
        switch (result) {
            case FaultResult.FIXED, FaultResult.SPURIOUS, FaultResult.WRITE_PROTECTED -> {}
            case FaultResult.EMULATE -> {
                return Failure.ENOENT;
            }
            default -> {
                return Failure.EIO;
            }
        }
        PageFault fault = vcpu.faults().last();
        long blockSize = Spte.pages(fault.goalLevel) << 12;
        long done = Math.min(
                Long.compareUnsigned(size, blockSize) < 0 ? size : blockSize, blockSize - (gpa & (blockSize - 1)));
        if (fault.goalLevel == 1 && done < size) {
            return done + row(root, gfn + 1, size - done);
        }
        return done;
    }

    /** The fault until it is not to be retried. */
    private int fault(Root root, long gfn, boolean isPrivate) {
        int retries = 0;
        while (true) {
            if (vcpu.isInterrupted()) {
                return Failure.EINTR;
            }
            if (vm.isDead()) {
                return Failure.EIO;
            }
            int result = vcpu.faults().handle(root, gfn, false, false, false, true, isPrivate, 3);
            if (result != FaultResult.RETRY) {
                return result;
            }
            // The root is not reloaded here: with it invalid, the loop goes on until there is a signal, as in the
            // kernel.
            if (++retries == vm.options().preFaultRetries()) {
                return Failure.EAGAIN;
            }
            vm.schedule().point(Schedule.Point.WAITING);
            Thread.onSpinWait();
        }
    }

    /** Maps pages behind one that has just been mapped, in the same table: bytes done, 0 if single steps must do it. */
    private long row(Root root, long gfn, long size) {
        Memslot slot = vcpu.faults().slot(gfn);
        long until = Math.min(gfn + (size >>> 12), (gfn + ROW - 1) & -ROW);
        if (slot == null
                || slot.isInvalid()
                || slot.isGuestMemfdOnly()
                || !vm.options().accessedDirtyBits()) {
            return 0;
        }
        int count = (int) (Math.min(until, slot.endGfn()) - gfn);
        if (count <= 0) {
            return 0;
        }
        long sequence = mmu.invalidations().sequence();
        vm.schedule().point(Schedule.Point.SEQUENCE_READ);
        if (vm.type().privateMemory() && !vm.attributes().isUniform(gfn, gfn + count, false)) {
            return 0;
        }
        int found = vm.memory().faultIn(slot.hva(gfn), count, false, row);
        if (found == 0) {
            return 0;
        }
        vm.schedule().point(Schedule.Point.PAGE_LOOKED_UP);
        ReadSections.Reader reader = vcpu.tableReader();
        mmu.readers().enter(reader);
        mmu.lock().lockRead(vcpu.id());
        try {
            return (long) mmu.mapRow(root, slot, gfn, sequence, row, found, vcpu) << 12;
        } finally {
            mmu.lock().unlockRead(vcpu.id());
            mmu.readers().exit(reader);
        }
    }
}
