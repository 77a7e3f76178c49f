package io.guestmem.soft.cpu;

import static org.assertj.core.api.Assertions.assertThat;

import io.guestmem.abi.ExitReason;
import io.guestmem.abi.KvmIoctl;
import io.guestmem.paging.PageTableBuilder;
import io.guestmem.paging.PagingMode;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** Real mode, protected mode with every kind of paging, and the ways from one mode to the next. */
class ModesTest {
    private static final long ROOT = 0x1000;
    private static final long CODE = 0x10_0000;
    private static final long DATA = 0x8_0000;
    private static final long GDT = 0x700;

    /** 64-bit code, 32-bit code, data, at selectors 8, 16 and 24. */
    private static final long[] DESCRIPTORS = {0, 0x00AF_9B00_0000_FFFFL, 0x00CF_9B00_0000_FFFFL, 0x00CF_9300_0000_FFFFL
    };

    private final TestMachine machine = new TestMachine(2 << 20);

    @AfterEach
    void close() {
        machine.close();
    }

    private void assertHalts() {
        assertThat(machine.run(1)).isZero();
        assertThat(machine.exitReason()).isEqualTo(ExitReason.HLT);
    }

    private void start(long rip, String code, long at) {
        machine.load(at, code);
        Registers registers = machine.registers();
        registers.rip = rip;
        registers.general[Registers.RSP] = 0x7000;
        machine.setRegisters(registers);
    }

    private long general(int number) {
        return machine.registers().general[number];
    }

    private void buildGdt() {
        for (int i = 0; i < DESCRIPTORS.length; i++) {
            machine.poke(GDT + 8L * i, DESCRIPTORS[i]);
        }
    }

    private void realMode() {
        SystemRegisters system = machine.system();
        SegmentRegister code = system.segments[SegmentRegister.CS].withRealModeSelector(0);
        system.segments[SegmentRegister.CS] = code;
        assertThat(machine.setSystem(system)).isZero();
    }

    @Test
    void realModeHasSegmentsOfSixteenBytesAndSixteenBitOperands() {
        realMode();
        start(
                0x8000,
                "b8 34 12 8e d8 bb 10 00 c6 40 04 5a c7 06 20 00 ef be 66 b9 78 56 34 12 66 89 4b fe 50 07 47 49"
                        + "8d 91 00 01 e8 01 00 f4 c3",
                0x8000);
        Registers registers = machine.registers();
        registers.general[Registers.RSI] = 0xFFFF_0003L;
        registers.general[Registers.RDI] = 0xFFFF_FFFFL;
        registers.general[Registers.RBP] = 0x40;
        machine.setRegisters(registers);

        assertHalts();

        assertThat(machine.peek(0x12340 + 0x10 + 3 + 4) & 0xFF).isEqualTo(0x5A);
        assertThat(machine.peek(0x12340 + 0x20) & 0xFFFF).isEqualTo(0xBEEF);
        assertThat(machine.peek(0x40 - 1 - 2) & 0xFFFF_FFFFL).isEqualTo(0x1234_5678);
        assertThat(machine.system().segments[SegmentRegister.ES].base()).isEqualTo(0x12340);
        assertThat(general(Registers.RDI)).as("inc di").isEqualTo(0xFFFF_0000L);
        assertThat(general(Registers.RCX)).as("dec cx").isEqualTo(0x1234_5677);
        assertThat(general(Registers.RDX) & 0xFFFF).isEqualTo(0x110);
        assertThat(general(Registers.RSP)).isEqualTo(0x7000);
        assertThat(machine.registers().rip).isEqualTo(0x8028);
    }

    @Test
    void afterResetTheFirstInstructionIsFetchedBelowFourGibibytes() {
        assertThat(machine.run(1)).isZero();

        assertThat(machine.exitReason()).isEqualTo(ExitReason.INTERNAL_ERROR);
        assertThat(machine.registers().rip).isEqualTo(0xFFF0);
    }

    private static final String CODE_32 = "b8 00 00 08 00 c7 44 88 08 44 33 22 11 40 49 50 6a 7f 5a e8 02 00 00 00"
            + "eb 03 c2 04 00 8b 1c 24 6b db 03 66 8b 1d 10 00 08 00 f4";

    private void assertCode32() {
        Registers registers = machine.registers();
        registers.general[Registers.RCX] = 2;
        machine.setRegisters(registers);

        assertHalts();

        assertThat(machine.peek(DATA + 16) & 0xFFFF_FFFFL).isEqualTo(0x1122_3344);
        assertThat(general(Registers.RAX)).isEqualTo(0x8_0001);
        assertThat(general(Registers.RCX)).isEqualTo(1);
        assertThat(general(Registers.RDX)).isEqualTo(0x7F);
        assertThat(general(Registers.RSP)).isEqualTo(0x7000);
        assertThat(general(Registers.RBX) >>> 16)
                .as("of 3 times what lies on the stack")
                .isEqualTo(0);
        assertThat(general(Registers.RBX) & 0xFFFF).isEqualTo(0x3344);
    }

    @Test
    void flatProtectedModeWithoutPaging() {
        assertThat(machine.setSystem(Structs.protectedMode(machine.system(), 0)))
                .isZero();
        start(CODE, CODE_32, CODE);

        assertCode32();
    }

