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
import io.guestmem.paging.Access;
import io.guestmem.paging.PagingState;
import io.guestmem.paging.PdpteRegisters;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Optional;

/**
 * What of a vCPU decides how its addresses are translated, read while it does not run: good for any number of walks until it
 * runs again.
 *
 * @param state the registers of paging
 * @param longCode EFER.LMA and CS.L: decides which linear addresses there are
 * @param alignmentCheck RFLAGS.AC: excuses the supervisor from SMAP
 */
public record PausedVcpu(PagingState state, boolean longCode, boolean alignmentCheck) {
    private static final long EFER_LMA = 1 << 10;
    private static final long RFLAGS_AC = 1 << 18;
    private static final long CR4_PKE = 1 << 22;

    /**
     * Asks a vCPU.
     *
     * @param cpuid what it was given with {@code KVM_SET_CPUID2}
     * @return empty if it is in guest mode: it runs a guest of its guest, whose registers these would be, and whose addresses go
     *     through a second stage
     * @throws KernelException if its state cannot be read: with EINVAL if it is protected
     */
    public static Optional<PausedVcpu> of(Vcpu vcpu, Cpuid cpuid) {
        return of(vcpu.file(), CpuidFeatures.of(cpuid));
    }

    static Optional<PausedVcpu> of(KvmFile vcpu, CpuidFeatures features) {
        try (Arena arena = Arena.ofConfined()) {
            Questions questions = new Questions(vcpu, arena);
            return questions.isInGuestMode() ? Optional.empty() : Optional.of(questions.answers(features));
        }
    }

    /** {@link Access#ALIGNMENT_CHECK} if RFLAGS.AC is set, else nothing: to be added to what the vCPU's accesses are. */
    public int access() {
        return alignmentCheck ? Access.ALIGNMENT_CHECK : Access.READ;
    }

    private record Questions(KvmFile vcpu, Arena arena) {
        /**
         * A KVM without nested virtualisation refuses the question: then no vCPU is in guest mode. One that had it for AMD without
         * this request (before Linux 5.8) refuses {@code GET_SREGS2} (5.14), too, so nothing is answered wrongly.
         */
        boolean isInGuestMode() {
            MemorySegment nested = arena.allocate(NestedStateLayout.MOST_BYTES, Long.BYTES);
            nested.set(ValueLayout.JAVA_INT, NestedStateLayout.SIZE, NestedStateLayout.MOST_BYTES);
            long result = request(KvmIoctl.GET_NESTED_STATE, nested);
            if (result == -ErrorNumber.EINVAL.number()) {
                return false;
            }
            check(KvmIoctl.GET_NESTED_STATE, result);
            return (nested.get(ValueLayout.JAVA_SHORT, NestedStateLayout.FLAGS) & NestedStateLayout.GUEST_MODE) != 0;
        }

        PausedVcpu answers(CpuidFeatures features) {
            MemorySegment sregs = ask(KvmIoctl.GET_SREGS2, arena.allocate(Sregs2Layout.STRUCT.size(), Long.BYTES));
            MemorySegment regs = ask(KvmIoctl.GET_REGS, arena.allocate(RegsLayout.STRUCT.size(), Long.BYTES));
            PagingState state = state(sregs, features);
            boolean longCode = (state.efer() & EFER_LMA) != 0
                    && sregs.get(ValueLayout.JAVA_BYTE, Sregs2Layout.CS + SegmentLayout.L) != 0;
            boolean alignmentCheck = (regs.get(ValueLayout.JAVA_LONG, RegsLayout.RFLAGS) & RFLAGS_AC) != 0;
            return new PausedVcpu(state, longCode, alignmentCheck);
        }

        private PagingState state(MemorySegment sregs, CpuidFeatures features) {
            long cr4 = sregs.get(ValueLayout.JAVA_LONG, Sregs2Layout.CR4);
            boolean registers = (sregs.get(ValueLayout.JAVA_LONG, Sregs2Layout.FLAGS) & Sregs2Layout.PDPTRS_VALID) != 0;
            return new PagingState(
                    sregs.get(ValueLayout.JAVA_LONG, Sregs2Layout.CR0),
                    sregs.get(ValueLayout.JAVA_LONG, Sregs2Layout.CR3),
                    cr4,
                    sregs.get(ValueLayout.JAVA_LONG, Sregs2Layout.EFER),
                    registers ? pdptes(sregs) : PdpteRegisters.NONE,
                    (cr4 & CR4_PKE) != 0 ? pkru(features.pkruOffset()) : 0,
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
        private int pkru(int offset) {
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
}
