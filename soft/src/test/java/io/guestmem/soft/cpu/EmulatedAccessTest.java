package io.guestmem.soft.cpu;

import static org.assertj.core.api.Assertions.assertThat;

import io.guestmem.abi.ExitReason;
import io.guestmem.abi.RunLayout;
import io.guestmem.soft.mmu.GuestAccess;
import io.guestmem.soft.vm.VcpuCounter;
import java.lang.foreign.ValueLayout;
import org.junit.jupiter.api.Test;

/** An instruction that has met MMIO is KVM's: the rest of its memory is read and written without the guest's mappings. */
class EmulatedAccessTest extends RunFixture {
    private static final long LAST = (2 << 20) - 8;

    @Test
    void aReadAcrossTheEndOfMemoryAsksForThePieceThatIsNotThere() {
        machine.poke(LAST, 0x1122_3344_5566_7788L);
        start("48 8b 87 fc ff 17 00 f4"); // mov rax, [rdi + 0x17fffc]: 4 bytes before the end, with rdi = 0x80000
        assertExit(ExitReason.MMIO);
        assertThat(u64(RunLayout.MMIO_PHYS_ADDR)).isEqualTo(2 << 20);
        assertThat(machine.emulated())
                .as("the first piece came before the MMIO")
                .isZero();
        machine.run().set(ValueLayout.JAVA_INT, RunLayout.MMIO_DATA, 0xCAFE);

        assertExit(ExitReason.HLT);

        assertThat(rax()).isEqualTo(0xCAFE_1122_3344L);
        assertThat(machine.emulated()).as("the first piece again").isEqualTo(1);
    }

    @Test
    void aChangeOfReadOnlyMemoryReadsByTheMemslotAndTellsTheWrite() {
        machine.poke(DATA, 41);
        machine.writeOutcome(DATA, GuestAccess.MMIO);
        start("48 ff 07 f4"); // inc qword [rdi]

        assertExit(ExitReason.MMIO);
        assertThat(u8(RunLayout.MMIO_IS_WRITE)).isEqualTo(1);
        assertThat(u64(RunLayout.MMIO_DATA)).isEqualTo(42);
        assertThat(machine.peek(DATA)).isEqualTo(41);
        assertThat(machine.emulated()).as("the read, not the write").isEqualTo(1);
        assertExit(ExitReason.HLT);
    }

    @Test
    void theNextInstructionIsTheGuestsAgain() {
        machine.poke(DATA, 7);
        start("48 8b 06 48 8b 07 f4"); // mov rax, [rsi], where no memory is; mov rax, [rdi]
        assertExit(ExitReason.MMIO);

        assertExit(ExitReason.HLT);

        assertThat(rax()).isEqualTo(7);
        assertThat(machine.emulated()).isZero();
    }

    @Test
    void aProgramThatFetchesFromNowhereGetsAnException() {
        enter(3);
        start("ff e6");
        SystemRegisters system = machine.system();
        system.idtLimit = 0;
        assertThat(machine.setSystem(system)).isZero();

        assertExit(ExitReason.SHUTDOWN);
        assertThat(machine.counted(VcpuCounter.INSN_EMULATION_FAIL)).isEqualTo(1);
    }
}
