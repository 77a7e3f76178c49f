package io.guestmem.kvm;

import io.guestmem.abi.RegsLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.Locale;

/** The general registers of a vCPU, rip and rflags: a value, immutable. */
public final class Registers {
    private static final Register[] ALL = Register.values();

    private final long[] values;

    private Registers(long[] values) {
        this.values = values;
    }

    /** One register; the order is that of {@code struct kvm_regs}. */
    public enum Register {
        /** rax. */
        RAX(RegsLayout.RAX),
        /** rbx. */
        RBX(RegsLayout.RBX),
        /** rcx. */
        RCX(RegsLayout.RCX),
        /** rdx. */
        RDX(RegsLayout.RDX),
        /** rsi. */
        RSI(RegsLayout.RSI),
        /** rdi. */
        RDI(RegsLayout.RDI),
        /** rsp. */
        RSP(RegsLayout.RSP),
        /** rbp. */
        RBP(RegsLayout.RBP),
        /** r8. */
        R8(RegsLayout.R8),
        /** r9. */
        R9(RegsLayout.R9),
        /** r10. */
        R10(RegsLayout.R10),
        /** r11. */
        R11(RegsLayout.R11),
        /** r12. */
        R12(RegsLayout.R12),
        /** r13. */
        R13(RegsLayout.R13),
        /** r14. */
        R14(RegsLayout.R14),
        /** r15. */
        R15(RegsLayout.R15),
        /** The instruction pointer. */
        RIP(RegsLayout.RIP),
        /** The flags; bit 1 must be set. */
        RFLAGS(RegsLayout.RFLAGS);

        /** Position in the struct, in words of 8 bytes. */
        private final int position;

        Register(int offset) {
            this.position = offset / Long.BYTES;
        }
    }

    /** All registers zero but for the bit of rflags that must be set. */
    public static Registers initial() {
        return new Registers(new long[ALL.length]).with(Register.RFLAGS, 2);
    }

    static Registers read(MemorySegment struct) {
        long[] values = new long[ALL.length];
        MemorySegment.copy(struct, ValueLayout.JAVA_LONG, 0, values, 0, values.length);
        return new Registers(values);
    }

    void write(MemorySegment struct) {
        MemorySegment.copy(values, 0, struct, ValueLayout.JAVA_LONG, RegsLayout.RAX, values.length);
    }

    /** The value of a register. */
    public long get(Register register) {
        return values[register.position];
    }

    /** The same registers with one changed. */
    public Registers with(Register register, long value) {
        long[] changed = values.clone();
        changed[register.position] = value;
        return new Registers(changed);
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof Registers that && Arrays.equals(values, that.values);
    }

    @Override
    public int hashCode() {
        return Arrays.hashCode(values);
    }

    @Override
    public String toString() {
        StringBuilder text = new StringBuilder();
        for (Register register : ALL) {
            text.append(text.isEmpty() ? "" : " ")
                    .append(register.name().toLowerCase(Locale.ROOT))
                    .append("=0x")
                    .append(Long.toHexString(get(register)));
        }
        return text.toString();
    }
}
