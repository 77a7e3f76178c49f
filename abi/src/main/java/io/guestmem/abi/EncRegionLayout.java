package io.guestmem.abi;

/**
 * The argument of {@code KVM_MEMORY_ENCRYPT_REG_REGION} and {@code KVM_MEMORY_ENCRYPT_UNREG_REGION}: host memory that may
 * hold ciphertext, and so stays pinned.
 *
 * <pre>{@code
 * struct kvm_enc_region {
 *     __u64 addr;  //  0  in: hva
 *     __u64 size;  //  8  in: bytes
 * };               // 16
 * }</pre>
 *
 * <p>Source: Linux 7.2 {@code include/uapi/linux/kvm.h}.
 */
public final class EncRegionLayout {
    /** {@code __u64 addr}. */
    public static final int ADDR = 0;
    /** {@code __u64 size}. */
    public static final int SIZE = 8;

    /** The whole struct. */
    public static final Struct STRUCT =
            Struct.of("kvm_enc_region", 16).u64("addr", ADDR).u64("size", SIZE).build();

    private EncRegionLayout() {}
}
