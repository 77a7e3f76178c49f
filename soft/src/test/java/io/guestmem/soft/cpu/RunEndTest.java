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
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** How runs end that do not end with an access: exits, errors, signals. */
class RunEndTest extends RunFixture {
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
    void aRingThatIsFullAlreadyEndsTheRunAfterCr8AndTheUsersAnswerWereTaken() {
        start("48 8b 06 f4");
        assertExit(ExitReason.MMIO);
        machine.run().set(ValueLayout.JAVA_LONG, RunLayout.MMIO_DATA, 77);
        machine.run().set(ValueLayout.JAVA_LONG, RunLayout.CR8, 3);
        machine.ringFull(true);

        assertExit(ExitReason.DIRTY_RING_FULL);

        assertThat(rax()).isEqualTo(77);
        assertThat(rip()).isEqualTo(3);
        assertThat(machine.system().cr8).isEqualTo(3);
        machine.ringFull(false);
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
