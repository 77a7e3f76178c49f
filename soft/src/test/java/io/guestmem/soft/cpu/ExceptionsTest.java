package io.guestmem.soft.cpu;

import static org.assertj.core.api.Assertions.assertThat;

import io.guestmem.abi.ExitReason;
import io.guestmem.abi.KvmIoctl;
import io.guestmem.abi.SregsLayout;
import io.guestmem.paging.PageTableBuilder;
import io.guestmem.paging.PagingMode;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Exceptions through the guest's own tables. Vector n's handler is {@code hlt} at 0x110000 + 16n, so that rip tells which one was
 * entered.
 */
class ExceptionsTest {
    private static final long ROOT = 0x1000;
    private static final long GDT = 0x700;
    private static final long IDT = 0x2_0000;
    private static final long TASK = 0x3_0000;
    private static final long CODE = 0x10_0000;
    private static final long HANDLERS = 0x11_0000;
    private static final long STACK = 0x9_0000;
    private static final long KERNEL_STACK = 0x8_0000;
    private static final long IST_STACK = 0x7_0000;
    private static final long UNMAPPED = 0x4000_0000;
    private static final int KERNEL_CODE = 0x08;
    private static final int KERNEL_DATA = 0x10;
    private static final int USER_DATA = 0x1B;
    private static final int USER_CODE = 0x23;

    /** A 32-bit interrupt gate to the first handler. */
    private static final long GATE_32 = 0x0011_8E00_0008_0000L;

    private final TestMachine machine = new TestMachine(2 << 20);

    @AfterEach
    void close() {
        machine.close();
    }

    private void longMode(int privilege) {
        Structs.enterLongMode(machine, ROOT, 1, privilege);
        machine.poke(GDT + KERNEL_CODE, 0x00AF_9B00_0000_FFFFL);
        machine.poke(GDT + KERNEL_DATA, 0x00CF_9300_0000_FFFFL);
        machine.poke(GDT + 0x18, 0x00CF_F300_0000_FFFFL);
        machine.poke(GDT + 0x20, 0x00AF_FB00_0000_FFFFL);
        for (int vector = 0; vector < 32; vector++) {
            gate(vector, 0x8E00, 0);
            machine.load(HANDLERS + 16L * vector, (byte) 0xF4);
        }
        machine.poke(TASK + 4, KERNEL_STACK);
        machine.poke(TASK + 36, IST_STACK);
        SystemRegisters system = machine.system();
        system.gdtBase = GDT;
        system.gdtLimit = 0x27;
        system.idtBase = IDT;
        system.idtLimit = 32 * 16 - 1;
        system.task = new SegmentRegister(TASK, 0x67, 0x40, 11, true, 0, false, false, false, false, false, false);
        int code = privilege == 3 ? USER_CODE : KERNEL_CODE;
        int data = privilege == 3 ? USER_DATA : KERNEL_DATA;
        system.segments[SegmentRegister.CS] = segment(code, 0xB, privilege, true);
        system.segments[SegmentRegister.SS] = segment(data, 3, privilege, false);
        assertThat(machine.setSystem(system)).isZero();
    }

    private static SegmentRegister segment(int selector, int type, int dpl, boolean wide) {
        return new SegmentRegister(0, -1, selector, type, true, dpl, !wide, true, wide, true, false, false);
    }

    /** Type and attributes as in the descriptor's bits 47 to 32 without the stack's number. */
    private void gate(int vector, int attributes, int stack) {
        long offset = HANDLERS + 16L * vector;
        machine.poke(
                IDT + 16L * vector,
                (offset & 0xFFFF)
                        | (long) KERNEL_CODE << 16
                        | (long) (attributes | stack) << 32
                        | (offset & 0xFFFF_0000L) << 32);
        machine.poke(IDT + 16L * vector + 8, offset >>> 32);
    }

    private void start(String code) {
        machine.load(CODE, code);
        Registers registers = new Registers();
        registers.general[Registers.RDX] = 0;
        registers.general[Registers.RSI] = UNMAPPED;
        registers.general[Registers.RSP] = STACK + 8;
        registers.rip = CODE;
        registers.rflags = Flags.FIXED | Flags.IF | Flags.CF;
        machine.setRegisters(registers);
    }

    private void assertHandler(int vector) {
        assertThat(machine.run(1)).isZero();
        assertThat(machine.exitReason()).isEqualTo(ExitReason.HLT);
        assertThat(machine.registers().rip).isEqualTo(HANDLERS + 16L * vector + 1);
    }

