package io.guestmem.paging;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What a second stage maps of a guest's physical memory. Its tables begin at 0x1000. */
class StageMappingsTest {
    private static final long ROOT = 0x1000;
    private static final long EPT_4_LEVELS = 3 << 3;
    private static final long EPT_AD = 1 << 6;
    private static final long WRITE_BACK = 6 << 3;
    private static final long RWX = 7;
    private static final long PWU = 7;
    private static final long MIB_2 = 1 << 21;
    private static final long GIB = 1L << 30;

    private final TestMemory memory = new TestMemory(16);

    private PageTableBuilder tables(PagingMode mode) {
        return new PageTableBuilder(memory, mode, ROOT, 12);
    }

    private SecondStage ept(long bits, boolean executeOnly, boolean modeBased) {
        return SecondStage.extended(
                new EptPointer(ROOT | EPT_4_LEVELS | bits, 46, executeOnly, true, modeBased), memory);
    }

    private SecondStage npt(PagingMode mode) {
        return SecondStage.nested(States.of(mode, ROOT), memory);
    }

    private static StageMapping all(long guestPhysical, long physical, long size, long pageSize) {
        return new StageMapping(guestPhysical, physical, size, pageSize, true, true, true, true, false, false);
    }

    @Test
    void neighboursOfOneKindAreOneRunInEverySizeOfPage() {
        tables(PagingMode.LEVEL_4)
                .map(0, 0x5000, 1, RWX | WRITE_BACK)
                .map(0x1000, 0x6000, 1, RWX | WRITE_BACK)
                .map(0x2000, 0x9000, 1, RWX | WRITE_BACK)
                .map(MIB_2, 8 * MIB_2, 2, RWX | WRITE_BACK)
                .map(GIB, 2 * GIB, 3, RWX | WRITE_BACK)
                .map(2 * GIB, 3 * GIB, 3, RWX | WRITE_BACK);

        assertThat(StageMappings.of(ept(0, false, false)).mappings())
                .containsExactly(
                        all(0, 0x5000, 0x2000, 4096),
                        all(0x2000, 0x9000, 0x1000, 4096),
                        all(MIB_2, 8 * MIB_2, MIB_2, MIB_2),
                        all(GIB, 2 * GIB, 2 * GIB, GIB));
    }

    @ParameterizedTest
    @CsvSource({
        // entry in hexadecimal, execute-only, mode-based: readable, writable, executable, by user mode, accessed, dirty
        "7, false, false: rwxu--",
        "307, false, false: rwxuAD",
        "1, false, false: r-----",
        "4, true, false: --xu--",
        "5, false, true: r-x---",
        "403, false, true: rw-u--",
        "407, false, true: rwxu--",
        "400, true, true: ---u--",
    })
    void whatAnExtendedEntryGrants(String bits, boolean executeOnly, String modeBasedAndRights) {
        String[] rest = modeBasedAndRights.split(": ", -1);
        PageTableBuilder tables = tables(PagingMode.LEVEL_4).map(0x7000, 0x9000, 1, RWX | WRITE_BACK);
        for (int level = 4; level > 1; level--) {
            tables.set(0x7000, level, tables.get(0x7000, level) | EptFormat.USER_EXECUTABLE);
        }
        tables.set(0x7000, 1, 0x9000 | WRITE_BACK | Long.parseLong(bits, 16));

        assertThat(StageMappings.of(ept(EPT_AD, executeOnly, Boolean.parseBoolean(rest[0])))
                        .mappings())
                .singleElement()
                .satisfies(run -> assertThat(rights(run)).isEqualTo(rest[1]));
    }

    private static String rights(StageMapping run) {
        return (run.readable() ? "r" : "-")
                + (run.writable() ? "w" : "-")
                + (run.executable() ? "x" : "-")
                + (run.userExecutable() ? "u" : "-")
                + (run.accessed() ? "A" : "-")
                + (run.dirty() ? "D" : "-");
    }

