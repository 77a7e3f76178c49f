package io.guestmem.abi;

/**
 * The argument of {@code KVM_GET_REGS} and {@code KVM_SET_REGS}: the general registers of a vCPU.
 *
 * <pre>{@code
 * struct kvm_regs {
 *     __u64 rax;     //   0
 *     __u64 rbx;     //   8
 *     __u64 rcx;     //  16
 *     __u64 rdx;     //  24
 *     __u64 rsi;     //  32
 *     __u64 rdi;     //  40
 *     __u64 rsp;     //  48
 *     __u64 rbp;     //  56
 *     __u64 r8;      //  64
 *     __u64 r9;      //  72
 *     __u64 r10;     //  80
 *     __u64 r11;     //  88
 *     __u64 r12;     //  96
 *     __u64 r13;     // 104
 *     __u64 r14;     // 112
 *     __u64 r15;     // 120
 *     __u64 rip;     // 128
 *     __u64 rflags;  // 136
 * };                 // 144
 * }</pre>
 *
 * <p>Source: Linux 7.2 {@code arch/x86/include/uapi/asm/kvm.h}.
 */
public final class RegsLayout {
    /** {@code __u64 rax}. */
    public static final int RAX = 0;
    /** {@code __u64 rbx}. */
    public static final int RBX = 8;
    /** {@code __u64 rcx}. */
    public static final int RCX = 16;
    /** {@code __u64 rdx}. */
    public static final int RDX = 24;
    /** {@code __u64 rsi}. */
    public static final int RSI = 32;
    /** {@code __u64 rdi}. */
    public static final int RDI = 40;
    /** {@code __u64 rsp}. */
    public static final int RSP = 48;
    /** {@code __u64 rbp}. */
    public static final int RBP = 56;
    /** {@code __u64 r8}. */
    public static final int R8 = 64;
    /** {@code __u64 r9}. */
    public static final int R9 = 72;
    /** {@code __u64 r10}. */
    public static final int R10 = 80;
    /** {@code __u64 r11}. */
    public static final int R11 = 88;
    /** {@code __u64 r12}. */
    public static final int R12 = 96;
    /** {@code __u64 r13}. */
    public static final int R13 = 104;
    /** {@code __u64 r14}. */
    public static final int R14 = 112;
    /** {@code __u64 r15}. */
    public static final int R15 = 120;
    /** {@code __u64 rip}. */
    public static final int RIP = 128;
    /** {@code __u64 rflags}. */
    public static final int RFLAGS = 136;

    /** The whole struct. */
    public static final Struct STRUCT = Struct.of("kvm_regs", 144)
            .u64("rax", RAX)
            .u64("rbx", RBX)
            .u64("rcx", RCX)
            .u64("rdx", RDX)
            .u64("rsi", RSI)
            .u64("rdi", RDI)
            .u64("rsp", RSP)
            .u64("rbp", RBP)
            .u64("r8", R8)
            .u64("r9", R9)
            .u64("r10", R10)
            .u64("r11", R11)
            .u64("r12", R12)
            .u64("r13", R13)
            .u64("r14", R14)
            .u64("r15", R15)
            .u64("rip", RIP)
            .u64("rflags", RFLAGS)
            .build();

    private RegsLayout() {}
}
