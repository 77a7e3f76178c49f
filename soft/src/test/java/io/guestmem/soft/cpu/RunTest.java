package io.guestmem.soft.cpu;

import static io.guestmem.abi.ErrorNumber.EINTR;
import static org.assertj.core.api.Assertions.assertThat;

import io.guestmem.abi.ExitReason;
import io.guestmem.abi.RunLayout;
import io.guestmem.soft.mmu.GuestAccess;
import io.guestmem.soft.vm.VcpuCounter;
import java.lang.foreign.ValueLayout;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** {@code KVM_RUN} and its exits, in 64-bit code with memory mapped one to one; MMIO begins at 256 MiB. */
class RunTest extends RunFixture {
    private void assertPort(int direction, int size, int port) {
        assertExit(ExitReason.IO);
        assertThat(u8(RunLayout.IO_DIRECTION)).isEqualTo(direction);
        assertThat(u8(RunLayout.IO_SIZE)).isEqualTo(size);
        assertThat(u16(RunLayout.IO_PORT)).isEqualTo(port);
        assertThat(u32(RunLayout.IO_COUNT)).isEqualTo(1);
        assertThat(u64(RunLayout.IO_DATA_OFFSET)).isEqualTo(4096);
    }

    // Ports.

    @ParameterizedTest
    @CsvSource({
        // code, size, port, data
        "e6 10, 1, 0x10, 0x88",
        "66 e7 10, 2, 0x10, 0x7788",
        "e7 ff, 4, 0xff, 0x55667788",
        "ee, 1, 0x3f8, 0x88",
        "66 ef, 2, 0x3f8, 0x7788",
        "ef, 4, 0x3f8, 0x55667788",
        "48 ef, 4, 0x3f8, 0x55667788",
    })
    void anOutputIsAnExitAndIsOverWhenTheVcpuRunsAgain(String code, int size, String port, String data) {
        start(code + " f4");

        assertPort(RunLayout.IO_OUT, size, Integer.decode(port));
        assertThat(machine.portData().get(ValueLayout.JAVA_INT, 0) & (int) (-1L >>> (64 - 8 * size)))
                .isEqualTo(Long.decode(data).intValue());
        assertThat(rip()).as("still at the instruction").isZero();

        assertExit(ExitReason.HLT);
        assertThat(machine.counted(VcpuCounter.IO_EXITS)).isEqualTo(1);
        assertThat(machine.counted(VcpuCounter.HALT_EXITS)).isEqualTo(1);
        assertThat(machine.counted(VcpuCounter.EXITS)).isEqualTo(2);
    }

    @ParameterizedTest
    @CsvSource({
        "e4 60, 1, 0x60, 0x11223344556677aa",
        "66 ed, 2, 0x3f8, 0x112233445566bbaa",
        "ed, 4, 0x3f8, 0xddccbbaa",
        "e5 60, 4, 0x60, 0xddccbbaa",
    })
    void anInputTakesTheUsersAnswerWhenTheVcpuRunsAgain(String code, int size, String port, String expected) {
        start(code + " f4");

        assertPort(RunLayout.IO_IN, size, Integer.decode(port));
        machine.portData().set(ValueLayout.JAVA_INT, 0, 0xDDCC_BBAA);
        assertThat(rax()).isEqualTo(0x1122_3344_5566_7788L);

        assertExit(ExitReason.HLT);
        assertThat(rax()).isEqualTo(Long.decode(expected));
    }

    @Test
    void ifTheUserMovesRipMeanwhileTheInstructionIsNotCompleted() {
        start("e4 60 f4 90 f4");
        assertPort(RunLayout.IO_IN, 1, 0x60);
        Registers registers = machine.registers();
        registers.rip = CODE + 3;
        machine.setRegisters(registers);

        assertExit(ExitReason.HLT);
        assertThat(rip()).isEqualTo(5);
        assertThat(rax()).isEqualTo(0x1122_3344_5566_7788L);
    }

    @Test
    void anImmediateExitCompletesTheInstructionFirst() {
        start("e4 60 f4");
        assertPort(RunLayout.IO_IN, 1, 0x60);
        machine.portData().set(ValueLayout.JAVA_BYTE, 0, (byte) 0xAA);
        machine.run().set(ValueLayout.JAVA_BYTE, RunLayout.IMMEDIATE_EXIT, (byte) 1);

        assertThat(machine.run(1)).isEqualTo(-EINTR.number());

        assertThat(machine.exitReason()).as("stays").isEqualTo(ExitReason.IO);
        assertThat(rip()).isEqualTo(2);
        assertThat(rax()).isEqualTo(0x1122_3344_5566_77AAL);
    }

    // MMIO.

    private void assertMmio(long gpa, int size, boolean write) {
        assertExit(ExitReason.MMIO);
        assertThat(u64(RunLayout.MMIO_PHYS_ADDR)).isEqualTo(gpa);
        assertThat(u32(RunLayout.MMIO_LEN)).isEqualTo(size);
        assertThat(u8(RunLayout.MMIO_IS_WRITE)).isEqualTo(write ? 1 : 0);
    }

    private void answer(long data) {
        machine.run().set(ValueLayout.JAVA_LONG_UNALIGNED, RunLayout.MMIO_DATA, data);
    }

