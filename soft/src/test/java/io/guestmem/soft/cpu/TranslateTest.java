package io.guestmem.soft.cpu;

import static org.assertj.core.api.Assertions.assertThat;

import io.guestmem.abi.KvmIoctl;
import io.guestmem.abi.TranslationLayout;
import io.guestmem.paging.PageTableBuilder;
import io.guestmem.paging.PagingMode;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** {@code KVM_TRANSLATE}: TR-01 to TR-17 of kernel.md 7.7. */
class TranslateTest {
    private static final long ROOT = 0x1000;
    private static final long PWU = 7;

    private final TestMachine machine = new TestMachine(1 << 20);

    @AfterEach
    void close() {
        machine.close();
    }

    /** The answer, or -1 if it is not valid; the fields that are always the same are checked. */
    private long translate(long linear) {
        return translate(machine, linear);
    }

    static long translate(TestMachine machine, long linear) {
        MemorySegment struct = machine.struct(TranslationLayout.STRUCT);
        struct.fill((byte) 0x55);
        struct.set(ValueLayout.JAVA_LONG, TranslationLayout.LINEAR_ADDRESS, linear);
        assertThat(machine.request(KvmIoctl.TRANSLATE, struct)).isZero();
        long gpa = struct.get(ValueLayout.JAVA_LONG, TranslationLayout.PHYSICAL_ADDRESS);
        assertThat(struct.get(ValueLayout.JAVA_LONG, TranslationLayout.LINEAR_ADDRESS))
                .isEqualTo(linear);
        assertThat(struct.get(ValueLayout.JAVA_BYTE, TranslationLayout.VALID)).isEqualTo((byte) (gpa == -1 ? 0 : 1));
        assertThat(struct.get(ValueLayout.JAVA_BYTE, TranslationLayout.WRITEABLE))
                .isEqualTo((byte) 1);
        assertThat(struct.get(ValueLayout.JAVA_BYTE, TranslationLayout.USERMODE))
                .isEqualTo((byte) 0);
        for (int i = 0; i < 5; i++) {
            assertThat(struct.get(ValueLayout.JAVA_BYTE, TranslationLayout.PAD + i))
                    .isEqualTo((byte) 0x55);
        }
        return gpa;
    }

    private PageTableBuilder longMode(long cr4) {
        return longMode(PagingMode.LEVEL_4, cr4);
    }

    private PageTableBuilder longMode(PagingMode mode, long cr4) {
        PageTableBuilder tables = machine.tables(mode, ROOT);
        SystemRegisters system = Structs.longMode(machine.system(), ROOT, 0);
        system.cr4 |= cr4;
        system.efer |= ControlBits.EFER_NXE;
        assertThat(machine.setSystem(system)).isZero();
        return tables;
    }

    @Test
    void tr01WithoutPagingAnAddressIsItself() {
        assertThat(translate(0xDEAD_B000L)).isEqualTo(0xDEAD_B000L);
        assertThat(translate(0x1234_5678_9ABC_DEF0L)).isEqualTo(0x1234_5678_9ABC_DEF0L);
    }

    @Test
    void tr02AnAddressThatIsNotMappedIsInvalid() {
        longMode(0);

        assertThat(translate(0x7000_0000)).isEqualTo(-1);
    }

    @Test
    void tr03AWalkSetsAccessedOnAllLevelsAndNeverDirty() {
        PageTableBuilder tables = longMode(0).map(0x1000, 0x5000, 1, PWU);

        assertThat(translate(0x1234)).isEqualTo(0x5234);

        for (int level = 1; level <= 4; level++) {
            assertThat(tables.get(0x1000, level) & 0x60).isEqualTo(PageTableBuilder.ACCESSED);
        }
    }

    @Test
    void tr04AWalkThatFailsSetsNothing() {
        PageTableBuilder tables = longMode(0).map(0x1000, 0x5000, 1, 6);

        assertThat(translate(0x1234)).isEqualTo(-1);

        for (int level = 1; level <= 4; level++) {
            assertThat(tables.get(0x1000, level) & 0x60).isZero();
        }
    }

    @Test
    void tr06ATableWithoutMemoryMakesTheAddressInvalid() {
        longMode(0).map(0x1000, 0x5000, 1, PWU).set(0x1000, 2, 0x4000_0000 | PWU);

        assertThat(translate(0x1000)).isEqualTo(-1);
    }

    @Test
    void tr07ThePageItselfNeedNotExist() {
        longMode(0).map(0x1000, 0x7_0000_0000L, 1, PWU);

        assertThat(translate(0x1000)).isEqualTo(0x7_0000_0000L);
    }

    @Test
    void tr08UpperBitsAreIgnored() {
        longMode(0).map(0x1000, 0x5000, 1, PWU);

        assertThat(translate(0x5000_0000_0000_1000L)).isEqualTo(0x5000);
        assertThat(translate(0x0001_0000_0000_1000L)).isEqualTo(0x5000);
    }

    @Test
    void tr09SmapRefusesUserPagesUnlessAlignmentCheckIsOn() {
        longMode(ControlBits.CR4_SMAP).map(0x1000, 0x5000, 1, PWU);
        assertThat(translate(0x1000)).isEqualTo(-1);
        Registers registers = machine.registers();
        registers.rflags |= Flags.AC;
        machine.setRegisters(registers);

        assertThat(translate(0x1000)).isEqualTo(0x5000);
    }

