package io.guestmem.soft.cpu;

import static io.guestmem.abi.ErrorNumber.EFAULT;
import static io.guestmem.abi.ErrorNumber.EHWPOISON;
import static io.guestmem.abi.ErrorNumber.EINTR;
import static io.guestmem.abi.ErrorNumber.EINVAL;
import static org.assertj.core.api.Assertions.assertThat;

import io.guestmem.abi.ExitReason;
import io.guestmem.abi.RunLayout;
import io.guestmem.paging.CheckOrder;
import io.guestmem.paging.PagingMode;
import io.guestmem.soft.cpu.CpuOptions.Translate2Rules;
import io.guestmem.soft.mmu.GuestAccess;
import io.guestmem.soft.vm.VcpuCounter;
import java.lang.foreign.ValueLayout;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** {@code KVM_RUN} and its exits, in 64-bit code with memory mapped one to one; MMIO begins at 256 MiB. */
class RunTest {
    private static final long ROOT = 0x1000;
    private static final long CODE = 0x10_0000;
    private static final long STACK = 0x9_0000;
    private static final long DATA = 0x8_0000;
    private static final long MMIO = 0x1000_0000;

    private TestMachine machine = new TestMachine(2 << 20);

    @BeforeEach
    void enter() {
        enter(0);
    }

    private void enter(int privilege) {
        Structs.enterLongMode(machine, ROOT, 1, privilege);
    }

    @AfterEach
    void close() {
        machine.close();
    }

