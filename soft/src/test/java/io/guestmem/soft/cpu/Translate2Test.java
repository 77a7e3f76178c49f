package io.guestmem.soft.cpu;

import static io.guestmem.abi.ErrorNumber.EINVAL;
import static io.guestmem.abi.Translation2Layout.EXEC;
import static io.guestmem.abi.Translation2Layout.FORCE_SET_ACCESSED;
import static io.guestmem.abi.Translation2Layout.SET_ACCESSED;
import static io.guestmem.abi.Translation2Layout.SET_DIRTY;
import static io.guestmem.abi.Translation2Layout.USER;
import static io.guestmem.abi.Translation2Layout.WRITE;
import static org.assertj.core.api.Assertions.assertThat;

import io.guestmem.abi.KvmIoctl;
import io.guestmem.abi.Translation2Layout;
import io.guestmem.paging.CheckOrder;
import io.guestmem.paging.PageTableBuilder;
import io.guestmem.paging.PagingMode;
import io.guestmem.soft.cpu.CpuOptions.Translate2Rules;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** {@code KVM_TRANSLATE2}: T2-02 to T2-16 of kernel.md 7.7. Fields start with 0x55 in every byte. */
class Translate2Test {
    private static final long ROOT = 0x1000;
    private static final long LINEAR = 0x40_1000;
    private static final long PAGE = 0x5000;
    private static final long PWU = 7;
    private static final long KEPT = 0x5555_5555_5555_5555L;
    private static final int KEPT_ERROR = 0x5555;
    private static final int KEPT_BYTE = 0x55;

    private TestMachine machine = new TestMachine(1 << 20, options(Translate2Rules.RFC_EXACT));

    private static CpuOptions options(Translate2Rules rules) {
        return new CpuOptions(Vendor.AMD, true, rules, CheckOrder.PER_LEVEL);
    }

    private void use(CpuOptions options) {
        machine.close();
        machine = new TestMachine(1 << 20, options);
    }

    @AfterEach
    void close() {
        machine.close();
    }

    /** What the fields are afterwards. */
    private record Answer(long address, int valid, int error, int bitsSet) {}

    private Answer ask(long linear, int flags, int access) {
        MemorySegment struct = struct(linear, flags, access);
        assertThat(machine.request(KvmIoctl.TRANSLATE2, struct)).isZero();
        return new Answer(
                struct.get(ValueLayout.JAVA_LONG, Translation2Layout.PHYSICAL_ADDRESS),
                struct.get(ValueLayout.JAVA_BYTE, Translation2Layout.VALID),
                struct.get(ValueLayout.JAVA_SHORT, Translation2Layout.ERROR_CODE),
                struct.get(ValueLayout.JAVA_BYTE, Translation2Layout.SET_BITS_SUCCEEDED));
    }

    private MemorySegment struct(long linear, int flags, int access) {
        MemorySegment struct = machine.struct(Translation2Layout.STRUCT);
        struct.fill((byte) KEPT_BYTE);
        struct.set(ValueLayout.JAVA_LONG, Translation2Layout.LINEAR_ADDRESS, linear);
        struct.set(ValueLayout.JAVA_SHORT, Translation2Layout.FLAGS, (short) flags);
        struct.set(ValueLayout.JAVA_SHORT, Translation2Layout.ACCESS, (short) access);
        return struct;
    }

    private PageTableBuilder longMode() {
        SystemRegisters system = Structs.longMode(machine.system(), ROOT, 0);
        system.efer |= ControlBits.EFER_NXE;
        assertThat(machine.setSystem(system)).isZero();
        return machine.tables(PagingMode.LEVEL_4, ROOT).map(LINEAR, PAGE, 1, PWU);
    }

    private void setCr4(long more) {
        SystemRegisters system = machine.system();
        system.cr4 |= more;
        assertThat(machine.setSystem(system)).isZero();
    }

    private static String bits(PageTableBuilder tables) {
        StringBuilder bits = new StringBuilder();
        for (int level = 4; level >= 1; level--) {
            bits.append(".ADX".charAt((int) (tables.get(LINEAR, level) >>> 5) & 3));
        }
        return bits.toString();
    }

