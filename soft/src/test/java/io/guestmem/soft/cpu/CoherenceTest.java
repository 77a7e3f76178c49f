package io.guestmem.soft.cpu;

import static org.assertj.core.api.Assertions.assertThat;

import io.guestmem.abi.ExitReason;
import io.guestmem.paging.PageTableBuilder;
import io.guestmem.paging.PagingMode;
import io.guestmem.soft.mmu.GuestAccess;
import java.util.SplittableRandom;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What is cached is given up when it must be: decoded instructions and translations. And no bytes are too odd to run. */
class CoherenceTest {
    private static final long ROOT = 0x1000;
    private static final long CODE = 0x10_0000;
    private static final long DATA = 0x8_0000;
    private static final long OTHER = 0x9_0000;
    private static final long LINEAR = 0x40_0000;
    private static final long PW = PageTableBuilder.PRESENT | PageTableBuilder.WRITABLE;

    private final TestMachine machine = new TestMachine(2 << 20);
    private final PageTableBuilder tables = machine.tables(PagingMode.LEVEL_4, ROOT);

    @BeforeEach
    void enter() {
        tables.map(0, 0, 2, PW).map(LINEAR, DATA, 1, PW);
        assertThat(machine.setSystem(Structs.longMode(machine.system(), ROOT, 0)))
                .isZero();
    }

    @AfterEach
    void close() {
        machine.close();
    }

    private void start(String code) {
        start(CODE, code);
    }

    private void start(long rip, String code) {
        machine.load(rip, code);
        Registers registers = new Registers();
        registers.general[Registers.RDX] = 0;
        registers.general[Registers.RSI] = LINEAR;
        registers.general[Registers.RDI] = tables.entryAddress(LINEAR, 1);
        registers.general[Registers.RBX] = OTHER | PW;
        registers.rip = rip;
        machine.setRegisters(registers);
    }

    private long runToHalt() {
        assertThat(machine.run(1)).isZero();
        assertThat(machine.exitReason()).isEqualTo(ExitReason.HLT);
        return machine.registers().general[Registers.RAX];
    }

    @Test
    void theUserChangesCodeBetweenRuns() {
        start("b8 01 00 00 00 f4");
        assertThat(runToHalt()).isEqualTo(1);
        start("b8 02 00 00 00 f4");
        assertThat(runToHalt()).isEqualTo(2);
    }

    @Test
    void theGuestChangesTheInstructionThatComesNext() {
        // mov byte [rip+1], 7; mov eax, 1; hlt
        start("c6 05 01 00 00 00 07 b8 01 00 00 00 f4");

        assertThat(runToHalt()).isEqualTo(7);
    }

    @Test
    void somebodyElseChangesALoop() throws InterruptedException {
        start("eb fe f4 f4");
        Thread vcpu = Thread.ofPlatform().name("vCPU").start(() -> machine.run(1));
        machine.load(CODE + 1, (byte) 0);

        vcpu.join();
        assertThat(machine.registers().rip).isEqualTo(CODE + 3);
    }

    /** A translation may be stale until it is flushed, and is not afterwards. */
    @ParameterizedTest
    @ValueSource(strings = {"0f 01 3e", "0f 20 d8 0f 22 d8", "0f 20 e0 0f 22 e0", "0f 20 c0 0f 22 c0"})
    void flushes(String flush) {
        machine.poke(DATA, 1);
        machine.poke(OTHER, 2);
        // mov rax, [rsi]; mov [rdi], rbx; (flush); mov rax, [rsi]; hlt
        start("48 8b 06 48 89 1f" + flush + "48 8b 06 f4");

        assertThat(runToHalt()).isEqualTo(2);
    }

    @Test
    void aFlushOfStageTwoVoidsTranslations() {
        machine.poke(DATA, 1);
        machine.poke(OTHER, 2);
        start("48 8b 06 48 89 1f 90 48 8b 06 f4");
        machine.flushAfter(3);

        assertThat(runToHalt()).isEqualTo(2);
    }

