package io.guestmem.abi;

/**
 * The argument of {@code KVM_MEMORY_ENCRYPT_OP} of TDX VMs and their vCPUs.
 *
 * <pre>{@code
 * struct kvm_tdx_cmd {
 *     __u32 id;        //  0  in: the command
 *     __u32 flags;     //  4  in: by command
 *     __u64 data;      //  8  in: pointer to the command's struct
 *     __u64 hw_error;  // 16  in: must be 0; out: status of the TDX module
 * };                   // 24
 * }</pre>
 *
 * <p>{@code hw_error} is written back for commands of the VM. Source: Linux 7.2 {@code arch/x86/include/uapi/asm/kvm.h}.
 */
public final class TdxCommandLayout {
    /** {@code __u32 id}. */
    public static final int ID = 0;
    /** {@code __u32 flags}. */
    public static final int FLAGS = 4;
    /** {@code __u64 data}. */
    public static final int DATA = 8;
    /** {@code __u64 hw_error}. */
    public static final int HW_ERROR = 16;

    /** {@code KVM_TDX_CAPABILITIES}, of the VM. */
    public static final int CAPABILITIES = 0;
    /** {@code KVM_TDX_INIT_VM}, of the VM. */
    public static final int INIT_VM = 1;
    /** {@code KVM_TDX_INIT_VCPU}, of a vCPU. */
    public static final int INIT_VCPU = 2;
    /** {@code KVM_TDX_INIT_MEM_REGION}, of a vCPU, with {@link TdxInitMemRegionLayout}. */
    public static final int INIT_MEM_REGION = 3;
    /**
     * {@code KVM_TDX_EXTEND_MEMORY}, of the VM, with {@link MemoryMappingV1Layout}: measures the content of pages that were added
     * before. Never merged: kernels answer {@code EINVAL}. Source: TDX patches v19, 075/130, 26 February 2024.
     */
    public static final int EXTEND_MEMORY = 3;
    /** {@code KVM_TDX_FINALIZE_VM}, of the VM. */
    public static final int FINALIZE_VM = 4;
    /** {@code KVM_TDX_GET_CPUID}, of a vCPU. */
    public static final int GET_CPUID = 5;
    /** {@code KVM_TDX_MEASURE_MEMORY_REGION}: flag of INIT_MEM_REGION, measures the content too. */
    public static final int MEASURE_MEMORY_REGION = 1;

    /** The whole struct. */
    public static final Struct STRUCT = Struct.of("kvm_tdx_cmd", 24)
            .u32("id", ID)
            .u32("flags", FLAGS)
            .u64("data", DATA)
            .u64("hw_error", HW_ERROR)
            .build();

    private TdxCommandLayout() {}
}
