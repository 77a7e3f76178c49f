package io.guestmem.abi;

/**
 * What a vCPU and its user share: mapped from the vCPU's file at offset 0, as long as {@code KVM_GET_VCPU_MMAP_SIZE} says.
 *
 * <pre>{@code
 * struct kvm_run {
 *     __u8 request_interrupt_window;                //    0  in
 *     __u8 immediate_exit;                          //    1  in: KVM_RUN returns EINTR at once
 *     __u8 padding1[6];                             //    2
 *     __u32 exit_reason;                            //    8  out: see ExitReason
 *     __u8 ready_for_interrupt_injection;           //   12  out
 *     __u8 if_flag;                                 //   13  out: RFLAGS.IF
 *     __u16 flags;                                  //   14  out
 *     __u64 cr8;                                    //   16  in/out
 *     __u64 apic_base;                              //   24  in/out
 *     union {                                       //   32  256 bytes, by exit reason; offsets from the start of kvm_run:
 *         struct {
 *             __u64 hardware_entry_failure_reason;  //   32
 *             __u32 cpu;                            //   40
 *         } fail_entry;
 *         struct {
 *             __u8 direction;                       //   32  0 in, 1 out
 *             __u8 size;                            //   33  bytes of one datum: 1, 2 or 4
 *             __u16 port;                           //   34
 *             __u32 count;                          //   36  data
 *             __u64 data_offset;                    //   40  bytes from the start of kvm_run
 *         } io;
 *         struct {
 *             __u64 phys_addr;                      //   32  gpa
 *             __u8 data[8];                         //   40
 *             __u32 len;                            //   48  bytes
 *             __u8 is_write;                        //   52
 *         } mmio;
 *         struct {
 *             __u64 nr;                             //   32
 *             __u64 args[6];                        //   40
 *             __u64 ret;                            //   88  in: the guest's result
 *             __u64 flags;                          //   96
 *         } hypercall;
 *         struct {
 *             __u32 suberror;                       //   32
 *             __u32 ndata;                          //   36
 *             __u64 data[16];                       //   40
 *         } internal;
 *         struct {
 *             __u64 flags;                          //   32  MEMORY_FAULT_PRIVATE
 *             __u64 gpa;                            //   40  multiple of 4096
 *             __u64 size;                           //   48  bytes, 4096
 *         } memory_fault;
 *         char padding[256];
 *     };
 *     __u64 kvm_valid_regs;                         //  288
 *     __u64 kvm_dirty_regs;                         //  296
 *     char s[2048];                                 //  304  registers to synchronise, in C a union
 * };                                                // 2352
 * }</pre>
 *
 * <p>{@code memory_fault} is filled only if {@code KVM_RUN} failed with {@code EFAULT} or {@code EHWPOISON} and the exit reason
 * is {@link ExitReason#MEMORY_FAULT}: an old reason stays, so overwrite it before the call.
 *
 * <p>Source: Linux 7.2 {@code include/uapi/linux/kvm.h}.
 */