    @Test
    void aRunStartsWithoutTranslations() {
        machine.poke(DATA, 1);
        machine.poke(OTHER, 2);
        start("48 8b 06 f4 48 8b 06 f4");
        assertThat(runToHalt()).isEqualTo(1);
        tables.map(LINEAR, OTHER, 1, PW);

        assertThat(runToHalt()).isEqualTo(2);
    }

    @Test
    void permissionsAreCheckedForEachKindOfAccess() {
        tables.map(LINEAR, DATA, 1, PageTableBuilder.PRESENT);
        SystemRegisters system = machine.system();
        system.idtLimit = 0;
        machine.setSystem(system);
        start("48 8b 06 48 89 06 f4");

        assertThat(machine.run(1)).isZero();
        assertThat(machine.exitReason())
                .as("the write is not covered by the read")
                .isEqualTo(ExitReason.SHUTDOWN);
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 5, 9, 15, 16, 17})
    void anInstructionMayCrossAPage(int before) {
        long rip = CODE + 0x1000 - before;
        start(rip, "48 b8 f0 de bc 9a 78 56 34 12 48 05 01 00 00 00 f4");

        assertThat(runToHalt()).isEqualTo(0x1234_5678_9ABC_DEF1L);
    }

    @Test
    void theSecondPageOfAnInstructionMayBeMissing() {
        long end = LINEAR + 0x1000;
        tables.map(LINEAR, CODE, 1, PW);
        machine.load(CODE + 0xFFE, "48 b8");
        SystemRegisters system = machine.system();
        system.idtLimit = 0;
        machine.setSystem(system);
        Registers registers = new Registers();
        registers.rip = end - 2;
        machine.setRegisters(registers);

        assertThat(machine.run(1)).isZero();
        assertThat(machine.exitReason()).isEqualTo(ExitReason.SHUTDOWN);
    }

    @Test
    void anInstructionHasAtMostFifteenBytes() {
        SystemRegisters system = machine.system();
        system.idtLimit = 0;
        machine.setSystem(system);
        start("66 66 66 66 66 66 66 66 66 66 66 66 66 66 66 90 f4");
        assertThat(machine.run(1)).isZero();
        assertThat(machine.exitReason()).isEqualTo(ExitReason.SHUTDOWN);
    }

    @ParameterizedTest
    @CsvSource({"64, 0", "64, 3", "32, 0", "32, 3", "16, 0"})
    void anyBytesRunWithoutAnException(int bits, int privilege) {
        long seed = System.nanoTime();
        System.out.println("CoherenceTest bits " + bits + " privilege " + privilege + " seed " + seed);
        SplittableRandom random = new SplittableRandom(seed);
        machine.writeOutcome(ROOT, GuestAccess.MMIO);
        for (int round = 0; round < 4000; round++) {
            SystemRegisters system = bits == 64
                    ? Structs.longMode(machine.system(), ROOT, privilege)
                    : Structs.protectedMode(machine.system(), privilege);
            if (bits == 16) {
                system.cr0 = ControlBits.CR0_ET;
                system.segments[SegmentRegister.CS] =
                        SegmentRegister.resetCode().withRealModeSelector(0x1000);
            }
            assertThat(machine.setSystem(system)).isZero();
            byte[] code = new byte[64];
            random.nextBytes(code);
            machine.load(0x1_0000, code);
            machine.load(CODE, code);
            Registers registers = new Registers();
            for (int i = 0; i < Registers.COUNT; i++) {
                registers.general[i] = random.nextBoolean() ? random.nextLong() : random.nextInt(1 << 21);
            }
            registers.rip = bits == 16 ? 0 : CODE;
            registers.rflags = (random.nextLong() & (Flags.ARITHMETIC | Flags.DF | Flags.IOPL)) | Flags.FIXED;
            machine.setRegisters(registers);
            machine.signalAfter(20);
            long result = machine.run(3);
            assertThat(result).as("seed %d round %d", seed, round).isIn(0L, -4L);
        }
    }
}
