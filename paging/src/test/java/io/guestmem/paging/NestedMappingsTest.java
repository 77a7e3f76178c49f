package io.guestmem.paging;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * What an address space of two stages maps. The guest's tables lie at 0x0 to 0x7000 of its physical memory, which the second
 * stage, whose tables begin at 0x10000, maps to the same addresses.
 */
class NestedMappingsTest {
    private static final long HOST_ROOT = 0x1_0000;
    private static final long PWU = 7;
    private static final long MIB_2 = 1 << 21;
    private static final long LINEAR = 0x7F00_0000_0000L;

    private final TestMemory memory = new TestMemory(32);
    private final PageTableBuilder guest = new PageTableBuilder(memory, PagingMode.LEVEL_4, 0, 8);
    private final PageTableBuilder host = new PageTableBuilder(memory, PagingMode.LEVEL_4, HOST_ROOT, 16);
    private final WalkPlan plan = WalkPlan.of(States.of(PagingMode.LEVEL_4, 0));

    NestedMappingsTest() {
        for (long page = 0; page < 0x8000; page += 4096) {
            host.map(page, page, 1, PWU);
        }
    }

    private SecondStage npt() {
        return SecondStage.nested(States.of(PagingMode.LEVEL_4, HOST_ROOT), memory);
    }

    private NestedMappings both() {
        return NestedMappings.of(plan, npt());
    }

    private static NestedMapping user(long linear, long guestPhysical, long physical, long size, long pageSize) {
        return new NestedMapping(linear, guestPhysical, physical, size, pageSize, true, true, true, true, false, false);
    }

    /** The second stage has two pages side by side, then one elsewhere, then nothing more of the guest's 2 MiB. */
    @Test
    void aLargePageOfTheGuestsIsWhatTheSecondStageHasOfIt() {
        guest.map(LINEAR, 4 * MIB_2, 2, PWU);
        host.map(4 * MIB_2, 0x9000, 1, PWU);
        host.map(4 * MIB_2 + 0x1000, 0xA000, 1, PWU);
        host.map(4 * MIB_2 + 0x2000, 0x9000, 1, PWU);

        List<NestedMapping> runs = new ArrayList<>();
        NestedTotals totals = both().forEach(runs::add);

        assertThat(runs)
                .containsExactly(
                        user(LINEAR, 4 * MIB_2, 0x9000, 0x2000, 4096),
                        user(LINEAR + 0x2000, 4 * MIB_2 + 0x2000, 0x9000, 0x1000, 4096));
        assertThat(totals.runs()).isEqualTo(2);
        assertThat(totals.missing()).isEqualTo(MIB_2 - 0x3000);
        assertThat(totals.guest().pages()).isEqualTo(1);
        assertThat(totals.isComplete()).isTrue();
    }

    @Test
    void smallPagesOfTheGuestsInALargePageOfTheSecondStageAreOneRunIfTheyAreNeighboursInBoth() {
        host.map(4 * MIB_2, 8 * MIB_2, 2, PWU);
        guest.map(LINEAR, 4 * MIB_2, 1, PWU);
        guest.map(LINEAR + 0x1000, 4 * MIB_2 + 0x1000, 1, PWU);
        guest.map(LINEAR + 0x2000, 4 * MIB_2 + 0x5000, 1, PWU);

        assertThat(both().mappings())
                .containsExactly(
                        user(LINEAR, 4 * MIB_2, 8 * MIB_2, 0x2000, 4096),
                        user(LINEAR + 0x2000, 4 * MIB_2 + 0x5000, 8 * MIB_2 + 0x5000, 0x1000, 4096));
    }

    @ParameterizedTest
    @CsvSource({
        // the guest's entry, the second stage's: readable, writable, user, executable, and the guest's accessed and
        // dirty
        "7, 7, rwux--",
        "67, 7, rwuxAD",
        "7, 67, rwux--",
        "5, 7, r-ux--",
        "7, 5, r-ux--",
        "3, 7, rw-x--",
        "8000000000000007, 7, rwu---",
        "7, 8000000000000007, rwu---",
        "7, 3, --u---",
    })
    void rightsAreThoseOfBothStages(String guestEntry, String hostEntry, String rights) {
        guest.map(LINEAR, 0x8000, 1, Long.parseUnsignedLong(guestEntry, 16));
        host.map(0x8000, 0x9000, 1, Long.parseUnsignedLong(hostEntry, 16));

        assertThat(both().mappings())
                .singleElement()
                .satisfies(run -> assertThat(rights(run)).isEqualTo(rights));
    }

