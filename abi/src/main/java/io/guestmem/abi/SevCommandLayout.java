package io.guestmem.abi;

/**
 * The argument of {@code KVM_MEMORY_ENCRYPT_OP} of SEV, SEV-ES and SNP VMs.
 *
 * <pre>{@code
 * struct kvm_sev_cmd {
 *     __u32 id;      //  0  in: the command
 *     __u32 pad0;    //  4
 *     __u64 data;    //  8  in: pointer to the command's struct
 *     __u32 error;   // 16  out: the firmware's status
 *     __u32 sev_fd;  // 20  in: descriptor of /dev/sev
 * };                 // 24
 * }</pre>
 *
 * <p>Written back except when the command is unknown. A null pointer in its place asks whether there is SEV. Source:
 * Linux 7.2 {@code arch/x86/include/uapi/asm/kvm.h}.
 */
public final class SevCommandLayout {
    /** {@code __u32 id}. */
    public static final int ID = 0;
    /** {@code __u32 pad0}. */
    public static final int PAD0 = 4;
    /** {@code __u64 data}. */
    public static final int DATA = 8;
    /** {@code __u32 error}. */
    public static final int ERROR = 16;
    /** {@code __u32 sev_fd}. */
    public static final int SEV_FD = 20;

    /** {@code KVM_SEV_INIT}. */
    public static final int INIT = 0;
    /** {@code KVM_SEV_ES_INIT}. */
    public static final int ES_INIT = 1;
    /** {@code KVM_SEV_LAUNCH_START}, with {@link SevLaunchStartLayout}. */
    public static final int LAUNCH_START = 2;
    /** {@code KVM_SEV_LAUNCH_UPDATE_DATA}, with {@link SevLaunchUpdateDataLayout}. */
    public static final int LAUNCH_UPDATE_DATA = 3;
    /** {@code KVM_SEV_LAUNCH_UPDATE_VMSA}. */
    public static final int LAUNCH_UPDATE_VMSA = 4;
    /** {@code KVM_SEV_LAUNCH_SECRET}, with {@link SevLaunchSecretLayout}. */
    public static final int LAUNCH_SECRET = 5;
    /** {@code KVM_SEV_LAUNCH_MEASURE}, with {@link SevLaunchMeasureLayout}. */
    public static final int LAUNCH_MEASURE = 6;
    /** {@code KVM_SEV_LAUNCH_FINISH}. */
    public static final int LAUNCH_FINISH = 7;
    /** {@code KVM_SEV_GUEST_STATUS}, with {@link SevGuestStatusLayout}. */
    public static final int GUEST_STATUS = 16;
    /** {@code KVM_SEV_INIT2}, with {@link SevInitLayout}. */
    public static final int INIT2 = 22;
    /** {@code KVM_SEV_SNP_LAUNCH_START}, with {@link SnpLaunchStartLayout}. */
    public static final int SNP_LAUNCH_START = 100;
    /** {@code KVM_SEV_SNP_LAUNCH_UPDATE}, with {@link SnpLaunchUpdateLayout}. */
    public static final int SNP_LAUNCH_UPDATE = 101;
    /** {@code KVM_SEV_SNP_LAUNCH_FINISH}, with {@link SnpLaunchFinishLayout}. */
    public static final int SNP_LAUNCH_FINISH = 102;
    /** {@code KVM_SEV_SNP_ENABLE_REQ_CERTS}. */
    public static final int SNP_ENABLE_REQ_CERTS = 103;

    /** The whole struct. */
    public static final Struct STRUCT = Struct.of("kvm_sev_cmd", 24)
            .u32("id", ID)
            .u32("pad0", PAD0)
            .u64("data", DATA)
            .u32("error", ERROR)
            .u32("sev_fd", SEV_FD)
            .build();

    private SevCommandLayout() {}
}
