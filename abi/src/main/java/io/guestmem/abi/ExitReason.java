package io.guestmem.abi;

/**
 * Why {@code KVM_RUN} returned: the values of {@code kvm_run.exit_reason} that x86 has.
 *
 * <p>Source: Linux 7.2 {@code include/uapi/linux/kvm.h}.
 */
public final class ExitReason {
    /** {@code KVM_EXIT_UNKNOWN}: the processor gave a reason that KVM does not know. */
    public static final int UNKNOWN = 0;
    /** {@code KVM_EXIT_EXCEPTION}. */
    public static final int EXCEPTION = 1;
    /** {@code KVM_EXIT_IO}: access to a port. */
    public static final int IO = 2;
    /** {@code KVM_EXIT_HYPERCALL}: such as the conversion of memory between shared and private. */
    public static final int HYPERCALL = 3;
    /** {@code KVM_EXIT_DEBUG}. */
    public static final int DEBUG = 4;
    /** {@code KVM_EXIT_HLT}: the guest halted, and there is no irqchip in the kernel. */
    public static final int HLT = 5;
    /** {@code KVM_EXIT_MMIO}: access to a gpa without a memslot, or a write to a read-only one. */
    public static final int MMIO = 6;
    /** {@code KVM_EXIT_IRQ_WINDOW_OPEN}: the guest takes interrupts now. */
    public static final int IRQ_WINDOW_OPEN = 7;
    /** {@code KVM_EXIT_SHUTDOWN}: triple fault. */
    public static final int SHUTDOWN = 8;
    /** {@code KVM_EXIT_FAIL_ENTRY}: the processor refused the guest's state. */
    public static final int FAIL_ENTRY = 9;
    /** {@code KVM_EXIT_INTR}: a signal; {@code KVM_RUN} fails with {@code EINTR}. */
    public static final int INTR = 10;
    /** {@code KVM_EXIT_SET_TPR}. */
    public static final int SET_TPR = 11;
    /** {@code KVM_EXIT_TPR_ACCESS}. */
    public static final int TPR_ACCESS = 12;
    /** {@code KVM_EXIT_NMI}. */
    public static final int NMI = 16;
    /** {@code KVM_EXIT_INTERNAL_ERROR}: KVM could not go on, most often could not emulate. */
    public static final int INTERNAL_ERROR = 17;
    /** {@code KVM_EXIT_SYSTEM_EVENT}. */
    public static final int SYSTEM_EVENT = 24;
    /** {@code KVM_EXIT_IOAPIC_EOI}. */
    public static final int IOAPIC_EOI = 26;
    /** {@code KVM_EXIT_HYPERV}. */
    public static final int HYPERV = 27;
    /** {@code KVM_EXIT_X86_RDMSR}. */
    public static final int X86_RDMSR = 29;
    /** {@code KVM_EXIT_X86_WRMSR}. */
    public static final int X86_WRMSR = 30;
    /** {@code KVM_EXIT_DIRTY_RING_FULL}: collect entries, then {@code KVM_RESET_DIRTY_RINGS}. */
    public static final int DIRTY_RING_FULL = 31;
    /** {@code KVM_EXIT_AP_RESET_HOLD}. */
    public static final int AP_RESET_HOLD = 32;
    /** {@code KVM_EXIT_X86_BUS_LOCK}. */
    public static final int X86_BUS_LOCK = 33;
    /** {@code KVM_EXIT_XEN}. */
    public static final int XEN = 34;
    /** {@code KVM_EXIT_NOTIFY}. */
    public static final int NOTIFY = 37;
    /** {@code KVM_EXIT_MEMORY_FAULT}: {@code KVM_RUN} failed with {@code EFAULT} or {@code EHWPOISON} and says where. */
    public static final int MEMORY_FAULT = 39;
    /** {@code KVM_EXIT_TDX}: a call of a TDX guest that the user answers. */
    public static final int TDX = 40;

    private ExitReason() {}

    /** The name in C, such as {@code KVM_EXIT_IO}, or {@code exit reason 200} for a number that is not above. */
    public static String name(int exitReason) {
        return switch (exitReason) {
            case UNKNOWN -> "KVM_EXIT_UNKNOWN";
            case EXCEPTION -> "KVM_EXIT_EXCEPTION";
            case IO -> "KVM_EXIT_IO";
            case HYPERCALL -> "KVM_EXIT_HYPERCALL";
            case DEBUG -> "KVM_EXIT_DEBUG";
            case HLT -> "KVM_EXIT_HLT";
            case MMIO -> "KVM_EXIT_MMIO";
            case IRQ_WINDOW_OPEN -> "KVM_EXIT_IRQ_WINDOW_OPEN";
            case SHUTDOWN -> "KVM_EXIT_SHUTDOWN";
            case FAIL_ENTRY -> "KVM_EXIT_FAIL_ENTRY";
            case INTR -> "KVM_EXIT_INTR";
            case SET_TPR -> "KVM_EXIT_SET_TPR";
            case TPR_ACCESS -> "KVM_EXIT_TPR_ACCESS";
            case NMI -> "KVM_EXIT_NMI";
            case INTERNAL_ERROR -> "KVM_EXIT_INTERNAL_ERROR";
            case SYSTEM_EVENT -> "KVM_EXIT_SYSTEM_EVENT";
            case IOAPIC_EOI -> "KVM_EXIT_IOAPIC_EOI";
            case HYPERV -> "KVM_EXIT_HYPERV";
            case X86_RDMSR -> "KVM_EXIT_X86_RDMSR";
            case X86_WRMSR -> "KVM_EXIT_X86_WRMSR";
            case DIRTY_RING_FULL -> "KVM_EXIT_DIRTY_RING_FULL";
            case AP_RESET_HOLD -> "KVM_EXIT_AP_RESET_HOLD";
            case X86_BUS_LOCK -> "KVM_EXIT_X86_BUS_LOCK";
            case XEN -> "KVM_EXIT_XEN";
            case NOTIFY -> "KVM_EXIT_NOTIFY";
            case MEMORY_FAULT -> "KVM_EXIT_MEMORY_FAULT";
            case TDX -> "KVM_EXIT_TDX";
            default -> "exit reason " + exitReason;
        };
    }
}