    private void start(String code) {
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

    private void assertExit(int reason) {
        assertThat(machine.run(1)).isZero();
        assertThat(machine.exitReason()).isEqualTo(reason);
    }

    private int u8(int offset) {
        return Byte.toUnsignedInt(machine.run().get(ValueLayout.JAVA_BYTE, offset));
    }

    private int u16(int offset) {
        return Short.toUnsignedInt(machine.run().get(ValueLayout.JAVA_SHORT, offset));
    }

    private int u32(int offset) {
        return machine.run().get(ValueLayout.JAVA_INT, offset);
    }

    private long u64(int offset) {
        return machine.run().get(ValueLayout.JAVA_LONG_UNALIGNED, offset);
    }

    private long rip() {
        return machine.registers().rip - CODE;
    }

    private long rax() {
        return machine.registers().general[Registers.RAX];
    }

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

    @ParameterizedTest
    @CsvSource({"-2, -14", "-3, -133", "-4, -4"})
    void whatMemoryCannotDeliverEndsTheRunAndTheInstructionCanBeTriedAgain(long outcome, long result) {
        machine.outcome(DATA, outcome);
        start("48 ff 07 f4");
        assertThat(-EFAULT.number()).isEqualTo(-14);
        assertThat(-EHWPOISON.number()).isEqualTo(-133);

        assertThat(machine.run(1)).isEqualTo(result);
        assertThat(machine.exitReason()).isEqualTo(result == -EINTR.number() ? ExitReason.INTR : ExitReason.UNKNOWN);
        assertThat(rip()).isZero();

        machine.outcome(DATA, null);
        assertExit(ExitReason.HLT);
        assertThat(machine.peek(DATA)).isEqualTo(1);
    }

    @Test
    void aFullDirtyRingIsAnExitOfItsOwn() {
        machine.writeOutcome(DATA, GuestAccess.RING_FULL);
        start("48 89 07 f4");

        assertExit(ExitReason.DIRTY_RING_FULL);
        machine.writeOutcome(DATA, null);
        assertExit(ExitReason.HLT);
    }

    @Test
    void aPageTableThatMemoryCannotDeliverEndsTheRun() {
        machine.outcome(ROOT, GuestAccess.EFAULT);
        start("f4");

        assertThat(machine.run(1)).isEqualTo(-EFAULT.number());
    }

    @Test
    void theGuestsWalkSetsAccessedAndDirty() {
        start("48 89 07 f4");
        long leaf = machine.tables(PagingMode.LEVEL_4, ROOT).entryAddress(DATA, 2);
        assertThat(machine.peek(leaf) & 0x60).isZero();

        assertExit(ExitReason.HLT);

        assertThat(machine.peek(leaf) & 0x60).isEqualTo(0x60);
        assertThat(machine.peek(ROOT) & 0x60).isEqualTo(0x20);
    }

    @Test
    void tablesInAReadOnlySlotKeepTheirBits() {
        for (long page = ROOT; page < ROOT + 0x3000; page += TestMachine.PAGE) {
            machine.writeOutcome(page, GuestAccess.MMIO);
        }
        start("48 89 07 f4");

        assertExit(ExitReason.HLT);
        assertThat(machine.peek(ROOT) & 0x60).isZero();
        assertThat(machine.peek(DATA)).isEqualTo(0x1122_3344_5566_7788L);
    }

    // Other exits.

    @Test
    void aFetchFromNowhereCannotBeEmulated() {
        start("ff e6");

        assertExit(ExitReason.INTERNAL_ERROR);
        assertThat(u32(RunLayout.INTERNAL_SUBERROR)).isEqualTo(1);
        assertThat(u32(RunLayout.INTERNAL_NDATA)).isEqualTo(6);
        assertThat(u64(RunLayout.INTERNAL_DATA)).as("no bytes").isZero();
        assertThat(machine.registers().rip).isEqualTo(MMIO + 0x10);
    }

    @Test
    void anUnsupportedInstructionIsReportedWithItsBytes() {
        start("0f 58 c1 f4");

        assertExit(ExitReason.INTERNAL_ERROR);
        assertThat(u32(RunLayout.INTERNAL_SUBERROR)).isEqualTo(1);
        assertThat(u32(RunLayout.INTERNAL_NDATA)).isEqualTo(8);
        assertThat(u64(RunLayout.INTERNAL_DATA)).as("there are bytes").isEqualTo(1);
        assertThat(u8(RunLayout.INTERNAL_DATA + 8)).isEqualTo(2);
        assertThat(u8(RunLayout.INTERNAL_DATA + 9)).isEqualTo(0x0F);
        assertThat(u8(RunLayout.INTERNAL_DATA + 10)).isEqualTo(0x58);
        assertThat(u8(RunLayout.INTERNAL_DATA + 11)).isEqualTo(0x90);
        assertThat(rip()).isZero();
        assertThat(machine.counted(VcpuCounter.INSN_EMULATION_FAIL)).isEqualTo(1);
    }

    @ParameterizedTest
    @EnumSource(Vendor.class)
    void aTripleFaultShutsDownAndAmdIsInitialisedThen(Vendor vendor) {
        machine.close();
        machine =
                new TestMachine(2 << 20, new CpuOptions(vendor, true, Translate2Rules.RFC_EXACT, CheckOrder.PER_LEVEL));
        enter();
        start("0f 0b");
        SystemRegisters system = machine.system();
        system.idtLimit = 0;
        assertThat(machine.setSystem(system)).isZero();

        assertExit(ExitReason.SHUTDOWN);

        boolean kept = vendor == Vendor.INTEL;
        assertThat(machine.registers().rip).isEqualTo(kept ? CODE : 0xFFF0);
        assertThat(machine.registers().general[Registers.RAX]).isEqualTo(kept ? 0x1122_3344_5566_7788L : 0);
        assertThat(machine.system().cr0).isEqualTo(kept ? Structs.PG_PE_ET_NE_WP : 0x10);
        assertThat(machine.system().segments[SegmentRegister.CS].selector()).isEqualTo(kept ? 8 : 0xF000);
    }

    @Test
    void aPendingSignalEndsTheRunBeforeAnyInstruction() {
        start("f4");
        machine.signal(true);

        assertThat(machine.run(1)).isEqualTo(-EINTR.number());
        assertThat(machine.exitReason()).isEqualTo(ExitReason.INTR);
        assertThat(machine.counted(VcpuCounter.SIGNAL_EXITS)).isEqualTo(1);
        assertThat(rip()).isZero();

        machine.signal(false);
        assertExit(ExitReason.HLT);
    }

    @Test
    void aSignalEndsALoopThatNeverEnds() throws InterruptedException {
        start("eb fe");
        long[] result = new long[1];
        Thread vcpu = Thread.ofPlatform().name("vCPU").start(() -> result[0] = machine.run(1));
        machine.signal(true);

        vcpu.join();
        assertThat(result[0]).isEqualTo(-EINTR.number());
        assertThat(rip()).isZero();
    }

    @ParameterizedTest
    @ValueSource(ints = {RunLayout.CR8, RunLayout.KVM_VALID_REGS, RunLayout.KVM_DIRTY_REGS})
    void aBadCr8OrRegistersToSynchroniseAreRefused(int offset) {
        start("f4");
        machine.run().set(ValueLayout.JAVA_LONG, offset, 0x10);

        assertThat(machine.run(1)).isEqualTo(-EINVAL.number());
    }

    @Test
    void everyReturnTellsTheInterruptFlagAndTheApicBase() {
        start("fb f4");
        machine.run().set(ValueLayout.JAVA_LONG, RunLayout.CR8, 3);

        assertExit(ExitReason.HLT);

        assertThat(u8(RunLayout.IF_FLAG)).isEqualTo(1);
        assertThat(u64(RunLayout.CR8)).isEqualTo(3);
        assertThat(u64(RunLayout.APIC_BASE)).isEqualTo(0xFEE0_0900L);
        assertThat(machine.system().cr8).isEqualTo(3);
    }

    // Ports and privilege in user mode.

    @ParameterizedTest
    @CsvSource({
        // I/O privilege level, bit in the bitmap, limit of the task state segment, exit
        "3, 1, 0, 2",
        "0, 0, 0x7ff, 2",
        "0, 1, 0x7ff, 8",
        "0, 0, 0x67, 8",
        "0, 0, 0x69, 8",
    })
    void userModeReachesPortsByPrivilegeOrBitmap(int privilege, int bit, String limit, int exit) {
        enter(3);
        start("e6 10 eb fe");
        long task = 0x6_0000;
        machine.poke(task + 96, 104L << 48);
        machine.load(task + 104 + 2, (byte) bit);
        SystemRegisters system = machine.system();
        system.task = new SegmentRegister(
                task, Integer.decode(limit), 0x40, 11, true, 0, false, false, false, false, false, false);
        system.idtLimit = 0;
        assertThat(machine.setSystem(system)).isZero();
        Registers registers = machine.registers();
        registers.rflags |= (long) privilege << 12;
        machine.setRegisters(registers);

        assertExit(exit);
    }
}