    /** Nested paging's tables are as the host's: without the user bit nothing is granted, unless GMET is on. */
    @ParameterizedTest
    @CsvSource({
        "7, rwxu--, rw-u--",
        "5, r-xu--, r--u--",
        "3, ------, rwxu--",
        "8000000000000007, rw----, rw----",
    })
    void whatAnEntryOfNestedPagingGrants(String bits, String plain, String withExecuteTrap) {
        tables(PagingMode.LEVEL_4).map(0x7000, 0x9000, 1, Long.parseUnsignedLong(bits, 16));

        assertThat(StageMappings.of(npt(PagingMode.LEVEL_4)).mappings())
                .singleElement()
                .satisfies(run -> assertThat(rights(run)).isEqualTo(plain));
        SecondStage gmet = SecondStage.nestedWithExecuteTrap(States.of(PagingMode.LEVEL_4, ROOT), memory);
        assertThat(StageMappings.of(gmet).mappings())
                .singleElement()
                .satisfies(run -> assertThat(rights(run)).isEqualTo(withExecuteTrap));
    }

    /** Nested paging reads the registers of PAE paging from memory; so does the enumeration. */
    @ParameterizedTest
    @CsvSource({"BITS_32, 0x400000", "PAE, 0x200000", "LEVEL_4, 0x200000", "LEVEL_5, 0x200000"})
    void everyModeOfTheHost(PagingMode mode, long largePage) {
        tables(mode).map(0xC000_7000L, 0x9000, 1, PWU).map(largePage, 2 * largePage, 2, PWU);

        assertThat(StageMappings.of(npt(mode)).mappings())
                .containsExactly(
                        all(largePage, 2 * largePage, largePage, largePage), all(0xC000_7000L, 0x9000, 0x1000, 4096));
    }

    @Test
    void aPartCutsThePagesThatReachIntoIt() {
        tables(PagingMode.LEVEL_4).map(0, 8 * MIB_2, 2, PWU).map(MIB_2, 9 * MIB_2, 2, PWU);

        assertThat(StageMappings.of(npt(PagingMode.LEVEL_4))
                        .within(0x5000, MIB_2 + 0xFFF)
                        .mappings())
                .containsExactly(all(0x5000, 8 * MIB_2 + 0x5000, MIB_2 - 0x4000, MIB_2));
    }

    /** As the walker says of each of them: not present, reserved, and a table where there is no memory. */
    @Test
    void whatMapsNothingIsCounted() {
        PageTableBuilder tables = tables(PagingMode.LEVEL_4).map(0, 0x5000, 1, RWX | WRITE_BACK);
        tables.set(0x1000, 1, 0x6000 | 2 | WRITE_BACK);
        tables.set(0x2000, 1, 0x6000 | RWX | 2 << 3);
        tables.set(MIB_2, 2, 0x7F_0000 | RWX);

        MappingTotals totals = StageMappings.of(ept(0, false, false)).forEach(_ -> {});

        assertThat(totals).isEqualTo(new MappingTotals(1, 1, 4, 0, 2, 1, -1));
    }

    /** A root all of whose entries point to itself maps 2^36 pages: it is counted, and the end is told. */
    @Test
    void tablesThatPointToThemselvesEnd() {
        for (int i = 0; i < 512; i++) {
            memory.store(ROOT + i * 8L, ROOT | PWU);
        }

        MappingTotals totals =
                StageMappings.of(npt(PagingMode.LEVEL_4)).mostTables(4).forEach(_ -> {});

        assertThat(totals.isComplete()).isFalse();
        // 2048 entries are four of each level above the lowest, and the rest of it.
        assertThat(totals.pages()).isEqualTo(2048 - 3 - totals.tables() + 4);
        assertThat(totals.repeated()).isEqualTo(totals.tables() - 1);
        assertThat(totals.stoppedAt()).isPositive().isEqualTo(totals.pages() * 4096);
    }

    @Test
    void withoutPageTablesThereIsNothingToList() {
        SecondStage off = SecondStage.nested(States.of(PagingMode.NONE, 0), memory);

        assertThatIllegalArgumentException()
                .isThrownBy(() -> StageMappings.of(off).mappings());
    }
}
