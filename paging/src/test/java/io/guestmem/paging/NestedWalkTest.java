package io.guestmem.paging;

import static org.assertj.core.api.Assertions.assertThat;

import io.guestmem.paging.Translation.Detail;
import io.guestmem.paging.Translation.Fault;
import io.guestmem.paging.Translation.Reason;
import io.guestmem.paging.Translation.Translated;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Two stages: the guest's tables lie at the guest's physical addresses 0x0 to 0x5000, which are 0x20000 and up in memory; those of the
 * second stage at 0x1000. The guest maps its address 0x7000 to its page 0x6000.
 */
class NestedWalkTest {
    private static final long HOST_ROOT = 0x1000;
    private static final long OFFSET = 0x2_0000;
    private static final long LINEAR = 0x7000;
    private static final long PAGE = 0x6000;
    private static final long PWU = 7;
    private static final long EPT_ALL = 7;
    private static final long WRITE_BACK = 6 << 3;
    private static final long EPT_4_LEVELS = 3 << 3;
    private static final long EPT_AD = 1 << 6;

    private final TestMemory memory = new TestMemory(64);
    private final PageTableBuilder host = new PageTableBuilder(memory, PagingMode.LEVEL_4, HOST_ROOT, 8);
    private final PhysicalMemory guestMemory = new Shifted(memory);
    private final PageTableBuilder guest = new PageTableBuilder(guestMemory, PagingMode.LEVEL_4, 0, 5);

    /** The guest's physical memory, for building its tables. */
    private record Shifted(PhysicalMemory below) implements PhysicalMemory {
        @Override
        public Presence presence(long address) {
            return below.presence(address + OFFSET);
        }

        @Override
        public long read64(long address) {
            return below.read64(address + OFFSET);
        }

        @Override
        public int read32(long address) {
            return below.read32(address + OFFSET);
        }

        @Override
        public boolean compareAndSet64(long address, long expected, long replacement) {
            return below.compareAndSet64(address + OFFSET, expected, replacement);
        }

        @Override
        public boolean compareAndSet32(long address, int expected, int replacement) {
            return below.compareAndSet32(address + OFFSET, expected, replacement);
        }
    }

    private void mapAll(long flags) {
        for (long page = 0; page <= PAGE; page += 4096) {
            host.map(page, page + OFFSET, 1, flags);
        }
        guest.map(LINEAR, PAGE, 1, PWU);
    }

    private Walker npt() {
        SecondStage second = SecondStage.nested(States.of(PagingMode.LEVEL_4, HOST_ROOT), memory);
        return Walker.nested(WalkPlan.of(States.of(PagingMode.LEVEL_4, 0)), memory, second);
    }

    private Walker ept(long bits, boolean executeOnly, boolean modeBased) {
        EptPointer pointer = new EptPointer(HOST_ROOT | EPT_4_LEVELS | bits, 46, executeOnly, true, modeBased);
        return Walker.nested(
                WalkPlan.of(States.of(PagingMode.LEVEL_4, 0)), memory, SecondStage.extended(pointer, memory));
    }

    private static Translation ask(Walker walker, int access) {
        return walker.translate(LINEAR + 0x123, access, SetBits.NONE, CheckOrder.ARCHITECTURAL);
    }

    private static Fault fault(Translation translation) {
        assertThat(translation).isInstanceOf(Fault.class);
        return (Fault) translation;
    }

    @Test
    void bothStagesLeadToTheHostsAddress() {
        mapAll(PWU);

        assertThat(ask(npt(), Access.WRITE | Access.USER))
                .isInstanceOfSatisfying(
                        Translated.class, page -> assertThat(page.address()).isEqualTo(OFFSET + PAGE + 0x123));
    }

    @Test
    void aFaultOfTheGuestsTablesIsOneOfTheFirstStageAtTheHostsAddress() {
        mapAll(PWU);
        guest.set(LINEAR, 1, 0);

        Fault fault = fault(ask(npt(), Access.READ));

        assertThat(fault.stage()).isEqualTo(1);
        assertThat(fault.reason()).isEqualTo(Reason.NOT_PRESENT);
        assertThat(fault.entryAddress()).isEqualTo(OFFSET + guest.entryAddress(LINEAR, 1));
    }

