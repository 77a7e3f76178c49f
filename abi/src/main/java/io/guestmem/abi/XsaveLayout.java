package io.guestmem.abi;

/**
 * The argument of {@code KVM_GET_XSAVE}: the extended state in XSAVE's standard format, as CPUID leaf 0xD lays it out.
 *
 * <pre>{@code
 * struct kvm_xsave {
 *     __u32 region[1024];  // 0  512 bytes of FXSAVE, XSTATE_BV at 512, then a component each
 *     __u32 extra[0];      // 4096
 * };                       // 4096
 * }</pre>
 *
 * <p>Source: Linux 7.2 {@code arch/x86/include/uapi/asm/kvm.h}; Intel SDM volume 1, 13.4.
 */
public final class XsaveLayout {
    /** {@code __u32 region[1024]}. */
    public static final int REGION = 0;
    /** XSTATE_BV, 64 bits: which components are not in their initial state. */
    public static final int XSTATE_BV = 512;
    /** The component that is PKRU; its offset is EBX of CPUID leaf 0xD, subleaf 9. */
    public static final int PKRU_COMPONENT = 9;

    /** The whole struct. */
    public static final Struct STRUCT = Struct.of("kvm_xsave", 4096)
            .array("region", REGION, Integer.BYTES, 1024)
            .build();

    private XsaveLayout() {}
}
