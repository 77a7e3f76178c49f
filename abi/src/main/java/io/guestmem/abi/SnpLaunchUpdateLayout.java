package io.guestmem.abi;

/**
 * The data of {@code KVM_SEV_SNP_LAUNCH_UPDATE}, which copies pages into private memory, encrypts and measures them.
 *
 * <pre>{@code
 * struct kvm_sev_snp_launch_update {
 *     __u64 gfn_start;  //  0  in/out: first gfn of the range that is left
 *     __u64 uaddr;      //  8  in/out: hva of the content, multiple of 4096; ignored for ZERO
 *     __u64 len;        // 16  in/out: bytes that are left, multiple of 4096, not 0 on entry
 *     __u8 type;        // 24  in: page type
 *     __u8 pad0;        // 25
 *     __u16 flags;      // 26  in: must be 0
 *     __u32 pad1;       // 28
 *     __u64 pad2[4];    // 32
 * };                    // 64
 * }</pre>
 *
 * <p>After any progress the result is 0: only {@code len} says how much is left. Source: Linux 7.2
 * {@code arch/x86/include/uapi/asm/kvm.h}, {@code arch/x86/kvm/svm/sev.c:snp_launch_update}.
 */
public final class SnpLaunchUpdateLayout {
    /** {@code __u64 gfn_start}. */
    public static final int GFN_START = 0;
    /** {@code __u64 uaddr}. */
    public static final int UADDR = 8;
    /** {@code __u64 len}. */
    public static final int LEN = 16;
    /** {@code __u8 type}. */
    public static final int TYPE = 24;
    /** {@code __u8 pad0}. */
    public static final int PAD0 = 25;
    /** {@code __u16 flags}. */
    public static final int FLAGS = 26;
    /** {@code __u32 pad1}. */
    public static final int PAD1 = 28;
    /** {@code __u64 pad2[4]}. */
    public static final int PAD2 = 32;

    /** {@code KVM_SEV_SNP_PAGE_TYPE_NORMAL}: the content is measured. */
    public static final int NORMAL = 1;
    /** {@code KVM_SEV_SNP_PAGE_TYPE_ZERO}: zeros, by the firmware; measured as such. */
    public static final int ZERO = 3;
    /** {@code KVM_SEV_SNP_PAGE_TYPE_UNMEASURED}: the place is measured, the content is not. */
    public static final int UNMEASURED = 4;
    /** {@code KVM_SEV_SNP_PAGE_TYPE_SECRETS}: content by the firmware. */
    public static final int SECRETS = 5;
    /** {@code KVM_SEV_SNP_PAGE_TYPE_CPUID}: checked by the firmware, which may correct the source and fail. */
    public static final int CPUID = 6;

    /** The whole struct. */
    public static final Struct STRUCT = Struct.of("kvm_sev_snp_launch_update", 64)
            .u64("gfn_start", GFN_START)
            .u64("uaddr", UADDR)
            .u64("len", LEN)
            .u8("type", TYPE)
            .u8("pad0", PAD0)
            .u16("flags", FLAGS)
            .u32("pad1", PAD1)
            .array("pad2", PAD2, Long.BYTES, 4)
            .build();

    private SnpLaunchUpdateLayout() {}
}