    @ParameterizedTest
    @CsvSource({
        "8a 06, 1, 0x1122334455667708",
        "66 8b 06, 2, 0x1122334455660708",
        "8b 06, 4, 0x05060708",
        "48 8b 06, 8, 0x0102030405060708",
        "0f b6 06, 1, 0x8",
        "48 0f be 06, 1, 0x8",
        "48 03 06, 8, 0x12243648 5a6c7e90",
    })
    void aReadTakesTheUsersAnswerWhenTheVcpuRunsAgain(String code, int size, String expected) {
        start(code + " f4");

        assertMmio(MMIO + 0x10, size, false);
        assertThat(rip()).isZero();
        answer(0x0102_0304_0506_0708L);

        assertExit(ExitReason.HLT);
        assertThat(rax()).isEqualTo(Long.decode(expected.replace(" ", "")));
        assertThat(machine.counted(VcpuCounter.MMIO_EXITS)).isEqualTo(1);
    }

    @ParameterizedTest
    @CsvSource({"88 06, 1", "66 89 06, 2", "89 06, 4", "48 89 06, 8"})
    void aWriteIsAnExitAfterTheInstruction(String code, int size) {
        start(code + " f4");

        assertMmio(MMIO + 0x10, size, true);
        assertThat(Core.truncate(u64(RunLayout.MMIO_DATA), size))
                .isEqualTo(Core.truncate(0x1122_3344_5566_7788L, size));
        assertThat(rip()).isEqualTo(code.split(" ", -1).length);

        assertExit(ExitReason.HLT);
    }

    @Test
    void anAnswerIsNotForAnotherRead() {
        start("48 8b 06 f4 48 8b 46 08 f4");
        assertMmio(MMIO + 0x10, 8, false);
        answer(5);
        Registers registers = machine.registers();
        registers.rip = CODE + 4;
        machine.setRegisters(registers);

        assertMmio(MMIO + 0x18, 8, false);
        answer(6);
        assertExit(ExitReason.HLT);
        assertThat(rax()).isEqualTo(6);
    }

    @Test
    void aChangeReadsThenWrites() {
        start("48 01 06 f4");

        assertMmio(MMIO + 0x10, 8, false);
        answer(1);
        assertMmio(MMIO + 0x10, 8, true);
        assertThat(u64(RunLayout.MMIO_DATA)).isEqualTo(0x1122_3344_5566_7789L);
        assertExit(ExitReason.HLT);
    }

    @Test
    void anAccessOverAPageIsTwoExits() {
        start("48 8b 86 ed 0f 00 00 48 89 86 ed 0f 00 00 f4");
        long first = MMIO + 0xFFD;

        assertMmio(first, 3, false);
        answer(0xCC_BBAA);
        assertMmio(first + 3, 5, false);
        answer(0x55_4433_2211L);
        assertMmio(first, 3, true);
        assertThat(u64(RunLayout.MMIO_DATA) & 0xFF_FFFF).isEqualTo(0xCC_BBAA);
        assertThat(rax()).isEqualTo(0x5544_3322_11CC_BBAAL);
        assertMmio(first + 3, 5, true);
        assertThat(u64(RunLayout.MMIO_DATA) & 0xFF_FFFF_FFFFL).isEqualTo(0x55_4433_2211L);
        assertExit(ExitReason.HLT);
    }

    @Test
    void aRepetitionExitsForEachPieceAndGoesOn() {
        start("b9 03 00 00 00 f3 48 a5 f4");

        for (int i = 0; i < 3; i++) {
            assertMmio(MMIO + 0x10 + 8L * i, 8, false);
            assertThat(machine.registers().general[Registers.RCX]).isEqualTo(3 - i);
            answer(100 + i);
        }
        assertExit(ExitReason.HLT);
        assertThat(machine.peek(DATA)).isEqualTo(100);
        assertThat(machine.peek(DATA + 16)).isEqualTo(102);
        assertThat(machine.registers().general[Registers.RCX]).isZero();
    }

    @Test
    void aRepetitionThatWritesExitsForEachPiece() {
        start("48 89 f7 b9 02 00 00 00 f3 48 ab f4");

        assertMmio(MMIO + 0x10, 8, true);
        assertMmio(MMIO + 0x18, 8, true);
        assertExit(ExitReason.HLT);
    }

    @Test
    void aReadOnlySlotIsReadAndItsWritesAreMmio() {
        machine.writeOutcome(DATA, GuestAccess.MMIO);
        machine.poke(DATA, 7);
        start("48 8b 07 48 01 07 f4");

        assertMmio(DATA, 8, true);
        assertThat(u64(RunLayout.MMIO_DATA)).isEqualTo(14);
        assertExit(ExitReason.HLT);
        assertThat(machine.peek(DATA)).isEqualTo(7);
    }

    @Test
    void immediateExitCompletesAnMmioReadFirst() {
        start("48 8b 06 f4");
        assertMmio(MMIO + 0x10, 8, false);
        answer(5);
        machine.run().set(ValueLayout.JAVA_BYTE, RunLayout.IMMEDIATE_EXIT, (byte) 1);

        assertThat(machine.run(1)).isEqualTo(-EINTR.number());
        assertThat(rip()).isEqualTo(3);
        assertThat(rax()).isEqualTo(5);
    }

    // Failures of memory.
}