    @ParameterizedTest
    @EnumSource(
            value = PagingMode.class,
            names = {"BITS_32", "PAE"})
    void protectedModeWithPaging(PagingMode mode) {
        PageTableBuilder tables = machine.tables(mode, ROOT);
        long flags = PageTableBuilder.PRESENT | PageTableBuilder.WRITABLE;
        tables.map(0xC000_0000L, CODE, 1, flags)
                .map(DATA, DATA, 1, flags)
                .map(0x6000, 0x6000, 1, flags)
                .map(0x7000, 0x7000, 1, flags);
        SystemRegisters system = Structs.protectedMode(machine.system(), 0);
        system.cr0 = Structs.PG_PE_ET_NE_WP;
        system.cr3 = ROOT;
        system.cr4 = mode == PagingMode.PAE ? ControlBits.CR4_PAE : 0;
        assertThat(machine.setSystem(system)).isZero();
        start(0xC000_0000L, CODE_32, CODE);

        assertCode32();
        assertThat(tables.get(DATA, 1) & 0x60).as("accessed and dirty").isEqualTo(0x60);
        assertThat(tables.get(0xC000_0000L, 1) & 0x60).as("accessed").isEqualTo(0x20);
    }

    @Test
    void compatibilityModeWalksFourLevels() {
        Structs.enterLongMode(machine, ROOT, 1, 0);
        SystemRegisters system = machine.system();
        system.segments[SegmentRegister.CS] = Structs.code(32, 0);
        assertThat(machine.setSystem(system)).isZero();
        start(CODE, CODE_32, CODE);

        assertCode32();
    }

    @Test
    void fromRealModeToProtectedMode() {
        buildGdt();
        realMode();
        machine.poke(0x600, 0x1FL | GDT << 16);
        start(0x7000, "0f 01 16 00 06 0f 20 c0 0c 01 0f 22 c0 ea 20 70 10 00", 0x7000);
        machine.load(0x7020, "66 b8 18 00 8e d8 8e d0 c7 05 00 00 08 00 fe ca 00 00 f4");

        assertHalts();

        assertThat(machine.peek(DATA)).isEqualTo(0xCAFE);
        SystemRegisters system = machine.system();
        assertThat(system.gdtBase).isEqualTo(GDT);
        assertThat(system.gdtLimit).isEqualTo(0x1F);
        assertThat(system.cr0).isEqualTo(0x6000_0011L);
        assertThat(system.segments[SegmentRegister.CS].selector()).isEqualTo(0x10);
        assertThat(system.segments[SegmentRegister.CS].db()).isTrue();
        assertThat(system.segments[SegmentRegister.DS].limit()).isEqualTo(-1);
    }

    @Test
    void fromProtectedModeToLongMode() {
        buildGdt();
        PageTableBuilder tables = machine.tables(PagingMode.LEVEL_4, ROOT);
        tables.map(0, 0, 2, PageTableBuilder.PRESENT | PageTableBuilder.WRITABLE);
        SystemRegisters system = Structs.protectedMode(machine.system(), 0);
        system.gdtBase = GDT;
        system.gdtLimit = 0x1F;
        assertThat(machine.setSystem(system)).isZero();
        start(
                CODE,
                "0f20e083c8200f22e0b8001000000f22d8b9800000c00f320d000100000f300f20c00d000000800f22c0ea40001000080000"
                        + "000000000000000000000000000048b8f0debc9a785634124889042500000800f4",
                CODE);

        assertHalts();

        assertThat(machine.peek(DATA)).isEqualTo(0x1234_5678_9ABC_DEF0L);
        assertThat(machine.system().efer).isEqualTo(0x500);
        assertThat(machine.system().segments[SegmentRegister.CS].l()).isTrue();
    }

    @Test
    void smiEntersTheSecondAddressSpaceAndRsmComesBack() {
        Structs.enterLongMode(machine, ROOT, 1, 0);
        start(CODE, "90 f4", CODE);
        machine.load(0x3_8000, "66 b8 78 56 34 12 0f aa");
        SystemRegisters before = machine.system();
        assertThat(machine.request(KvmIoctl.SMI, machine.allocate(8))).isZero();
        assertThat(machine.processor.inSystemManagementMode()).isFalse();
        machine.load(0x3_8006, "f4");

        assertHalts();
        assertThat(machine.processor.inSystemManagementMode()).isTrue();
        assertThat(machine.roleChanges).isEqualTo(2);
        assertThat(general(Registers.RAX)).isEqualTo(0x1234_5678);

        machine.load(0x3_8007, "0f aa");
        assertHalts();
        assertThat(machine.processor.inSystemManagementMode()).isFalse();
        assertThat(machine.registers().rip).isEqualTo(CODE + 2);
        assertThat(general(Registers.RAX)).isZero();
        assertThat(machine.system()).usingRecursiveComparison().isEqualTo(before);
    }

    @ParameterizedTest
    @CsvSource({
        // limit of the code segment, rip
        "0xfff, 0x1000",
        "0xffff, 0x10000",
    })
    void codeEndsAtTheLimit(String limit, String rip) {
        SystemRegisters system = Structs.protectedMode(machine.system(), 0);
        SegmentRegister flat = system.segments[SegmentRegister.CS];
        system.segments[SegmentRegister.CS] = new SegmentRegister(
                0, Integer.decode(limit), flat.selector(), flat.type(), true, 0, true, true, false, true, false, false);
        system.idtLimit = 0;
        assertThat(machine.setSystem(system)).isZero();
        start(Long.decode(rip), "f4", Long.decode(rip));

        assertThat(machine.run(1)).isZero();
        assertThat(machine.exitReason()).isEqualTo(ExitReason.SHUTDOWN);
    }
}
