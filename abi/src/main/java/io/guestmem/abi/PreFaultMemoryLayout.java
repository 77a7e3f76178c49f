package io.guestmem.abi;

/**
 * The argument of {@code KVM_PRE_FAULT_MEMORY}.
 *
 * <pre>{@code
 * struct kvm_pre_fault_memory {
 *     __u64 gpa;         //  0  in/out: start of the range that is left, multiple of 4096
 *     __u64 size;        //  8  in/out: bytes that are left, multiple of 4096, not 0 on entry
 *     __u64 flags;       // 16  in: must be 0
 *     __u64 padding[5];  // 24  ignored
 * };                     // 64
 * }</pre>
 *
 * <p>The kernel writes the struct back always, even after an error, and returns 0 after any progress: only the struct says
 * how much is left. Source: Linux 7.2 {@code include/uapi/linux/kvm.h}, {@code kvm_main.c:kvm_vcpu_pre_fault_memory}.
 */
public final class PreFaultMemoryLayout {
    /** {@code __u64 gpa}. */
    public static final int GPA = 0;
    /** {@code __u64 size}. */
    public static final int SIZE = 8;
    /** {@code __u64 flags}. */
    public static final int FLAGS = 16;
    /** {@code __u64 padding[5]}. */
    public static final int PADDING = 24;

    /** The whole struct. */
    public static final Struct STRUCT = Struct.of("kvm_pre_fault_memory", 64)
            .u64("gpa", GPA)
            .u64("size", SIZE)
            .u64("flags", FLAGS)
            .array("padding", PADDING, Long.BYTES, 5)
            .build();

    private PreFaultMemoryLayout() {}
}