    private static String rights(NestedMapping run) {
        return (run.readable() ? "r" : "-")
                + (run.writable() ? "w" : "-")
                + (run.user() ? "u" : "-")
                + (run.executable() ? "x" : "-")
                + (run.accessed() ? "A" : "-")
                + (run.dirty() ? "D" : "-");
    }

    /** GMET: a page for user mode in the second stage is one that only user mode executes. */
    @ParameterizedTest
    @CsvSource({"7, 7, rwux--", "3, 7, rw----", "7, 3, rwux--", "3, 3, rw-x--"})
    void executionIsThatOfTheModeThatHasThePage(String guestEntry, String hostEntry, String rights) {
        guest.map(LINEAR, 0x8000, 1, Long.parseUnsignedLong(guestEntry, 16));
        host.map(0x8000, 0x9000, 1, Long.parseUnsignedLong(hostEntry, 16));
        SecondStage gmet = SecondStage.nestedWithExecuteTrap(States.of(PagingMode.LEVEL_4, HOST_ROOT), memory);

        assertThat(NestedMappings.of(plan, gmet).mappings())
                .singleElement()
                .satisfies(run -> assertThat(rights(run)).isEqualTo(rights));
    }

    /** A processor marks entries of the guest's tables: without the right to write there is no table. */
    @ParameterizedTest
    @ValueSource(longs = {0, 5})
    void aTableThatTheSecondStageLacksOrProtectsIsUnreadable(long flags) {
        guest.map(LINEAR, 0x8000, 1, PWU);
        long table = guest.entryAddress(LINEAR, 1) & -4096;
        host.map(table, table, 1, flags);

        NestedTotals totals = both().forEach(_ -> {});

        assertThat(totals.guest().unreadable()).isEqualTo(1);
        assertThat(totals.runs()).isZero();
    }

    /** Each of the guest's 2^36 pages costs four entries of the second stage. */
    @Test
    void aGuestWhoseTablesPointToThemselvesEnds() {
        for (int i = 0; i < 512; i++) {
            memory.store(i * 8L, PWU);
        }

        NestedTotals totals = both().mostTables(4).forEach(_ -> {});

        assertThat(totals.isComplete()).isFalse();
        assertThat(totals.guest().stoppedAt()).isPositive();
    }

    @Test
    void aSecondStageWhoseTablesPointToThemselvesEnds() {
        guest.map(LINEAR, 1L << 39, 3, PWU).map(LINEAR + (1L << 30), 1L << 39, 3, PWU);
        memory.store(HOST_ROOT + 8, HOST_ROOT + 0xF000 | PWU);
        for (int i = 0; i < 512; i++) {
            memory.store(HOST_ROOT + 0xF000 + i * 8L, HOST_ROOT + 0xF000 | PWU);
        }

        NestedTotals totals = both().mostTables(64).forEach(_ -> {});

        assertThat(totals.isComplete()).isFalse();
        assertThat(totals.stoppedAt()).isEqualTo(LINEAR);
        assertThat(totals.stage().stoppedAt()).isGreaterThan(1L << 39);
    }