public final class RunLayout {
    /** {@code __u8 request_interrupt_window}. */
    public static final int REQUEST_INTERRUPT_WINDOW = 0;
    /** {@code __u8 immediate_exit}. */
    public static final int IMMEDIATE_EXIT = 1;
    /** {@code __u8 padding1[6]}. */
    public static final int PADDING1 = 2;
    /** {@code __u32 exit_reason}. */
    public static final int EXIT_REASON = 8;
    /** {@code __u8 ready_for_interrupt_injection}. */
    public static final int READY_FOR_INTERRUPT_INJECTION = 12;
    /** {@code __u8 if_flag}. */
    public static final int IF_FLAG = 13;
    /** {@code __u16 flags}. */
    public static final int FLAGS = 14;
    /** {@code __u64 cr8}. */
    public static final int CR8 = 16;
    /** {@code __u64 apic_base}. */
    public static final int APIC_BASE = 24;
    /** The union of 256 bytes. */
    public static final int EXIT = 32;
    /** {@code __u64 fail_entry.hardware_entry_failure_reason}. */
    public static final int FAIL_ENTRY_REASON = 32;
    /** {@code __u32 fail_entry.cpu}. */
    public static final int FAIL_ENTRY_CPU = 40;
    /** {@code __u8 io.direction}. */
    public static final int IO_DIRECTION = 32;
    /** {@code __u8 io.size}. */
    public static final int IO_SIZE = 33;
    /** {@code __u16 io.port}. */
    public static final int IO_PORT = 34;
    /** {@code __u32 io.count}. */
    public static final int IO_COUNT = 36;
    /** {@code __u64 io.data_offset}. */
    public static final int IO_DATA_OFFSET = 40;
    /** {@code __u64 mmio.phys_addr}. */
    public static final int MMIO_PHYS_ADDR = 32;
    /** {@code __u8 mmio.data[8]}. */
    public static final int MMIO_DATA = 40;
    /** {@code __u32 mmio.len}. */
    public static final int MMIO_LEN = 48;
    /** {@code __u8 mmio.is_write}. */
    public static final int MMIO_IS_WRITE = 52;
    /** {@code __u64 hypercall.nr}. */
    public static final int HYPERCALL_NR = 32;
    /** {@code __u64 hypercall.args[6]}. */
    public static final int HYPERCALL_ARGS = 40;
    /** {@code __u64 hypercall.ret}. */
    public static final int HYPERCALL_RET = 88;
    /** {@code __u64 hypercall.flags}. */
    public static final int HYPERCALL_FLAGS = 96;
    /** {@code __u32 internal.suberror}. */
    public static final int INTERNAL_SUBERROR = 32;
    /** {@code __u32 internal.ndata}. */
    public static final int INTERNAL_NDATA = 36;
    /** {@code __u64 internal.data[16]}. */
    public static final int INTERNAL_DATA = 40;
    /** {@code __u64 memory_fault.flags}. */
    public static final int MEMORY_FAULT_FLAGS = 32;
    /** {@code __u64 memory_fault.gpa}. */
    public static final int MEMORY_FAULT_GPA = 40;
    /** {@code __u64 memory_fault.size}. */
    public static final int MEMORY_FAULT_SIZE = 48;
    /** {@code __u64 kvm_valid_regs}. */
    public static final int KVM_VALID_REGS = 288;
    /** {@code __u64 kvm_dirty_regs}. */
    public static final int KVM_DIRTY_REGS = 296;
    /** {@code char s[2048]}. */
    public static final int S = 304;

    /** {@code KVM_EXIT_IO_IN}: the guest reads, so the user writes the data. */
    public static final int IO_IN = 0;
    /** {@code KVM_EXIT_IO_OUT}: the guest writes. */
    public static final int IO_OUT = 1;
    /** {@code KVM_MEMORY_EXIT_FLAG_PRIVATE}: the access was a private one. */
    public static final long MEMORY_FAULT_PRIVATE = 1L << 3;

    /** The whole struct; the union is one member of 256 bytes. */
    public static final Struct STRUCT = Struct.of("kvm_run", 2352)
            .u8("request_interrupt_window", REQUEST_INTERRUPT_WINDOW)
            .u8("immediate_exit", IMMEDIATE_EXIT)
            .array("padding1", PADDING1, Byte.BYTES, 6)
            .u32("exit_reason", EXIT_REASON)
            .u8("ready_for_interrupt_injection", READY_FOR_INTERRUPT_INJECTION)
            .u8("if_flag", IF_FLAG)
            .u16("flags", FLAGS)
            .u64("cr8", CR8)
            .u64("apic_base", APIC_BASE)
            .array("exit", EXIT, Byte.BYTES, 256)
            .u64("kvm_valid_regs", KVM_VALID_REGS)
            .u64("kvm_dirty_regs", KVM_DIRTY_REGS)
            .array("s", S, Byte.BYTES, 2048)
            .build();

    private RunLayout() {}
}
