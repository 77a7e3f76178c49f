package io.guestmem.soft.cpu;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.ValueLayout;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;

/** A vCPU in long mode with some memory, and words for what its runs leave in kvm_run. */
abstract class RunFixture {
    static final long ROOT = 0x1000;
    static final long CODE = 0x10_0000;
    static final long STACK = 0x9_0000;
    static final long DATA = 0x8_0000;
    static final long MMIO = 0x1000_0000;

    TestMachine machine = new TestMachine(2 << 20);

    @BeforeEach
    void enter() {
        enter(0);
    }

    final void enter(int privilege) {
        Structs.enterLongMode(machine, ROOT, 1, privilege);
    }

    @AfterEach
    void close() {
        machine.close();
    }

    final void start(String code) {
        machine.load(CODE, code);
        Registers registers = new Registers();
        registers.general[Registers.RAX] = 0x1122_3344_5566_7788L;
        registers.general[Registers.RDX] = 0x3F8;
        registers.general[Registers.RSP] = STACK;
        registers.general[Registers.RSI] = MMIO + 0x10;
        registers.general[Registers.RDI] = DATA;
        registers.rip = CODE;
        registers.rflags = Flags.FIXED;
        machine.setRegisters(registers);
    }

    final void assertExit(int reason) {
        assertThat(machine.run(1)).isZero();
        assertThat(machine.exitReason()).isEqualTo(reason);
    }

    final int u8(int offset) {
        return Byte.toUnsignedInt(machine.run().get(ValueLayout.JAVA_BYTE, offset));
    }

    final int u16(int offset) {
        return Short.toUnsignedInt(machine.run().get(ValueLayout.JAVA_SHORT, offset));
    }

    final int u32(int offset) {
        return machine.run().get(ValueLayout.JAVA_INT, offset);
    }

    final long u64(int offset) {
        return machine.run().get(ValueLayout.JAVA_LONG_UNALIGNED, offset);
    }

    final long rip() {
        return machine.registers().rip - CODE;
    }

    final long rax() {
        return machine.registers().general[Registers.RAX];
    }
}
