package io.guestmem.abi;

/**
 * The data of {@code KVM_SEV_LAUNCH_SECRET}: a packet of the owner's, and where its plaintext goes.
 *
 * <pre>{@code
 * struct kvm_sev_launch_secret {
 *     __u64 hdr_uaddr;    //  0  in: 52 bytes: flags, IV, MAC
 *     __u32 hdr_len;      //  8  in
 *     __u32 pad0;         // 12
 *     __u64 guest_uaddr;  // 16  in: hva in guest memory, in one page
 *     __u32 guest_len;    // 24  in
 *     __u32 pad1;         // 28
 *     __u64 trans_uaddr;  // 32  in: the encrypted secret
 *     __u32 trans_len;    // 40  in
 *     __u32 pad2;         // 44
 * };                      // 48
 * }</pre>
 *
 * <p>Source: Linux 7.2 {@code arch/x86/include/uapi/asm/kvm.h}, {@code arch/x86/kvm/svm/sev.c:sev_launch_secret}.
 */
public final class SevLaunchSecretLayout {
    /** {@code __u64 hdr_uaddr}. */
    public static final int HDR_UADDR = 0;
    /** {@code __u32 hdr_len}. */
    public static final int HDR_LEN = 8;
    /** {@code __u32 pad0}. */
    public static final int PAD0 = 12;
    /** {@code __u64 guest_uaddr}. */
    public static final int GUEST_UADDR = 16;
    /** {@code __u32 guest_len}. */
    public static final int GUEST_LEN = 24;
    /** {@code __u32 pad1}. */
    public static final int PAD1 = 28;
    /** {@code __u64 trans_uaddr}. */
    public static final int TRANS_UADDR = 32;
    /** {@code __u32 trans_len}. */
    public static final int TRANS_LEN = 40;
    /** {@code __u32 pad2}. */
    public static final int PAD2 = 44;

    /** The whole struct. */
    public static final Struct STRUCT = Struct.of("kvm_sev_launch_secret", 48)
            .u64("hdr_uaddr", HDR_UADDR)
            .u32("hdr_len", HDR_LEN)
            .u32("pad0", PAD0)
            .u64("guest_uaddr", GUEST_UADDR)
            .u32("guest_len", GUEST_LEN)
            .u32("pad1", PAD1)
            .u64("trans_uaddr", TRANS_UADDR)
            .u32("trans_len", TRANS_LEN)
            .u32("pad2", PAD2)
            .build();

    private SevLaunchSecretLayout() {}
}
