package io.guestmem.abi;

/**
 * The argument of {@code KVM_SET_IDENTITY_MAP_ADDR}: a bare {@code __u64}, shown as a struct of one member, which the
 * kernel does not name.
 *
 * <pre>{@code
 * struct kvm_identity_map_address {
 *     __u64 address;  // 0  in: gpa below 4 GiB; 0 for the default, 0xfffbc000
 * };                  // 8
 * }</pre>
 *
 * <p>Source: Linux 7.2 {@code Documentation/virt/kvm/api.rst}, 4.41.
 */
public final class IdentityMapAddressLayout {
    /** {@code __u64 address}. */
    public static final int ADDRESS = 0;

    /** The whole struct. */
    public static final Struct STRUCT =
            Struct.of("kvm_identity_map_address", 8).u64("address", ADDRESS).build();

    private IdentityMapAddressLayout() {}
}