    /** The stack as the handler finds it: from its pointer upwards. */
    private long stack(int word) {
        return machine.peek(machine.registers().general[Registers.RSP] + 8L * word);
    }

    @ParameterizedTest
    @CsvSource({
        // code, vector, error code or nothing, bytes that are over
        "f7 f2, 0, , 0",
        "0f 0b, 6, , 0",
        "cc, 3, , 1",
        "cd 05, 5, , 2",
        "48 8b 06, 14, 0, 0",
        "48 89 06, 14, 2, 0",
        "48 01 06, 14, 2, 0",
        "48 b8 00 00 00 00 00 80 00 00 ff e0, 13, 0, 10",
        "0f 20 cb, 6, , 0",
        "b9 34 12 00 00 0f 32, 13, 0, 5",
        "f0 48 8b 06, 6, , 0",
        "f0 48 01 c0, 6, , 0",
        "48 8d c0, 6, , 0",
        "8e c8, 6, , 0",
        "b8 30 00 00 00 8e d8, 13, 48, 5",
    })
    void faultsEnterTheirHandlerWithTheirErrorCode(String code, int vector, @Nullable Integer error, int done) {
        longMode(0);
        start(code + " f4");

        assertHandler(vector);

        int at = error == null ? 0 : 1;
        if (error != null) {
            assertThat(stack(0)).isEqualTo(error.longValue());
        }
        assertThat(stack(at)).as("rip").isEqualTo(CODE + done);
        assertThat(stack(at + 1)).as("cs").isEqualTo(KERNEL_CODE);
        assertThat(stack(at + 2) & (Flags.IF | Flags.FIXED)).as("rflags").isEqualTo(Flags.IF | Flags.FIXED);
        assertThat(stack(at + 3)).as("rsp").isEqualTo(STACK + 8);
        assertThat(stack(at + 4)).as("ss").isEqualTo(KERNEL_DATA);
        assertThat(machine.registers().general[Registers.RSP] + 8L * (at + 5))
                .as("aligned to 16 bytes")
                .isEqualTo(STACK);
        assertThat(machine.registers().rflags & Flags.IF).isZero();
    }

    @Test
    void aPageFaultSetsCr2() {
        longMode(0);
        start("48 8b 46 f9 f4");
        machine.tables(PagingMode.LEVEL_4, ROOT).set(UNMAPPED - 0x1000, 2, 0x7_F000 | PageTableBuilder.PRESENT);
        machine.poke(0x7_F000 + 511 * 8, 0x5000 | PageTableBuilder.PRESENT);

        assertHandler(14);

        assertThat(machine.system().cr2).as("the second page").isEqualTo(UNMAPPED);
    }

    @Test
    void aTrapGateLeavesInterruptsOn() {
        longMode(0);
        gate(6, 0x8F00, 0);
        start("0f 0b");

        assertHandler(6);
        assertThat(machine.registers().rflags & Flags.IF).isNotZero();
    }

    @Test
    void fromUserModeTheStackIsThatOfTheTaskAndIretqComesBack() {
        longMode(3);
        // The handler of #UD: add qword [rsp], 2; iretq.
        machine.load(HANDLERS + 16 * 6, "48 83 04 24 02 48 cf");
        gate(13, 0x8E00, 1);
        start("0f 0b 90 f4");

        assertHandler(13);

        assertThat(stack(1)).as("hlt, which user mode may not").isEqualTo(CODE + 3);
        assertThat(stack(2)).isEqualTo(USER_CODE);
        assertThat(stack(4)).isEqualTo(STACK + 8);
        assertThat(stack(5)).isEqualTo(USER_DATA);
        assertThat(machine.registers().general[Registers.RSP])
                .as("the gate's own stack")
                .isEqualTo(IST_STACK - 48);
        assertThat(machine.peek(KERNEL_STACK - 40)).as("the first return").isEqualTo(CODE + 2);
        assertThat(machine.system().segments[SegmentRegister.CS].selector()).isEqualTo(KERNEL_CODE);
        assertThat(machine.system().segments[SegmentRegister.SS].selector()).isZero();
    }

    @ParameterizedTest
    @CsvSource({
        // attributes of gate 3, vector entered from user mode by int3
        "0xEE00, 3",
        "0x8E00, 13",
    })
    void userModeMayCallOnlyGatesForIt(String attributes, int vector) {
        longMode(3);
        gate(3, Integer.decode(attributes), 0);
        start("cc");

        assertHandler(vector);
        if (vector == 13) {
            assertThat(stack(0)).isEqualTo(3 * 8 + 2);
        }
    }

