package io.guestmem.kvm.translate;

import io.guestmem.abi.KernelException;
import io.guestmem.abi.KvmFile;
import io.guestmem.kvm.Cpuid;
import io.guestmem.kvm.Vcpu;
import io.guestmem.paging.PhysicalMemory;
import io.guestmem.paging.SetBits;
import io.guestmem.paging.Translate2;
import io.guestmem.paging.WalkPlan;
import io.guestmem.paging.Walker;
import java.util.Set;

/**
 * {@code KVM_TRANSLATE2} for a vCPU, in user space. Used by one thread at a time, while the vCPU does not run.
 */
public final class Translate2Requests {
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
        return PausedVcpu.of(vcpu, features)
                .map(paused -> answer(paused, linear, flags, access))
                .orElseGet(Translate2Result.InGuestMode::new);
    }

    private Translate2Result answer(PausedVcpu paused, long linear, int flags, int access) {
        WalkPlan plan = WalkPlan.of(paused.state());
        if (flags == SetBits.NONE) {
            Walker walker = new Walker(plan, memory);
            return new Translate2Result.Answered(answer(paused, walker, linear, flags, access), Set.of());
        }
        WrittenPages recording = new WrittenPages(memory);
        Translate2.Answer answer = answer(paused, new Walker(plan, recording), linear, flags, access);
        return new Translate2Result.Answered(answer, recording.written());
    }

    private Translate2.Answer answer(PausedVcpu paused, Walker walker, long linear, int flags, int access) {
        return rules.answer(walker, linear, flags, access, paused.longCode(), paused.alignmentCheck());
    }
}
