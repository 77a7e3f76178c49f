package io.guestmem.kvm.translate;

import io.guestmem.abi.ErrorNumber;
import io.guestmem.abi.KernelException;
import io.guestmem.abi.KvmFile;
import io.guestmem.abi.KvmIoctl;
import io.guestmem.abi.NestedStateLayout;
import io.guestmem.abi.RegsLayout;
import io.guestmem.abi.SegmentLayout;
import io.guestmem.abi.Sregs2Layout;
import io.guestmem.abi.XsaveLayout;
import io.guestmem.kvm.Cpuid;
import io.guestmem.kvm.Vcpu;
import io.guestmem.paging.PagingState;
import io.guestmem.paging.PdpteRegisters;
import io.guestmem.paging.PhysicalMemory;
import io.guestmem.paging.SetBits;
import io.guestmem.paging.Translate2;
import io.guestmem.paging.WalkPlan;
import io.guestmem.paging.Walker;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Set;

/**
 * {@code KVM_TRANSLATE2} for a vCPU, in user space. Used by one thread at a time, while the vCPU does not run.
 */
public final class Translate2Requests {
    private static final long EFER_LMA = 1 << 10;
    private static final long RFLAGS_AC = 1 << 18;
    private static final long CR4_PKE = 1 << 22;

    private final KvmFile vcpu;
    private final CpuidFeatures features;
    private final PhysicalMemory memory;
    private final Translate2 rules;

    /**
     * Requests for a vCPU.
     *
     * @param cpuid what it was given with {@code KVM_SET_CPUID2}
     * @param memory its guest's memory, see {@link SlotMemory}
     * @param rules where the proposal's documentation and its code differ
     */
    public Translate2Requests(Vcpu vcpu, Cpuid cpuid, PhysicalMemory memory, Translate2 rules) {
        this.vcpu = vcpu.file();
        this.features = CpuidFeatures.of(cpuid);
        this.memory = memory;
        this.rules = rules;
    }

    /**
     * One request.
     *
     * @param flags bits of {@link SetBits}
     * @param access WRITE, USER and EXECUTE of {@link io.guestmem.paging.Access}
     * @throws KernelException if the vCPU's state cannot be read: with EINVAL if it is protected
     */
    public Translate2Result translate(long linear, int flags, int access) {
        if (!Translate2.isValid(flags, access)) {
            return new Translate2Result.Invalid();
        }
        try (Arena arena = Arena.ofConfined()) {
            if (isInGuestMode(arena)) {
                return new Translate2Result.InGuestMode();
            }
            MemorySegment sregs = ask(KvmIoctl.GET_SREGS2, arena.allocate(Sregs2Layout.STRUCT.size(), Long.BYTES));
            MemorySegment regs = ask(KvmIoctl.GET_REGS, arena.allocate(RegsLayout.STRUCT.size(), Long.BYTES));
            PagingState state = state(arena, sregs);
            boolean longCode = (state.efer() & EFER_LMA) != 0
                    && sregs.get(ValueLayout.JAVA_BYTE, Sregs2Layout.CS + SegmentLayout.L) != 0;
            boolean alignmentCheck = (regs.get(ValueLayout.JAVA_LONG, RegsLayout.RFLAGS) & RFLAGS_AC) != 0;
            return answer(state, linear, flags, access, longCode, alignmentCheck);
        }
    }

    private Translate2Result answer(
            PagingState state, long linear, int flags, int access, boolean longCode, boolean alignmentCheck) {
        WalkPlan plan = WalkPlan.of(state);
        if (flags == SetBits.NONE) {
            Walker walker = new Walker(plan, memory);
            return new Translate2Result.Answered(
                    rules.answer(walker, linear, flags, access, longCode, alignmentCheck), Set.of());
        }
        WrittenPages recording = new WrittenPages(memory);
        Translate2.Answer answer =
                rules.answer(new Walker(plan, recording), linear, flags, access, longCode, alignmentCheck);
        return new Translate2Result.Answered(answer, recording.written());
    }

    /** A kernel without nested virtualisation refuses the question: then no vCPU is in guest mode. */
    private boolean isInGuestMode(Arena arena) {
        MemorySegment nested = arena.allocate(NestedStateLayout.MOST_BYTES, Long.BYTES);
        nested.set(ValueLayout.JAVA_INT, NestedStateLayout.SIZE, NestedStateLayout.MOST_BYTES);
        long result = request(KvmIoctl.GET_NESTED_STATE, nested);
        if (result == -ErrorNumber.EINVAL.number()) {
            return false;
        }
        check(KvmIoctl.GET_NESTED_STATE, result);
        return (nested.get(ValueLayout.JAVA_SHORT, NestedStateLayout.FLAGS) & NestedStateLayout.GUEST_MODE) != 0;
    }

    private PagingState state(Arena arena, MemorySegment sregs) {
        long cr4 = sregs.get(ValueLayout.JAVA_LONG, Sregs2Layout.CR4);
        boolean registers = (sregs.get(ValueLayout.JAVA_LONG, Sregs2Layout.FLAGS) & Sregs2Layout.PDPTRS_VALID) != 0;
        return new PagingState(
                sregs.get(ValueLayout.JAVA_LONG, Sregs2Layout.CR0),
                sregs.get(ValueLayout.JAVA_LONG, Sregs2Layout.CR3),
                cr4,
                sregs.get(ValueLayout.JAVA_LONG, Sregs2Layout.EFER),
                registers ? pdptes(sregs) : PdpteRegisters.NONE,
                (cr4 & CR4_PKE) != 0 ? pkru(arena) : 0,
                features.paging());
    }

    private static PdpteRegisters pdptes(MemorySegment sregs) {
        return new PdpteRegisters(
                sregs.get(ValueLayout.JAVA_LONG, Sregs2Layout.PDPTRS),
                sregs.get(ValueLayout.JAVA_LONG, Sregs2Layout.PDPTRS + Long.BYTES),
                sregs.get(ValueLayout.JAVA_LONG, Sregs2Layout.PDPTRS + 2 * Long.BYTES),
                sregs.get(ValueLayout.JAVA_LONG, Sregs2Layout.PDPTRS + 3 * Long.BYTES));
    }

    /** A component in its initial state, which for PKRU is 0, need not be in memory. */
    private int pkru(Arena arena) {
        int offset = features.pkruOffset();
        if (offset == 0) {
            return 0;
        }
        MemorySegment xsave = ask(KvmIoctl.GET_XSAVE, arena.allocate(XsaveLayout.STRUCT.size(), Long.BYTES));
        long components = xsave.get(ValueLayout.JAVA_LONG, XsaveLayout.XSTATE_BV);
        return ((components >>> XsaveLayout.PKRU_COMPONENT) & 1) != 0 ? xsave.get(ValueLayout.JAVA_INT, offset) : 0;
    }

    private MemorySegment ask(KvmIoctl request, MemorySegment struct) {
        check(request, request(request, struct));
        return struct;
    }

    private long request(KvmIoctl request, MemorySegment struct) {
        long result;
        do {
            result = vcpu.ioctl(request.code(), struct);
        } while (result == -ErrorNumber.EINTR.number());
        return result;
    }

    private void check(KvmIoctl request, long result) {
        if (result < 0) {
            int errno = Math.toIntExact(-result);
            throw new KernelException(request.request(), errno, ErrorNumber.symbol(errno), vcpu.name());
        }
    }
}