    /** Every page translates, and permits, as the walker of both stages says, and nothing else does. */
    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void runsAreWhatWalksFind(boolean gmet) {
        long seed = System.nanoTime();
        System.out.println("NestedMappingsTest seed " + seed);
        SplittableRandom random = new SplittableRandom(seed);
        int found = 0;
        for (int round = 0; round < 400; round++) {
            TestMemory tables = new TestMemory(2 * RandomTables.PAGES + 8);
            RandomTables.fill(random, tables, new TestMemory(RandomTables.PAGES));
            PagingState hosts = randomSecondStage(random, tables);
            SecondStage stage =
                    gmet ? SecondStage.nestedWithExecuteTrap(hosts, tables) : SecondStage.nested(hosts, tables);
            WalkPlan guests = WalkPlan.of(States.of(PagingMode.LEVEL_4, random.nextInt(RandomTables.PAGES) * 4096L));
            Walker walker = Walker.nested(guests, tables, stage);
            long window = random.nextLong() & -MIB_2;
            List<NestedMapping> runs = NestedMappings.of(guests, stage)
                    .within(window, window + MIB_2 - 1)
                    .mappings();
            for (int i = 0; i < 200; i++) {
                long linear = ((window + random.nextLong(MIB_2)) << 16) >> 16;
                List<NestedMapping> those = runs.stream()
                        .filter(run -> linear >= run.linear() && linear - run.linear() < run.size())
                        .toList();
                assertThat(those).hasSizeLessThanOrEqualTo(1);
                String walked = walked(
                        walker, linear, those.isEmpty() || !those.getFirst().user() ? 0 : Access.USER);
                String listed = those.isEmpty() ? "---" : listed(those.getFirst(), linear);
                assertThat(listed)
                        .as("seed " + seed + ", 0x" + Long.toHexString(linear))
                        .isEqualTo(walked);
                checkReported(walker, linear, those);
                found += listed.startsWith("r") ? 1 : 0;
            }
        }
        assertThat(found).as("pages that can be read").isGreaterThan(100);
    }

    /** A translation says as much of the page as the list does. */
    private static void checkReported(Walker walker, long linear, List<NestedMapping> those) {
        int user = those.isEmpty() || !those.getFirst().user() ? 0 : Access.USER;
        if (walker.translate(linear, Access.READ | user, SetBits.NONE, CheckOrder.ARCHITECTURAL)
                instanceof Translation.Translated page) {
            NestedMapping run = those.getFirst();
            assertThat(page.writable()).isEqualTo(run.writable());
            assertThat(page.user()).isEqualTo(run.user());
            assertThat(page.executable()).isEqualTo(run.executable());
        }
    }

    private static PagingState randomSecondStage(SplittableRandom random, TestMemory tables) {
        long root = RandomTables.PAGES * 4096L;
        PageTableBuilder builder = new PageTableBuilder(tables, PagingMode.LEVEL_4, root, 8);
        for (int page = 0; page < RandomTables.PAGES; page++) {
            long flags = random.nextInt(16) == 0 ? random.nextLong(8) : PWU;
            builder.map(page * 4096L, page * 4096L, 1, flags | (random.nextInt(8) == 0 ? 1L << 63 : 0));
        }
        for (long address = MIB_2; address < 1L << 32; address += address < 1 << 30 ? MIB_2 : 1 << 30) {
            long flags = random.nextInt(4) == 0 ? random.nextLong(8) : PWU;
            builder.map(address, address, address < 1 << 30 ? 2 : 3, flags);
        }
        return States.of(PagingMode.LEVEL_4, root);
    }

    /** What the walker permits, then where it leads. */
    private static String walked(Walker walker, long linear, int user) {
        long read = walker.walk(linear, Access.READ | user, SetBits.NONE, CheckOrder.ARCHITECTURAL);
        long write = walker.walk(linear, Access.WRITE | user, SetBits.NONE, CheckOrder.ARCHITECTURAL);
        long fetch = walker.walk(linear, Access.EXECUTE | user, SetBits.NONE, CheckOrder.ARCHITECTURAL);
        long page = WalkResult.isPage(read) ? read : fetch;
        return (WalkResult.isPage(read) ? "r" : "-")
                + (WalkResult.isPage(write) ? "w" : "-")
                + (WalkResult.isPage(fetch) ? "x" : "-")
                + (WalkResult.isPage(page) ? " 0x" + Long.toHexString(WalkResult.address(page)) : "");
    }

    private static String listed(NestedMapping run, long linear) {
        String rights = (run.readable() ? "r" : "-") + (run.writable() ? "w" : "-") + (run.executable() ? "x" : "-");
        long physical = run.physical() + (linear - run.linear());
        return rights + (rights.equals("---") ? "" : " 0x" + Long.toHexString(physical));
    }
}
