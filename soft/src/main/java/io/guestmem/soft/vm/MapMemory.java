package io.guestmem.soft.vm;

import io.guestmem.abi.MapMemoryV3Layout;
import io.guestmem.abi.MemoryMappingV1Layout;
import io.guestmem.abi.MemoryMappingV2Layout;
import io.guestmem.soft.mmu.FaultResult;
import io.guestmem.soft.mmu.Root;
import io.guestmem.soft.mmu.Spte;
import java.lang.foreign.MemorySegment;

/**
 * {@code KVM_MAP_MEMORY}, as it was proposed three times before it became {@code KVM_PRE_FAULT_MEMORY}. Under the vCPU's mutex.
 *
 * <p>Source: the RFC of 1 March 2024, and its second and third version of 10 and 17 April 2024. Of the bugs in them, those that
 * a caller sees in results are here; what would leak or underflow in the kernel is not.
 */
final class MapMemory {
    private final Vcpu vcpu;
    private final VirtualMachine vm;

    private MapMemory(Vcpu vcpu) {
        this.vcpu = vcpu;
        this.vm = vcpu.vm();
    }

    /** Pages, flags for the access, and a source that no VM here takes. After progress every error is {@code EAGAIN}. */
    static long version1(Vcpu vcpu, UserArgument argument) {
        MemorySegment struct = argument.copyIn(0, MemoryMappingV1Layout.STRUCT.size());
        if (struct == null) {
            return Failure.EFAULT;
        }
        long gfn = UserStruct.u64(struct, MemoryMappingV1Layout.BASE_GFN);
        long pages = UserStruct.u64(struct, MemoryMappingV1Layout.NR_PAGES);
        long flags = UserStruct.u64(struct, MemoryMappingV1Layout.FLAGS);
        long source = UserStruct.u64(struct, MemoryMappingV1Layout.SOURCE);
        long known = MemoryMappingV1Layout.WRITE
                | MemoryMappingV1Layout.EXEC
                | MemoryMappingV1Layout.USER
                | MemoryMappingV1Layout.PRIVATE;
        boolean isPrivate = (flags & MemoryMappingV1Layout.PRIVATE) != 0;
        if ((flags & ~known) != 0
                || (isPrivate && !vcpu.vm().type().privateMemory())
                || (source & 4095) != 0
                || Long.compareUnsigned(gfn + pages, gfn) <= 0) {
            return Failure.EINVAL;
        }
        MapMemory map = new MapMemory(vcpu);
        long left = pages;
        long error = 0;
        while (left != 0 && error == 0) {
            long done = map.step1(gfn, left, flags, source);
            error = Math.min(done, 0);
            gfn += Math.max(done, 0);
            left -= Math.max(done, 0);
        }
        UserStruct.u64(struct, MemoryMappingV1Layout.BASE_GFN, gfn);
        UserStruct.u64(struct, MemoryMappingV1Layout.NR_PAGES, left);
        if (!argument.copyOut(0, struct)) {
            return Failure.EFAULT;
        }
        return left != 0 && left != pages ? Failure.EAGAIN : error;
    }

    /** Maps with one entry that is not larger than what is asked for: pages done, or a negated errno. */
    private long step1(long gfn, long pages, long flags, long source) {
        Root root = vcpu.reloadRoot();
        if (vcpu.isInterrupted()) {
            return Failure.EINTR;
        }
        if (source != 0) {
            return Failure.EINVAL;
        }
        if (!vcpu.usesTdp() || !vm.mayPreFault()) {
            return Failure.EOPNOTSUPP;
        }
        int level = 3;
        while (level > 1 && ((gfn & (Spte.pages(level) - 1)) != 0 || pages < Spte.pages(level))) {
            level--;
        }
        int result = vcpu.faults()
                .handle(
                        root,
                        gfn,
                        (flags & MemoryMappingV1Layout.WRITE) != 0,
                        (flags & MemoryMappingV1Layout.EXEC) != 0,
                        false,
                        false,
                        (flags & MemoryMappingV1Layout.PRIVATE) != 0,
                        level);
        return switch (result) {
            case FaultResult.FIXED, FaultResult.SPURIOUS ->
                Spte.pages(vcpu.faults().last().goalLevel);
            case FaultResult.RETRY -> Failure.EAGAIN;
            case FaultResult.EMULATE -> Failure.EFAULT;
            default -> result < 0 ? result : Failure.EIO;
        };
    }

    /** Bytes, no flags. An error is told even after progress. */
    static long version2(Vcpu vcpu, UserArgument argument) {
        return ofBytes(
                vcpu,
                argument,
                MemoryMappingV2Layout.STRUCT.size(),
                MemoryMappingV2Layout.BASE_ADDRESS,
                MemoryMappingV2Layout.SIZE,
                MemoryMappingV2Layout.FLAGS,
                false);
    }

    /** As the second, but after progress the result is 0, and the page counts as not accessed. */
    static long version3(Vcpu vcpu, UserArgument argument) {
        return ofBytes(
                vcpu,
                argument,
                MapMemoryV3Layout.STRUCT.size(),
                MapMemoryV3Layout.BASE_ADDRESS,
                MapMemoryV3Layout.SIZE,
                MapMemoryV3Layout.FLAGS,
                true);
    }

    private static long ofBytes(
            Vcpu vcpu, UserArgument argument, int size, int baseAt, int sizeAt, int flagsAt, boolean third) {
        MemorySegment struct = argument.copyIn(0, size);
        if (struct == null) {
            return Failure.EFAULT;
        }
        long base = UserStruct.u64(struct, baseAt);
        long bytes = UserStruct.u64(struct, sizeAt);
        if (UserStruct.u64(struct, flagsAt) != 0 || !PreFault.isRange(base, bytes)) {
            return Failure.EINVAL;
        }
        MapMemory map = new MapMemory(vcpu);
        long left = bytes;
        long error = 0;
        while (left != 0 && error == 0) {
            long done = map.step(base, left, third);
            error = Math.min(done, 0);
            base += Math.max(done, 0);
            left -= Math.max(done, 0);
        }
        UserStruct.u64(struct, baseAt, base);
        UserStruct.u64(struct, sizeAt, left);
        if (!argument.copyOut(0, struct)) {
            return Failure.EFAULT;
        }
        return third && left != bytes ? 0 : error;
    }

    /** Maps with one entry of any size: bytes done, or a negated errno. */
    private long step(long base, long size, boolean prefetch) {
        if (vcpu.isInterrupted()) {
            return Failure.EINTR;
        }
        Root root = vcpu.reloadRoot();
        if (!vcpu.usesTdp() || !vm.mayPreFault()) {
            return prefetch ? Failure.EOPNOTSUPP : Failure.EINVAL;
        }
        long gfn = base >>> 12;
        int result = vcpu.faults().handle(root, gfn, false, false, false, prefetch, vm.isPrivate(gfn), 3);
        return switch (result) {
            case FaultResult.FIXED, FaultResult.SPURIOUS -> {
                long block = Spte.pages(vcpu.faults().last().goalLevel) << 12;
                long rest = block - (base & (block - 1));
                yield Long.compareUnsigned(size, rest) < 0 ? size : rest;
            }
            case FaultResult.RETRY -> Failure.EAGAIN;
            case FaultResult.EMULATE -> Failure.EINVAL;
            default -> result < 0 ? result : Failure.EIO;
        };
    }
}
