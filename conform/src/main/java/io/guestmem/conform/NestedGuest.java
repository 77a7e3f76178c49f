package io.guestmem.conform;

import io.guestmem.abi.SregsLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * Puts a vCPU into a nested guest of SVM with nested paging, by {@code KVM_SET_NESTED_STATE}:
 *
 * <pre>{@code
 * struct kvm_nested_state {
 *     __u16 flags;           0
 *     __u16 format;          2     1 is SVM
 *     __u32 size;            4
 *     __u64 vmcb_pa;         8     of the header for SVM, 120 bytes in all
 *     __u8  vmcb[4096];    128     control area at 0, the state of the outer guest at 0x400
 * };
 * }</pre>
 *
 * <p>Source: Linux 7.2 {@code arch/x86/include/uapi/asm/kvm.h}, {@code arch/x86/include/asm/svm.h}, {@code
 * svm/nested.c:svm_set_nested_state}; AMD APM volume 2, appendix B.
 */
final class NestedGuest {
    /** {@code _IOW(0xAE, 0xBF, 128)}. */
    private static final int SET_NESTED_STATE = 0x4080_AEBF;

    private static final int HEADER = 128;
    private static final int VMCB_SIZE = 4096;
    private static final int FORMAT_SVM = 1;
    private static final int GUEST_MODE_GIF = 1 | 1 << 8;

    private static final long INTERCEPTS = HEADER + 0x10;
    private static final int INTERCEPT_VMRUN = 1;
    private static final long ASID = HEADER + 0x58;
    private static final long NESTED_CONTROL = HEADER + 0x90;
    private static final long NESTED_CR3 = HEADER + 0xB0;
    private static final long SAVE = HEADER + 0x400;
    private static final long SAVE_EFER = SAVE + 0xD0;
    private static final long SAVE_CR4 = SAVE + 0x148;
    private static final long SAVE_CR3 = SAVE + 0x150;
    private static final long SAVE_CR0 = SAVE + 0x158;
    private static final long SAVE_DR6 = SAVE + 0x168;
    private static final long SAVE_RFLAGS = SAVE + 0x170;
    private static final long DR6_FIXED = 0xFFFF_0FF0L;

    private static final long EFER_SVME = 1 << 12;
    private static final long VMCB_GPA = 0x10000;
    private static final long TABLES_GPA = 0x11000;

    private NestedGuest() {}

    /** Whether a guest may have nested guests with nested paging: CPUID 0x80000001 ecx bit 2, 0x8000000A edx bit 0. */
    static boolean offered(CpuidTable cpuid) {
        return (cpuid.leaf(0x8000_0001, 0).ecx() & 1 << 2) != 0
                && (cpuid.leaf(0x8000_000A, 0).edx() & 1) != 0;
    }

    /** 0, or a negated errno. Guest memory must reach up to the tables. */
    static long enter(Trial t, RawVcpu vcpu) {
        MemorySegment sregs = vcpu.systemRegisters();
        LongMode.supervisor(sregs, 0);
        long efer = sregs.get(ValueLayout.JAVA_LONG, SregsLayout.EFER) | EFER_SVME;
        sregs.set(ValueLayout.JAVA_LONG, SregsLayout.EFER, efer);
        t.must("KVM_SET_SREGS", vcpu.setSystemRegisters(sregs));
        MemorySegment state = t.struct(HEADER + VMCB_SIZE);
        state.set(ValueLayout.JAVA_SHORT, 0, (short) GUEST_MODE_GIF);
        state.set(ValueLayout.JAVA_SHORT, 2, (short) FORMAT_SVM);
        state.set(ValueLayout.JAVA_INT, 4, HEADER + VMCB_SIZE);
        state.set(ValueLayout.JAVA_LONG, 8, VMCB_GPA);
        state.set(ValueLayout.JAVA_INT, INTERCEPTS, INTERCEPT_VMRUN);
        state.set(ValueLayout.JAVA_INT, ASID, 1);
        state.set(ValueLayout.JAVA_LONG, NESTED_CONTROL, 1);
        state.set(ValueLayout.JAVA_LONG, NESTED_CR3, TABLES_GPA);
        state.set(ValueLayout.JAVA_LONG, SAVE_EFER, efer);
        state.set(ValueLayout.JAVA_LONG, SAVE_CR4, sregs.get(ValueLayout.JAVA_LONG, SregsLayout.CR4));
        state.set(ValueLayout.JAVA_LONG, SAVE_CR3, 0);
        state.set(ValueLayout.JAVA_LONG, SAVE_CR0, sregs.get(ValueLayout.JAVA_LONG, SregsLayout.CR0));
        state.set(ValueLayout.JAVA_LONG, SAVE_DR6, DR6_FIXED);
        state.set(ValueLayout.JAVA_LONG, SAVE_RFLAGS, 2);
        return vcpu.file().ioctl(SET_NESTED_STATE, state);
    }
}
