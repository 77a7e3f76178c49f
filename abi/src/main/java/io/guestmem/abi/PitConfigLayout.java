package io.guestmem.abi;

/**
 * The argument of {@code KVM_CREATE_PIT2}, which creates the timer of the PC inside the kernel.
 *
 * <pre>{@code
 * struct kvm_pit_config {
 *     __u32 flags;    //  0  in: 0 or SPEAKER_DUMMY
 *     __u32 pad[15];  //  4
 * };                  // 64
 * }</pre>
 *
 * <p>Source: Linux 7.2 {@code include/uapi/linux/kvm.h}.
 */
public final class PitConfigLayout {
    /** {@code __u32 flags}. */
    public static final int FLAGS = 0;
    /** {@code __u32 pad[15]}. */
    public static final int PAD = 4;

    /** {@code KVM_PIT_SPEAKER_DUMMY}: answer the speaker's port too. */
    public static final int SPEAKER_DUMMY = 1;

    /** The whole struct. */
    public static final Struct STRUCT = Struct.of("kvm_pit_config", 64)
            .u32("flags", FLAGS)
            .array("pad", PAD, Integer.BYTES, 15)
            .build();

    private PitConfigLayout() {}
}