    @ParameterizedTest
    @CsvSource({
        // flags, access
        "2, 1",
        "4, 0",
        "6, 1",
        "3, 0",
        "3, 6",
        "0, 8",
        "8, 0",
        "0, 0x8000",
        "0x8000, 0",
    })
    void t202FlagsThatMakeNoSenseAreRefusedAndNothingIsWritten(String flags, String access) {
        MemorySegment struct = struct(LINEAR, Integer.decode(flags), Integer.decode(access));

        assertThat(machine.request(KvmIoctl.TRANSLATE2, struct)).isEqualTo(-EINVAL.number());
        assertThat(struct.get(ValueLayout.JAVA_LONG, Translation2Layout.PHYSICAL_ADDRESS))
                .isEqualTo(KEPT);
    }

    @Test
    void writeAndExecuteTogetherAreAccepted() {
        longMode();

        assertThat(ask(LINEAR, 0, WRITE | EXEC).valid()).isEqualTo(1);
    }

    @ParameterizedTest
    @CsvSource({"RFC_EXACT, 1", "DOCUMENTED, 0"})
    void aWalkThatSucceeds(Translate2Rules rules, int error) {
        use(options(rules));
        longMode();

        assertThat(ask(LINEAR + 0x123, 0, 0)).isEqualTo(new Answer(PAGE + 0x123, 1, error, 0));
        assertThat(ask(LINEAR + 0x123, SET_ACCESSED, USER)).isEqualTo(new Answer(PAGE + 0x123, 1, error, 1));
    }

    @Test
    void t203AnAddressThatIsNotCanonical() {
        longMode();

        assertThat(ask(0b101L << 60, SET_ACCESSED, 0)).isEqualTo(new Answer(KEPT, 0, 4, KEPT_BYTE));
        use(options(Translate2Rules.DOCUMENTED));
        longMode();
        assertThat(ask(0b101L << 60, SET_ACCESSED, 0)).isEqualTo(new Answer(0, 0, 4, 0));
    }

    @Test
    void t204CompatibilityModeHasAddressesOf32Bits() {
        longMode();
        SystemRegisters system = machine.system();
        system.segments[SegmentRegister.CS] = Structs.code(32, 0);
        assertThat(machine.setSystem(system)).isZero();

        assertThat(ask(0x1_0000_0000L, 0, 0).error()).isEqualTo(4);
        assertThat(ask(LINEAR, 0, 0).valid()).isEqualTo(1);
    }

    @Test
    void t205ExactlyWhatIsGrantedIsPermitted() {
        PageTableBuilder tables = longMode();
        for (int granted = 0; granted < 8; granted++) {
            long flags = PageTableBuilder.PRESENT
                    | ((granted & WRITE) != 0 ? PageTableBuilder.WRITABLE : 0)
                    | ((granted & USER) != 0 ? PageTableBuilder.USER : 0)
                    | ((granted & EXEC) != 0 ? 0 : PageTableBuilder.NO_EXECUTE);
            tables.map(LINEAR, PAGE, 1, flags);
            for (int asked = 0; asked < 8; asked++) {
                Answer answer = ask(LINEAR, 0, asked);
                boolean permitted = (asked & ~granted) == 0;
                assertThat(answer.valid())
                        .as("granted %d, asked %d", granted, asked)
                        .isEqualTo(permitted ? 1 : 0);
                assertThat(answer.error()).isEqualTo(permitted ? 1 : 2);
            }
        }
    }

    @ParameterizedTest
    @EnumSource(Translate2Rules.class)
    void t206ReservedBits(Translate2Rules rules) {
        use(options(rules));
        PageTableBuilder tables = longMode();
        tables.set(LINEAR, 2, tables.get(LINEAR, 2) | 1L << 51);
        long entry = tables.entryAddress(LINEAR, 2);
        long address = rules == Translate2Rules.RFC_EXACT ? entry & -4096 : entry;

        assertThat(entry % 4096).isEqualTo(16);
        assertThat(ask(LINEAR, 0, 0)).isEqualTo(new Answer(address, 0, 3, 0));
    }

    @ParameterizedTest
    @EnumSource(Translate2Rules.class)
    void t207ATableWithoutMemory(Translate2Rules rules) {
        use(options(rules));
        longMode().set(LINEAR, 2, 0x4000_0000 | PWU);
        long address = rules == Translate2Rules.RFC_EXACT ? 0x4000_0000 : 0x4000_0008;

        assertThat(ask(LINEAR, 0, 0)).isEqualTo(new Answer(address, 0, 5, 0));
    }