    @Test
    void aPageThatTheSecondStageLacksIsAFaultOfTheSecondStage() {
        mapAll(PWU);
        host.set(PAGE, 1, 0);

        Fault fault = fault(ask(npt(), Access.WRITE));

        assertThat(fault.stage()).isEqualTo(2);
        assertThat(fault.reason()).isEqualTo(Reason.NOT_PRESENT);
        assertThat(fault.guestPhysical()).isEqualTo(PAGE + 0x123);
        assertThat(fault.entryAddress()).isEqualTo(host.entryAddress(PAGE, 1));
        assertThat(fault.pageFaultErrorCode()).isEqualTo(SecondStage.FAULT_FINAL | 0b110);
    }

    /** A nested walk writes to the guest's tables: a read-only mapping of one is a fault even for a read. */
    @Test
    void nestedPagingNeedsTheGuestsTablesWritable() {
        mapAll(PWU);
        long table = guest.entryAddress(LINEAR, 1) & -4096;
        host.map(table, table + OFFSET, 1, PWU & ~PageTableBuilder.WRITABLE);

        Fault fault = fault(ask(npt(), Access.READ));

        assertThat(fault.stage()).isEqualTo(2);
        assertThat(fault.detail()).isEqualTo(Detail.WRITE);
        assertThat(fault.pageFaultErrorCode()).isEqualTo(SecondStage.FAULT_TABLE | 0b111);
    }

    @Test
    void nestedPagingAccessesEverythingFromUserMode() {
        mapAll(PWU);
        host.map(PAGE, PAGE + OFFSET, 1, PWU & ~PageTableBuilder.USER);

        assertThat(fault(ask(npt(), Access.READ)).detail()).isEqualTo(Detail.USER);
    }

    /** For an entry at level 1, all above it and the page itself go through the second stage. */
    @ParameterizedTest
    @CsvSource({
        // the page's entry in EPT, supports execute-only, detail
        "0, false, NOT_PRESENT, NONE",
        "2, false, RESERVED_BITS, WRITE_ONLY",
        "6, true, RESERVED_BITS, WRITE_ONLY",
        "4, false, RESERVED_BITS, EXECUTE_ONLY",
        "4, true, PRIVILEGE_VIOLATION, READ",
        "23, false, RESERVED_BITS, MEMORY_TYPE",
        "31, false, RESERVED_BITS, MEMORY_TYPE",
        "63, false, RESERVED_BITS, MEMORY_TYPE",
        "70368744177671, false, RESERVED_BITS, NONE",
    })
    void whatIsWrongWithAnExtendedPageTableEntryHasAName(long bits, boolean executeOnly, Reason reason, Detail detail) {
        mapAll(EPT_ALL | WRITE_BACK);
        host.set(PAGE, 1, (PAGE + OFFSET) | bits);

        Fault fault = fault(ask(ept(0, executeOnly, false), Access.READ));

        assertThat(fault.stage()).isEqualTo(2);
        assertThat(fault.reason()).isEqualTo(reason);
        assertThat(fault.detail()).isEqualTo(detail);
    }

    @ParameterizedTest
    @ValueSource(ints = {3, 4, 5, 6, 7})
    void anExtendedPageTablesTableHasReservedBits(int bit) {
        mapAll(EPT_ALL | WRITE_BACK);
        host.set(0, 4, host.get(0, 4) | 1L << bit);

        Fault fault = fault(ask(ept(0, false, false), Access.READ));

        assertThat(fault.reason()).isEqualTo(Reason.RESERVED_BITS);
        assertThat(fault.level()).isEqualTo(4);
    }

    @Test
    void withoutAccessedBitsTheGuestsTablesAreRead() {
        mapAll(EPT_ALL | WRITE_BACK);
        long table = guest.entryAddress(LINEAR, 1) & -4096;
        host.map(table, table + OFFSET, 1, 1 | WRITE_BACK);

        assertThat(ask(ept(0, false, false), Access.READ)).isInstanceOf(Translated.class);
        assertThat(fault(ask(ept(EPT_AD, false, false), Access.READ)).detail()).isEqualTo(Detail.WRITE);
    }

