package io.guestmem.abi;

/**
 * The argument of {@code KVM_GET_MP_STATE} and {@code KVM_SET_MP_STATE}: whether a vCPU runs, waits or is halted.
 *
 * <pre>{@code
 * struct kvm_mp_state {
 *     __u32 mp_state;  // 0  in or out
 * };                   // 4
 * }</pre>
 *
 * <p>Source: Linux 7.2 {@code include/uapi/linux/kvm.h}.
 */
public final class MpStateLayout {
    /** {@code __u32 mp_state}. */
    public static final int MP_STATE = 0;

    /** {@code KVM_MP_STATE_RUNNABLE}. */
    public static final int RUNNABLE = 0;
    /** {@code KVM_MP_STATE_UNINITIALIZED}: waits for INIT; needs the irqchip. */
    public static final int UNINITIALIZED = 1;
    /** {@code KVM_MP_STATE_INIT_RECEIVED}: waits for SIPI; needs the irqchip. */
    public static final int INIT_RECEIVED = 2;
    /** {@code KVM_MP_STATE_HALTED}: waits for an interrupt. */
    public static final int HALTED = 3;
    /** {@code KVM_MP_STATE_SIPI_RECEIVED}. */
    public static final int SIPI_RECEIVED = 4;

    /** The whole struct. */
    public static final Struct STRUCT =
            Struct.of("kvm_mp_state", 4).u32("mp_state", MP_STATE).build();

    private MpStateLayout() {}
}
