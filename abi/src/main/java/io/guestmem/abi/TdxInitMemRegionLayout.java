package io.guestmem.abi;

/**
 * The data of {@code KVM_TDX_INIT_MEM_REGION}, which copies pages into private memory and encrypts them.
 *
 * <pre>{@code
 * struct kvm_tdx_init_mem_region {
 *     __u64 source_addr;  //  0  in/out: hva of the content that is left, multiple of 4096
 *     __u64 gpa;          //  8  in/out: multiple of 4096, without the shared bit
 *     __u64 nr_pages;     // 16  in/out: pages of 4096 bytes that are left, not 0 on entry
 * };                      // 24
 * }</pre>
 *
 * <p>Written back once its fields were found valid. Unlike {@code KVM_PRE_FAULT_MEMORY}, an error is returned even after
 * progress. Source: Linux 7.2 {@code arch/x86/include/uapi/asm/kvm.h},
 * {@code arch/x86/kvm/vmx/tdx.c:tdx_vcpu_init_mem_region}.
 */
public final class TdxInitMemRegionLayout {
    /** {@code __u64 source_addr}. */
    public static final int SOURCE_ADDR = 0;
    /** {@code __u64 gpa}. */
    public static final int GPA = 8;
    /** {@code __u64 nr_pages}. */
    public static final int NR_PAGES = 16;

    /** The whole struct. */
    public static final Struct STRUCT = Struct.of("kvm_tdx_init_mem_region", 24)
            .u64("source_addr", SOURCE_ADDR)
            .u64("gpa", GPA)
            .u64("nr_pages", NR_PAGES)
            .build();

    private TdxInitMemRegionLayout() {}
}
