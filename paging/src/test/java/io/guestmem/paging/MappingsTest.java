package io.guestmem.paging;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.ForkJoinPool;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** What an address space maps, and that it is what walks find. */
class MappingsTest {
    private static final long ROOT = 0x1000;
    private static final long PWU = 7;
    private static final long GIB = 1L << 30;

    private final TestMemory memory = new TestMemory(16);

    private PageTableBuilder tables(PagingMode mode) {
        return new PageTableBuilder(memory, mode, ROOT, 12);
    }

    private WalkPlan plan(PagingMode mode) {
        PagingState state = States.of(mode, ROOT);
        return WalkPlan.of(mode == PagingMode.PAE ? States.loaded(state, memory) : state);
    }

    @Test
    void neighboursOfOneKindAreOneRun() {
        tables(PagingMode.LEVEL_4)
                .map(0x1000, 0x5000, 1, PWU)
                .map(0x2000, 0x6000, 1, PWU)
                .map(0x3000, 0x8000, 1, PWU)
                .map(0x4000, 0x9000, 1, PWU | PageTableBuilder.DIRTY)
                .map(0x20_0000, 0x40_0000, 2, 3 | PageTableBuilder.NO_EXECUTE)
                .map(0x40_0000, 0x60_0000, 2, 3 | PageTableBuilder.NO_EXECUTE)
                .map(0xFFFF_8000_0000_0000L, 0, 3, 1);

        assertThat(Mappings.of(plan(PagingMode.LEVEL_4), memory).mappings())
                .containsExactly(
                        new Mapping(0x1000, 0x5000, 0x2000, 4096, true, true, true, false, false),
                        new Mapping(0x3000, 0x8000, 0x1000, 4096, true, true, true, false, false),
                        new Mapping(0x4000, 0x9000, 0x1000, 4096, true, true, true, false, true),
                        new Mapping(0x20_0000, 0x40_0000, 0x40_0000, 1 << 21, true, false, false, false, false),
                        new Mapping(0xFFFF_8000_0000_0000L, 0, GIB, GIB, false, false, true, false, false));
    }

    /** Every page of every run translates to what the run says, and nothing else translates. */
    @ParameterizedTest
    @EnumSource(value = PagingMode.class, names = "NONE", mode = EnumSource.Mode.EXCLUDE)
    void runsAreWhatWalksFind(PagingMode mode) {
        long seed = System.nanoTime();
        System.out.println("MappingsTest " + mode + " seed " + seed);
        SplittableRandom random = new SplittableRandom(seed);
        for (int round = 0; round < 20; round++) {
            TestMemory tables = new TestMemory(RandomTables.PAGES);
            RandomTables.fill(random, tables, new TestMemory(RandomTables.PAGES));
            PagingState state = RandomTables.state(random, mode, tables);
            Walker walker = States.walker(state, tables);
            long window = random.nextLong() & -(1L << 23);
            Mappings mappings = Mappings.of(walker.plan(), tables).within(window, window + (1 << 23) - 1);
            List<Mapping> runs = mappings.mappings();
            for (int i = 0; i < 2000; i++) {
                long linear = window + random.nextLong(1 << 23);
                long sign = mode == PagingMode.LEVEL_4 ? 16 : mode == PagingMode.LEVEL_5 ? 7 : 0;
                long shown = sign == 0 ? linear & 0xFFFF_FFFFL : (linear << sign) >> sign;
                long result = walker.walk(linear, 0, SetBits.NONE, CheckOrder.ARCHITECTURAL);
                List<Long> found = runs.stream()
                        .filter(run -> shown >= run.linear() && shown - run.linear() < run.size())
                        .map(run -> run.physical() + (shown - run.linear()))
                        .toList();
                boolean mapped =
                        WalkResult.isPage(result) || WalkResult.reason(result) == WalkResult.PRIVILEGE_VIOLATION;
                assertThat(found.size())
                        .as("seed " + seed + ", 0x" + Long.toHexString(linear))
                        .isEqualTo(mapped ? 1 : 0);
                if (WalkResult.isPage(result)) {
                    assertThat(found).containsExactly(WalkResult.address(result));
                }
            }
        }
    }

    /** 512 entries that lead back to their own table are 512 to the fourth pages. */
    @Test
    void tablesThatPointToThemselvesAreBoundedAndReported() {
        for (long at = ROOT; at < ROOT + 4096; at += 8) {
            memory.store(at, ROOT | PWU);
        }
        Mappings mappings = Mappings.of(plan(PagingMode.LEVEL_4), memory).mostTables(5000);

        MappingTotals totals = mappings.forEach((_, _, _, _, _) -> {});
        MappingTotals inParallel =
                mappings.forEachInParallel(ForkJoinPool.commonPool(), () -> (_, _, _, _, _) -> {}, _ -> {});

        assertThat(totals.tables()).isEqualTo(5000);
        assertThat(totals.repeated()).isEqualTo(4999);
        assertThat(totals.isComplete()).isFalse();
        assertThat(totals.stoppedAt()).isPositive();
        assertThat(inParallel.isComplete()).isFalse();
    }

    @Test
    void whatMapsNothingIsCounted() {
        PageTableBuilder tables =
                tables(PagingMode.LEVEL_4).map(0, 0x5000, 1, PWU).map(GIB, 0x5000, 1, PWU);
        tables.set(0, 1, tables.get(0, 1) | 1L << 51);
        tables.set(GIB, 2, 0x4000_0000 | PWU);

        MappingTotals totals = Mappings.of(plan(PagingMode.LEVEL_4), memory).forEach((_, _, _, _, _) -> {});

        assertThat(totals.pages()).isZero();
        assertThat(totals.reserved()).isEqualTo(1);
        assertThat(totals.unreadable()).isEqualTo(1);
        assertThat(totals.isComplete()).isTrue();
    }
}