    @Test
    void tr10NoExecuteIsReservedUnlessItIsEnabled() {
        longMode(0).map(0x1000, 0x5000, 1, PWU | PageTableBuilder.NO_EXECUTE);
        assertThat(translate(0x1000)).isEqualTo(0x5000);
        machine.setSystem(Structs.longMode(machine.system(), ROOT, 0));

        assertThat(translate(0x1000)).isEqualTo(-1);
    }

    @ParameterizedTest
    @CsvSource({
        // level, bit, AMD, valid
        "4, 7, true, false",
        "4, 8, true, false",
        "4, 8, false, true",
        "3, 8, true, true",
        // TR-13 and TR-14
        "2, 8, true, true",
        "2, 52, true, true",
        "2, 62, true, true",
        "2, 46, true, false",
        "1, 46, true, false",
        "1, 51, true, false",
        "1, 52, true, true",
    })
    void tr11ReservedBitsDependOnVendorAndAddressBits(int level, int bit, boolean amd, boolean valid) {
        Vendor vendor = amd ? Vendor.AMD : Vendor.INTEL;
        CpuOptions defaults = CpuOptions.defaults();
        CpuOptions options = new CpuOptions(vendor, true, defaults.translate2Rules(), defaults.translate2Order());
        try (TestMachine other = new TestMachine(1 << 20, options)) {
            PageTableBuilder tables = other.tables(PagingMode.LEVEL_4, ROOT).map(0x1000, 0x5000, 1, PWU);
            tables.set(0x1000, level, tables.get(0x1000, level) | 1L << bit);
            assertThat(other.setSystem(Structs.longMode(other.system(), ROOT, 0)))
                    .isZero();

            assertThat(translate(other, 0x1000)).isEqualTo(valid ? 0x5000 : -1);
        }
    }

    @ParameterizedTest
    @CsvSource({"true, 0, true", "false, 0, false", "true, 13, false", "true, 29, false", "true, 12, true"})
    void tr12APageOfOneGibibyteNeedsTheHostsProcessor(boolean host, int bit, boolean valid) {
        CpuOptions defaults = CpuOptions.defaults();
        CpuOptions options = new CpuOptions(Vendor.AMD, host, defaults.translate2Rules(), defaults.translate2Order());
        try (TestMachine other = new TestMachine(1 << 20, options)) {
            other.tables(PagingMode.LEVEL_4, ROOT).map(0, 0x4000_0000, 3, PWU | 1L << bit);
            assertThat(other.setSystem(Structs.longMode(other.system(), ROOT, 0)))
                    .isZero();

            assertThat(translate(other, 0x1234)).isEqualTo(valid ? 0x4000_1234 : -1);
        }
    }

    @ParameterizedTest
    @CsvSource({"12, true", "13, false", "20, false"})
    void tr13TheLowBitsOfALargePage(int bit, boolean valid) {
        longMode(0).map(0, 0x4020_0000, 2, PWU | 1L << bit);

        assertThat(translate(0x1234)).isEqualTo(valid ? 0x4020_1234 : -1);
    }

    @ParameterizedTest
    @CsvSource({
        // entry of the page directory, PSE, address; 0x2000 has a table with a page at 0x5000
        "0x00400087, true, 0x00401234",
        "0x0040e087, true, 0x700401234",
        "0x00421087, true, -1",
        "0x00002087, false, 0x5234",
        "0x00002007, true, 0x5234",
    })
    void tr15ThirtyTwoBitPaging(String entry, boolean pse, String expected) {
        SystemRegisters system = Structs.protectedMode(machine.system(), 0);
        system.cr0 = Structs.PG_PE_ET_NE_WP;
        system.cr3 = ROOT;
        system.cr4 = pse ? ControlBits.CR4_PSE : 0;
        machine.poke(ROOT, Long.decode(entry));
        machine.poke(0x2004, 0x5007);
        assertThat(machine.setSystem(system)).isZero();

        assertThat(translate(0x1234)).isEqualTo(Long.decode(expected));
    }

    @Test
    void tr16PaeUsesTheRegistersAndNotMemory() {
        SystemRegisters system = Structs.protectedMode(machine.system(), 0);
        PageTableBuilder tables = machine.tables(PagingMode.PAE, ROOT).map(0x4000_1000, 0x5000, 1, PWU);
        system.cr0 = Structs.PG_PE_ET_NE_WP;
        system.cr3 = ROOT;
        system.cr4 = ControlBits.CR4_PAE;
        assertThat(machine.setSystem(system)).isZero();
        tables.set(0x4000_1000, 3, 0);

        assertThat(translate(0x4000_1234)).isEqualTo(0x5234);
        assertThat(translate(0x1_4000_1234L)).as("a longer address is cut").isEqualTo(0x5234);

        assertThat(machine.setSystem(machine.system())).isZero();
        assertThat(translate(0x4000_1234)).as("after a load").isEqualTo(-1);
    }

    @Test
    void tr17FiveLevels() {
        longMode(PagingMode.LEVEL_5, ControlBits.CR4_LA57).map(0xFF_1234_5678_9000L, 0x5000, 1, PWU);

        assertThat(translate(0xFF_1234_5678_9ABCL)).isEqualTo(0x5ABC);
    }
}
