package io.guestmem.soft.cpu;

import static io.guestmem.abi.ErrorNumber.EFAULT;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import io.guestmem.abi.ExitReason;
import io.guestmem.abi.RunLayout;
import io.guestmem.paging.PageTableBuilder;
import io.guestmem.paging.PagingMode;
import io.guestmem.soft.JavaGuest;
import io.guestmem.soft.mmu.GuestAccess;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** A guest written in Java sees memory as a real one does, and causes the same exits. */
class JavaGuestTest {
    private static final long ROOT = 0x1000;
    private static final long DATA = 0x8_0000;
    private static final long MMIO = 0x1000_0000;

    private final TestMachine machine = new TestMachine(2 << 20);

    @AfterEach
    void close() {
        machine.close();
    }

    private void assertExit(int reason) {
        assertThat(machine.run(1)).isZero();
        assertThat(machine.exitReason()).isEqualTo(reason);
    }

    /** Writes i to page i, and halts after the last. */
    private static final class Toucher implements JavaGuest {
        private final int pages;
        private int next;

        private Toucher(int pages) {
            this.pages = pages;
        }

        @Override
        public void step(Cpu cpu) {
            cpu.write(DATA + 4096L * next, 8, next);
            if (++next == pages) {
                cpu.halt();
            }
        }
    }

    @Test
    void itWritesMemoryAndHalts() {
        Structs.enterLongMode(machine, ROOT, 1, 3);
        machine.setGuest(new Toucher(10));

        assertExit(ExitReason.HLT);

        for (int i = 0; i < 10; i++) {
            assertThat(machine.peek(DATA + 4096L * i)).isEqualTo(i);
        }
    }

    @Test
    void aStepThatMemoryEndsIsMadeAgain() {
        Structs.enterLongMode(machine, ROOT, 1, 3);
        Toucher guest = new Toucher(3);
        machine.setGuest(guest);
        machine.outcome(DATA + 4096, GuestAccess.EFAULT);

        assertThat(machine.run(1)).isEqualTo(-EFAULT.number());
        assertThat(guest.next).isEqualTo(1);

        machine.outcome(DATA + 4096, null);
        assertExit(ExitReason.HLT);
        assertThat(machine.peek(DATA + 4096)).isEqualTo(1);
    }

    @Test
    void portsAndMmioAreExits() {
        Structs.enterLongMode(machine, ROOT, 1, 0);
        List<Long> seen = new ArrayList<>();
        machine.setGuest(cpu -> {
            switch (seen.size()) {
                case 0 -> seen.add(cpu.in(0x60, 2));
                case 1 -> seen.add(cpu.read(MMIO, 4));
                case 2 -> {
                    cpu.out(0x3F8, 1, 'x');
                    seen.add(0L);
                }
                case 3 -> {
                    cpu.write(MMIO + 8, 4, 9);
                    seen.add(0L);
                }
                default -> cpu.halt();
            }
        });

        assertExit(ExitReason.IO);
        machine.portData().set(ValueLayout.JAVA_INT, 0, 0x12345);
        assertExit(ExitReason.MMIO);
        machine.run().set(ValueLayout.JAVA_LONG_UNALIGNED, RunLayout.MMIO_DATA, 0x7_8765_4321L);
        assertExit(ExitReason.IO);
        assertThat(machine.portData().get(ValueLayout.JAVA_BYTE, 0)).isEqualTo((byte) 'x');
        assertExit(ExitReason.MMIO);
        assertThat(machine.run().get(ValueLayout.JAVA_LONG, RunLayout.MMIO_PHYS_ADDR))
                .isEqualTo(MMIO + 8);
        assertExit(ExitReason.HLT);
        assertThat(seen).containsExactly(0x2345L, 0x8765_4321L, 0L, 0L);
    }

    @Test
    void itsAddressesAreTranslatedAndItsFaultsDelivered() {
        PageTableBuilder tables = machine.tables(PagingMode.LEVEL_4, ROOT);
        tables.map(0x4000_0000, DATA, 1, PageTableBuilder.PRESENT);
        SystemRegisters system = Structs.longMode(machine.system(), ROOT, 0);
        system.idtLimit = 0;
        assertThat(machine.setSystem(system)).isZero();
        machine.poke(DATA, 42);
        machine.setGuest(cpu -> {
            cpu.setRegister(0, cpu.read(0x4000_0000, 8));
            cpu.fetch(0x4000_0000);
            cpu.write(0x4000_0000, 8, cpu.register(0));
        });

        assertExit(ExitReason.SHUTDOWN);
    }

    @Test
    void instructionsRunAgainWhenItIsTakenOff() {
        Structs.enterLongMode(machine, ROOT, 1, 0);
        machine.setGuest(JavaGuest.Cpu::halt);
        assertExit(ExitReason.HLT);
        machine.setGuest(null);
        machine.load(DATA, "b8 05 00 00 00 f4");
        Registers registers = machine.registers();
        registers.rip = DATA;
        machine.setRegisters(registers);

        assertExit(ExitReason.HLT);
        assertThat(machine.registers().general[Registers.RAX]).isEqualTo(5);
    }

    @Test
    void accessesHaveOneTwoFourOrEightBytes() {
        Structs.enterLongMode(machine, ROOT, 1, 0);
        machine.setGuest(cpu -> cpu.read(DATA, 3));
        assertThatIllegalArgumentException().isThrownBy(() -> machine.run(1));
        machine.setGuest(cpu -> cpu.in(0x60, 8));
        assertThatIllegalArgumentException().isThrownBy(() -> machine.run(1));
    }
}