    @Test
    void bothStagesKeepTheirOwnBits() {
        mapAll(EPT_ALL | WRITE_BACK);
        int setBits = SetBits.ACCESSED | SetBits.DIRTY;

        long result = ept(EPT_AD, false, false).walk(LINEAR, Access.WRITE, setBits, CheckOrder.ARCHITECTURAL);

        assertThat(WalkResult.isPage(result)).isTrue();
        assertThat(guest.get(LINEAR, 1) & 0x60).isEqualTo(0x60);
        assertThat(guest.get(LINEAR, 4) & 0x60).isEqualTo(0x20);
        assertThat(host.get(PAGE, 1) & 0x340).isEqualTo(0x300);
        assertThat(host.get(PAGE, 4) & 0x300).isEqualTo(0x100);
    }

    /** The leaf is not reached if the second stage refuses the page behind it. */
    @Test
    void forceStopsAboveTheLeafWhoseStageRefuses() {
        mapAll(PWU);
        host.set(PAGE, 1, 0);

        npt().walk(LINEAR, Access.READ, SetBits.ACCESSED | SetBits.FORCE_ACCESSED, CheckOrder.PER_LEVEL);

        assertThat(guest.get(LINEAR, 2) & 0x20).isEqualTo(0x20);
        assertThat(guest.get(LINEAR, 1) & 0x20).isZero();
    }

    /** Bit 10 of an entry is for pages of the guest's user mode, bit 2 for the others. */
    @ParameterizedTest
    @CsvSource({"false, 4, true", "false, 1024, false", "true, 4, false", "true, 1024, true"})
    void modeBasedExecutionLooksAtTheGuestsUserBit(boolean userPage, long executable, boolean permitted) {
        mapAll(EPT_ALL | WRITE_BACK);
        guest.map(LINEAR, PAGE, 1, userPage ? PWU : 3);
        for (int level = 2; level <= 4; level++) {
            host.set(PAGE, level, host.get(PAGE, level) | EptFormat.USER_EXECUTABLE);
        }
        host.set(PAGE, 1, (PAGE + OFFSET) | 3 | executable | WRITE_BACK);

        int access = Access.EXECUTE | (userPage ? Access.USER : 0);

        assertThat(ask(ept(0, false, true), access) instanceof Translated).isEqualTo(permitted);
    }

    /** What a translation says of the page is what both stages grant; execution goes by the guest's user bit. */
    @ParameterizedTest
    @CsvSource({
        // the guest's entry, the second stage's, mode-based: writable, executable
        "7, 7, false, true, true",
        "7, 5, false, false, true",
        "5, 7, false, false, true",
        "7, 3, false, true, false",
        "7, 7, true, true, false",
        "7, 1027, true, true, true",
        "3, 7, true, true, true",
        "3, 1027, true, true, false",
    })
    void theRightsOfAPageAreThoseOfBothStages(
            long guestEntry, long hostEntry, boolean modeBased, boolean writable, boolean executable) {
        mapAll(EPT_ALL | WRITE_BACK);
        guest.map(LINEAR, PAGE, 1, guestEntry);
        for (int level = 2; level <= 4; level++) {
            host.set(PAGE, level, host.get(PAGE, level) | EptFormat.USER_EXECUTABLE);
        }
        host.set(PAGE, 1, (PAGE + OFFSET) | hostEntry | WRITE_BACK);

        assertThat(ask(ept(0, false, modeBased), Access.READ)).isInstanceOfSatisfying(Translated.class, page -> {
            assertThat(page.writable()).isEqualTo(writable);
            assertThat(page.executable()).isEqualTo(executable);
            assertThat(page.user()).isEqualTo((guestEntry & PageTableBuilder.USER) != 0);
        });
    }

    @Test
    void addressesAboveWhatTheSecondStageCoversHaveNoTranslation() {
        mapAll(EPT_ALL | WRITE_BACK);
        guest.set(LINEAR, 1, 1L << 50 | PWU);
        PagingState state = States.of(PagingMode.LEVEL_4, 0, new PagingFeatures(52, false, true, 4));
        SecondStage second =
                SecondStage.extended(new EptPointer(HOST_ROOT | EPT_4_LEVELS, 46, false, true, false), memory);

        Fault fault = fault(ask(Walker.nested(WalkPlan.of(state), memory, second), Access.READ));

        assertThat(fault.stage()).isEqualTo(2);
        assertThat(fault.reason()).isEqualTo(Reason.NOT_PRESENT);
    }
}