    @Test
    void aFaultInTheDeliveryOfAPageFaultIsADoubleFault() {
        longMode(0);
        gate(14, 0x0E00, 0);
        start("48 8b 06");

        assertHandler(8);

        assertThat(stack(0)).isZero();
        assertThat(stack(1)).isEqualTo(CODE);
    }

    @Test
    void aFaultInTheDeliveryOfABenignOneIsDeliveredInstead() {
        longMode(0);
        gate(6, 0x0E00, 0);
        start("0f 0b");

        assertHandler(11);

        assertThat(stack(0)).as("gate 6 of the IDT, from outside").isEqualTo(6 * 8 + 2 + 1);
    }

    @Test
    void aDoubleFaultThatCannotBeDeliveredShutsDown() {
        longMode(0);
        gate(14, 0x0E00, 0);
        gate(8, 0x0E00, 0);
        start("48 8b 06");

        assertThat(machine.run(1)).isZero();
        assertThat(machine.exitReason()).isEqualTo(ExitReason.SHUTDOWN);
    }

    @Test
    void withZeroesForATableEverythingShutsDown() {
        Structs.enterLongMode(machine, ROOT, 1, 3);
        start("0f 0b");

        assertThat(machine.run(1)).isZero();
        assertThat(machine.exitReason()).isEqualTo(ExitReason.SHUTDOWN);
    }

    @Test
    void anInterruptThatSregsPutBackIsDeliveredFirst() {
        longMode(0);
        start("f4");
        gate(31, 0x8E00, 0);
        MemorySegment sregs = machine.struct(SregsLayout.STRUCT);
        machine.request(KvmIoctl.GET_SREGS, sregs);
        sregs.set(ValueLayout.JAVA_LONG, SregsLayout.INTERRUPT_BITMAP, 1L << 31);
        assertThat(machine.request(KvmIoctl.SET_SREGS, sregs)).isZero();

        assertHandler(31);
        assertThat(stack(0)).isEqualTo(CODE);
        machine.request(KvmIoctl.GET_SREGS, sregs);
        assertThat(sregs.get(ValueLayout.JAVA_LONG, SregsLayout.INTERRUPT_BITMAP))
                .isZero();
    }

    @Test
    void realModeUsesTheVectorsAtZero() {
        SystemRegisters system = machine.system();
        system.segments[SegmentRegister.CS] = system.segments[SegmentRegister.CS].withRealModeSelector(0);
        assertThat(machine.setSystem(system)).isZero();
        machine.poke(6 * 4, 0x1000_0040L);
        machine.load(0x1_0040, "58 40 40 50 cf");
        machine.load(0x8000, "0f 0b f4");
        Registers registers = machine.registers();
        registers.rip = 0x8000;
        registers.rflags |= Flags.IF;
        registers.general[Registers.RSP] = 0x7000;
        machine.setRegisters(registers);

        assertThat(machine.run(1)).isZero();
        assertThat(machine.exitReason()).isEqualTo(ExitReason.HLT);
        assertThat(machine.registers().rip).isEqualTo(0x8003);
        assertThat(machine.registers().general[Registers.RSP]).isEqualTo(0x7000);
        assertThat(machine.registers().rflags & Flags.IF).isNotZero();
    }

    @Test
    void protectedModeOf32BitsHasGatesOfEightBytes() {
        assertThat(machine.setSystem(Structs.protectedMode(machine.system(), 0)))
                .isZero();
        machine.poke(GDT + KERNEL_CODE, 0x00CF_9B00_0000_FFFFL);
        machine.poke(IDT + 8 * 14, GATE_32);
        machine.poke(IDT + 8 * 6, GATE_32);
        machine.load(HANDLERS, "83 04 24 02 cf");
        SystemRegisters system = machine.system();
        system.gdtBase = GDT;
        system.gdtLimit = 0x27;
        system.idtBase = IDT;
        system.idtLimit = 32 * 8 - 1;
        assertThat(machine.setSystem(system)).isZero();
        start("0f 0b f4");

        assertThat(machine.run(1)).isZero();
        assertThat(machine.exitReason()).isEqualTo(ExitReason.HLT);
        assertThat(machine.registers().rip).isEqualTo(CODE + 3);
        assertThat(machine.registers().general[Registers.RSP]).isEqualTo(STACK + 8);
    }
}
