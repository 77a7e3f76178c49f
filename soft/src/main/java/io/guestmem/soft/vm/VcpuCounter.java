package io.guestmem.soft.vm;

/**
 * The statistics of a vCPU in the order of their file, after the generic ones. Source: Linux 7.2
 * {@code x86.c:kvm_vcpu_stats_desc}.
 */
public enum VcpuCounter {
    /** Faults that entered the MMU. */
    PF_TAKEN,
    /** Faults that a new mapping ended. */
    PF_FIXED,
    /** Faults that the emulator had to finish. */
    PF_EMULATE,
    /** Faults that found everything in place. */
    PF_SPURIOUS,
    /** Faults that needed no lock. */
    PF_FAST,
    /** MMIO entries made. */
    PF_MMIO_SPTE_CREATED,
    /** Faults that belong to the guest. */
    PF_GUEST,
    /** Flushes of this vCPU's TLB. */
    TLB_FLUSH,
    /** INVLPGs that were intercepted. */
    INVLPG,
    /** Exits from the guest. */
    EXITS,
    /** Exits for ports. */
    IO_EXITS,
    /** Exits for MMIO. */
    MMIO_EXITS,
    /** Returns to the user for a signal. */
    SIGNAL_EXITS,
    /** Exits when interrupts can be injected. */
    IRQ_WINDOW_EXITS,
    /** Exits when NMIs can be injected. */
    NMI_WINDOW_EXITS,
    /** Flushes of the L1 data cache. */
    L1D_FLUSH,
    /** Exits for HLT. */
    HALT_EXITS,
    /** Exits that the user asked for. */
    REQUEST_IRQ_EXITS,
    /** Exits for interrupts of the host. */
    IRQ_EXITS,
    /** Reloads of the host's state. */
    HOST_STATE_RELOAD,
    /** Reloads of the FPU. */
    FPU_RELOAD,
    /** Emulated instructions. */
    INSN_EMULATION,
    /** Instructions that could not be emulated. */
    INSN_EMULATION_FAIL,
    /** Hypercalls. */
    HYPERCALLS,
    /** Injected interrupts. */
    IRQ_INJECTIONS,
    /** Injected NMIs. */
    NMI_INJECTIONS,
    /** Requests to look at events. */
    REQ_EVENT,
    /** Entries into nested guests. */
    NESTED_RUN,
    /** Directed yields tried. */
    DIRECTED_YIELD_ATTEMPTED,
    /** Directed yields done. */
    DIRECTED_YIELD_SUCCESSFUL,
    /** Preemptions that the guest was told of. */
    PREEMPTION_REPORTED,
    /** Other preemptions. */
    PREEMPTION_OTHER,
    /** Whether it is in guest mode. */
    GUEST_MODE,
    /** Exits for a guest that blocks events. */
    NOTIFY_WINDOW_EXITS
}