    @ParameterizedTest
    @CsvSource({
        // flags, rules, bits, succeeded
        "5, RFC_EXACT, AAA., 1",
        "5, DOCUMENTED, AAA., 1",
        "1, RFC_EXACT, ...., 1",
        "1, DOCUMENTED, ...., 0",
        "0, RFC_EXACT, ...., 0",
    })
    void t208AndT209AWalkThatFailsSetsOnlyWhatIsForced(int flags, Translate2Rules rules, String bits, int succeeded) {
        use(options(rules));
        PageTableBuilder tables = longMode();
        tables.set(LINEAR, 1, 0);
        long entry = tables.entryAddress(LINEAR, 1);
        long address = rules == Translate2Rules.RFC_EXACT ? entry & -4096 : entry;

        assertThat(ask(LINEAR, flags, 0)).isEqualTo(new Answer(address, 0, 1, succeeded));
        assertThat(bits(tables)).isEqualTo(bits);
    }

    @Test
    void t211DirtyIsSetInTheLeafOnly() {
        PageTableBuilder tables = longMode();

        assertThat(ask(LINEAR, SET_ACCESSED | SET_DIRTY, WRITE).bitsSet()).isEqualTo(1);

        assertThat(bits(tables)).isEqualTo("AAAX");
    }

    @Test
    void nothingIsSetThatIsNotAskedFor() {
        PageTableBuilder tables = longMode();

        ask(LINEAR, 0, WRITE);
        assertThat(bits(tables)).isEqualTo("....");
        ask(LINEAR, SET_ACCESSED, WRITE);
        assertThat(bits(tables)).isEqualTo("AAAA");
    }

    @ParameterizedTest
    @CsvSource({"PER_LEVEL, 2", "ARCHITECTURAL, 1"})
    void t212WhichOfTwoFaultsIsReported(CheckOrder order, int error) {
        use(new CpuOptions(Vendor.AMD, true, Translate2Rules.RFC_EXACT, order));
        PageTableBuilder tables = longMode().set(LINEAR, 1, 0);
        tables.set(LINEAR, 4, tables.get(LINEAR, 4) & ~PageTableBuilder.WRITABLE);

        assertThat(ask(LINEAR, 0, WRITE).error()).isEqualTo(error);
    }

    @ParameterizedTest
    @CsvSource({"RFC_EXACT, 0x5555", "DOCUMENTED, 2"})
    void t213ASupervisorReadThatSmapRefusesHasNoErrorInTheSeries(Translate2Rules rules, String error) {
        use(options(rules));
        longMode();
        setCr4(ControlBits.CR4_SMAP);

        Answer answer = ask(LINEAR, 0, 0);

        assertThat(answer.valid()).isZero();
        assertThat(answer.error()).isEqualTo(Integer.decode(error));
        assertThat(KEPT_ERROR).isEqualTo(0x5555);
    }

    @Test
    void t215WithoutPagingAnAddressIsItself() {
        assertThat(ask(0xDEAD_B000L, 0, WRITE)).isEqualTo(new Answer(0xDEAD_B000L, 1, 1, 0));
        assertThat(ask(0xDEAD_B000L, FORCE_SET_ACCESSED | SET_ACCESSED, WRITE).bitsSet())
                .isEqualTo(1);
        assertThat(ask(0x1_0000_0000L, 0, 0).error()).isEqualTo(4);
    }

    @ParameterizedTest
    @CsvSource({"true, true, 0", "true, false, 1", "false, true, 1"})
    void t216WriteProtection(boolean writeProtect, boolean readOnly, int valid) {
        PageTableBuilder tables = longMode();
        tables.set(LINEAR, 1, readOnly ? PAGE | 5 : PAGE | 7);
        SystemRegisters system = machine.system();
        system.cr0 = writeProtect ? system.cr0 : system.cr0 & ~ControlBits.CR0_WP;
        assertThat(machine.setSystem(system)).isZero();

        assertThat(ask(LINEAR, 0, WRITE).valid()).isEqualTo(valid);
    }

    @Test
    void anAbsentPaeRegisterIsReportedWhereCr3HasIt() {
        SystemRegisters system = Structs.protectedMode(machine.system(), 0);
        system.cr0 = Structs.PG_PE_ET_NE_WP;
        system.cr3 = ROOT;
        system.cr4 = ControlBits.CR4_PAE;
        assertThat(machine.setSystem(system)).isZero();

        assertThat(ask(0x4000_0000, SET_ACCESSED, 0)).isEqualTo(new Answer(ROOT + 8, 0, 1, 1));
    }
}
