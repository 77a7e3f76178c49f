package io.guestmem.abi;

/**
 * The data of {@code KVM_SEV_LAUNCH_START}.
 *
 * <pre>{@code
 * struct kvm_sev_launch_start {
 *     __u32 handle;         //  0  in: 0 for a new key; out: the firmware's number of the guest
 *     __u32 policy;         //  4  in
 *     __u64 dh_uaddr;       //  8  in: the owner's certificate, or 0
 *     __u32 dh_len;         // 16  in
 *     __u32 pad0;           // 20
 *     __u64 session_uaddr;  // 24  in: the owner's session, or 0
 *     __u32 session_len;    // 32  in
 *     __u32 pad1;           // 36
 * };                        // 40
 * }</pre>
 *
 * <p>Source: Linux 7.2 {@code arch/x86/include/uapi/asm/kvm.h}.
 */
public final class SevLaunchStartLayout {
    /** {@code __u32 handle}. */
    public static final int HANDLE = 0;
    /** {@code __u32 policy}. */
    public static final int POLICY = 4;
    /** {@code __u64 dh_uaddr}. */
    public static final int DH_UADDR = 8;
    /** {@code __u32 dh_len}. */
    public static final int DH_LEN = 16;
    /** {@code __u32 pad0}. */
    public static final int PAD0 = 20;
    /** {@code __u64 session_uaddr}. */
    public static final int SESSION_UADDR = 24;
    /** {@code __u32 session_len}. */
    public static final int SESSION_LEN = 32;
    /** {@code __u32 pad1}. */
    public static final int PAD1 = 36;

    /** The whole struct. */
    public static final Struct STRUCT = Struct.of("kvm_sev_launch_start", 40)
            .u32("handle", HANDLE)
            .u32("policy", POLICY)
            .u64("dh_uaddr", DH_UADDR)
            .u32("dh_len", DH_LEN)
            .u32("pad0", PAD0)
            .u64("session_uaddr", SESSION_UADDR)
            .u32("session_len", SESSION_LEN)
            .u32("pad1", PAD1)
            .build();

    private SevLaunchStartLayout() {}
}
