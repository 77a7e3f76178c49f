package io.guestmem.abi;

/**
 * The data of {@code KVM_SEV_LAUNCH_UPDATE_DATA}, which encrypts and measures host memory where it lies.
 *
 * <pre>{@code
 * struct kvm_sev_launch_update_data {
 *     __u64 uaddr;  //  0  in: hva, which the firmware wants a multiple of 16
 *     __u32 len;    //  8  in: bytes, which the firmware wants a multiple of 16; not 0
 *     __u32 pad0;   // 12
 * };                // 16
 * }</pre>
 *
 * <p>Not written back: an error in the middle leaves a start encrypted and does not say how much. Source: Linux 7.2
 * {@code arch/x86/include/uapi/asm/kvm.h}.
 */
public final class SevLaunchUpdateDataLayout {
    /** {@code __u64 uaddr}. */
    public static final int UADDR = 0;
    /** {@code __u32 len}. */
    public static final int LEN = 8;
    /** {@code __u32 pad0}. */
    public static final int PAD0 = 12;

    /** The whole struct. */
    public static final Struct STRUCT = Struct.of("kvm_sev_launch_update_data", 16)
            .u64("uaddr", UADDR)
            .u32("len", LEN)
            .u32("pad0", PAD0)
            .build();

    private SevLaunchUpdateDataLayout() {}
}
