package io.guestmem.soft.cpu;

import static org.assertj.core.api.Assertions.assertThat;

import io.guestmem.abi.ExitReason;
import io.guestmem.abi.RunLayout;
import java.lang.foreign.ValueLayout;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The machine code of the room vmm's guest programs, in user mode with I/O privilege, as its machine starts them. */
class GuestProgramsTest {
    private static final long ROOT = 0x1000;
    private static final long CODE = 0x10_0000;
    private static final long MEMORY = 0x20_0000;
    private static final int SIZE = 0x1_0000;
    private static final int DONE_PORT = 0x10;

    private static final String CHECKSUM = "4803064801c34883c60848ffc975f1e610ebfe";
    private static final String WRITE_PATTERN = "4889164801fa4883c60848ffc975f1e610ebfe";
    private static final String READ_PAGES = "4803064801d648ffc975f5e610ebfe";
    private static final String WRITE_PAGES = "48890e4801d648ffc975f5e610ebfe";
    private static final String WRITE_IN_RANDOM_ORDER =
            "490faff84c01cf4c21d74839d773f14889fe48c1e60c4c01de48890e48ffc975dfe610ebfe";

    private final TestMachine machine = new TestMachine(4 << 20);

    @BeforeEach
    void enter() {
        Structs.enterLongMode(machine, ROOT, 1, 3);
    }

    @AfterEach
    void close() {
        machine.close();
    }

    private Registers registers(long count) {
        Registers registers = new Registers();
        registers.general[Registers.RDX] = 0;
        registers.general[Registers.RSI] = MEMORY;
        registers.general[Registers.RCX] = count;
        return registers;
    }

    private Registers runToTheEnd(String code, Registers registers) {
        machine.load(CODE, code);
        registers.rip = CODE;
        registers.rflags = Flags.FIXED | Flags.IOPL;
        machine.setRegisters(registers);
        assertThat(machine.run(1)).isZero();
        assertThat(machine.exitReason()).isEqualTo(ExitReason.IO);
        assertThat(machine.run().get(ValueLayout.JAVA_SHORT, RunLayout.IO_PORT)).isEqualTo((short) DONE_PORT);
        return machine.registers();
    }

    @Test
    void checksum() {
        long sum = 0;
        long sums = 0;
        for (int at = 0; at < SIZE; at += 8) {
            long word = at * 0x9E37_79B9_7F4A_7C15L;
            machine.poke(MEMORY + at, word);
            sum += word;
            sums += sum;
        }

        Registers end = runToTheEnd(CHECKSUM, registers(SIZE / 8));

        assertThat(end.general[Registers.RAX]).isEqualTo(sum);
        assertThat(end.general[Registers.RBX]).isEqualTo(sums);
        assertThat(end.general[Registers.RSI]).isEqualTo(MEMORY + SIZE);
        assertThat(end.general[Registers.RCX]).isZero();
    }

    @Test
    void writePattern() {
        Registers start = registers(SIZE / 8);
        start.general[Registers.RDX] = 5;
        start.general[Registers.RDI] = 3;

        runToTheEnd(WRITE_PATTERN, start);

        for (int i = 0; i < SIZE / 8; i++) {
            assertThat(machine.peek(MEMORY + 8L * i)).isEqualTo(5 + 3L * i);
        }
        assertThat(machine.peek(MEMORY + SIZE)).isZero();
    }

    @ParameterizedTest
    @CsvSource({READ_PAGES + ", true", WRITE_PAGES + ", false"})
    void touch(String code, boolean reads) {
        for (int page = 0; page < 16; page++) {
            machine.poke(MEMORY + 4096L * page, 1L << page);
        }
        Registers start = registers(16);
        start.general[Registers.RDX] = 4096;

        Registers end = runToTheEnd(code, start);

        assertThat(end.general[Registers.RAX]).isEqualTo(reads ? 0xFFFF : 0);
        for (int page = 0; page < 16; page++) {
            assertThat(machine.peek(MEMORY + 4096L * page)).isEqualTo(reads ? 1L << page : 16 - page);
        }
    }

    @Test
    void touchInRandomOrder() {
        Registers start = registers(11);
        start.general[Registers.RDX] = 11;
        start.general[Registers.RDI] = 10;
        start.general[8] = 0x5851_F42D_4C95_7F2DL;
        start.general[9] = 1;
        start.general[10] = 15;
        start.general[11] = MEMORY;

        runToTheEnd(WRITE_IN_RANDOM_ORDER, start);

        long seen = 0;
        for (int page = 0; page < 11; page++) {
            seen |= 1L << machine.peek(MEMORY + 4096L * page);
        }
        assertThat(seen).as("each number of touches left, once").isEqualTo(0b1111_1111_1110);
        assertThat(machine.peek(MEMORY + 4096L * 11)).isZero();
    }

    @Test
    void spinEndsWithASignalOnly() throws InterruptedException {
        machine.load(CODE, "ebfe");
        Registers registers = new Registers();
        registers.rip = CODE;
        machine.setRegisters(registers);
        long[] result = new long[1];
        Thread vcpu = Thread.ofPlatform().name("vCPU").start(() -> result[0] = machine.run(1));

        machine.signal(true);
        vcpu.join();
        assertThat(result[0]).isEqualTo(-4);
    }
}
