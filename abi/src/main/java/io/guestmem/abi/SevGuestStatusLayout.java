package io.guestmem.abi;

/**
 * The data of {@code KVM_SEV_GUEST_STATUS}.
 *
 * <pre>{@code
 * struct kvm_sev_guest_status {
 *     __u32 handle;  // 0  out: the firmware's number of the guest
 *     __u32 policy;  // 4  out
 *     __u32 state;   // 8  out: of the launch
 * };                 // 12
 * }</pre>
 *
 * <p>Source: Linux 7.2 {@code arch/x86/include/uapi/asm/kvm.h}; AMD SEV API, table "Guest states".
 */
public final class SevGuestStatusLayout {
    /** {@code __u32 handle}. */
    public static final int HANDLE = 0;
    /** {@code __u32 policy}. */
    public static final int POLICY = 4;
    /** {@code __u32 state}. */
    public static final int STATE = 8;

    /** Memory can be encrypted. */
    public static final int STATE_LAUNCH_UPDATE = 1;
    /** It was measured: secrets can come. */
    public static final int STATE_LAUNCH_SECRET = 2;
    /** The launch is over. */
    public static final int STATE_RUNNING = 3;

    /** The whole struct. */
    public static final Struct STRUCT = Struct.of("kvm_sev_guest_status", 12)
            .u32("handle", HANDLE)
            .u32("policy", POLICY)
            .u32("state", STATE)
            .build();

    private SevGuestStatusLayout() {}
}
