package io.guestmem.abi;

/**
 * The argument of {@code KVM_SET_SIGNAL_MASK}: the signals that stay blocked inside {@code KVM_RUN}.
 *
 * <pre>{@code
 * struct kvm_signal_mask {
 *     __u32 len;      // 0  in: bytes of the set, 8
 *     __u8 sigset[];  // 4  in: the kernel's set, bit n - 1 for signal n
 * };                  // 4
 * }</pre>
 *
 * <p>The set follows at offset 4, so it is not aligned. Source: Linux 7.2 {@code include/uapi/linux/kvm.h}.
 */
public final class SignalMaskLayout {
    /** {@code __u32 len}. */
    public static final int LEN = 0;
    /** {@code __u8 sigset[]}. */
    public static final int SIGSET = 4;

    /** The whole struct. */
    public static final Struct STRUCT =
            Struct.of("kvm_signal_mask", 4).u32("len", LEN).build();

    private SignalMaskLayout() {}
}
