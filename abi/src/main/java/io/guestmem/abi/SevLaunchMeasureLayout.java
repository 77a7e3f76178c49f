package io.guestmem.abi;

/**
 * The data of {@code KVM_SEV_LAUNCH_MEASURE}: where the measurement goes.
 *
 * <pre>{@code
 * struct kvm_sev_launch_measure {
 *     __u64 uaddr;  //  0  in: 48 bytes of memory
 *     __u32 len;    //  8  in: bytes there, 0 to ask; out: bytes it takes
 *     __u32 pad0;   // 12
 * };                // 16
 * }</pre>
 *
 * <p>Source: Linux 7.2 {@code arch/x86/include/uapi/asm/kvm.h}, {@code arch/x86/kvm/svm/sev.c:sev_launch_measure}.
 */
public final class SevLaunchMeasureLayout {
    /** {@code __u64 uaddr}. */
    public static final int UADDR = 0;
    /** {@code __u32 len}. */
    public static final int LEN = 8;
    /** {@code __u32 pad0}. */
    public static final int PAD0 = 12;

    /** The whole struct. */
    public static final Struct STRUCT = Struct.of("kvm_sev_launch_measure", 16)
            .u64("uaddr", UADDR)
            .u32("len", LEN)
            .u32("pad0", PAD0)
            .build();

    private SevLaunchMeasureLayout() {}
}
