package io.guestmem.paging;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import io.guestmem.paging.PhysicalMemory.Presence;
import io.guestmem.paging.Translation.Translated;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.ForkJoinPool;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** In mapped memory, walks by masks, in batches, by many threads and from memory are those of the reference. */
class DirectWalkTest {
    private static final int QUESTIONS = 700;
    private static final int ROUNDS = 200;

    private TestMemory memory = new TestMemory(RandomTables.PAGES);

    /** The pages of the memory as ranges: each where it is readable, in one piece where neighbours are. */
    private PhysicalRanges mapped(Arena arena) {
        MemorySegment copy = arena.allocate(RandomTables.PAGES * 4096L, 4096);
        MemorySegment.copy(memory.words(), 0, copy, ValueLayout.JAVA_LONG, 0, memory.words().length);
        List<PhysicalRange> ranges = new ArrayList<>();
        long start = 0;
        for (long page = 0; page <= RandomTables.PAGES * 4096L; page += 4096) {
            Presence presence = memory.presence(page);
            if (page != start && presence != memory.presence(start)) {
                add(ranges, copy, start, page);
                start = page;
            }
        }
        return new PhysicalRanges(ranges);
    }

    private void add(List<PhysicalRange> ranges, MemorySegment copy, long start, long end) {
        Presence presence = memory.presence(start);
        if (presence != Presence.NONE) {
            ranges.add(new PhysicalRange(start, copy.asSlice(start, end - start), presence));
        }
    }

    @ParameterizedTest
    @EnumSource(PagingMode.class)
    void everyWayToWalkGivesWhatTheReferenceGives(PagingMode mode) {
        long seed = System.nanoTime();
        System.out.println("DirectWalkTest " + mode + " seed " + seed);
        SplittableRandom random = new SplittableRandom(seed);
        int pages = 0;
        for (int round = 0; round < ROUNDS; round++) {
            memory = new TestMemory(RandomTables.PAGES);
            RandomTables.fill(random, memory, new TestMemory(RandomTables.PAGES));
            PagingState state = RandomTables.state(random, mode, memory);
            long[] linear = random.longs(QUESTIONS).toArray();
            if (random.nextBoolean()) {
                Arrays.setAll(linear, i -> i == 0 ? linear[0] : linear[i - 1] + random.nextLong(1 << 14));
            }
            int access = random.nextInt(Access.COMBINATIONS);
            CheckOrder order = RandomTables.order(random);
            try (Arena arena = Arena.ofConfined()) {
                pages += compare(mapped(arena), state, linear, access, order, "seed " + seed + ", round " + round);
            }
        }
        assertThat(pages).as("walks that succeed").isPositive();
    }

    private int compare(
            PhysicalRanges mapped, PagingState state, long[] linear, int access, CheckOrder order, String round) {
        WalkPlan plan = WalkPlan.of(state);
        long[] batch = new long[linear.length];
        new Walker(plan, mapped).walkAll(linear, 0, linear.length, access, order, batch);
        Walker single = new Walker(plan, mapped);
        Walker remembering = Walker.remembering(plan, mapped);
        int pages = 0;
        for (int i = 0; i < linear.length; i++) {
            String expected = new NaiveWalk(state, memory, linear[i], access, SetBits.NONE, order).outcome();
            String question = round + ": 0x" + Long.toHexString(linear[i]) + ", access " + access + ", " + order;
            long one = single.walk(linear[i], access, SetBits.NONE, order);
            assertThat(WalkerReferenceTest.describe(one)).as(question).isEqualTo(expected);
            assertThat(batch[i]).as(question).isEqualTo(one);
            assertThat(remembering.walk(linear[i], access, SetBits.NONE, order))
                    .as(question)
                    .isEqualTo(one);
            assertThat(single.translate(linear[i], access, SetBits.NONE, order))
                    .as(question)
                    .isEqualTo(new Walker(plan, memory).translate(linear[i], access, SetBits.NONE, order));
            pages += WalkResult.isPage(one) ? 1 : 0;
        }
        return pages;
    }

    @Test
    void manyThreadsGiveWhatOneGives() {
        try (Arena arena = Arena.ofShared()) {
            PhysicalRanges ranges = PhysicalRanges.of(arena.allocate(16 * 4096, 4096));
            PageTableBuilder tables = new PageTableBuilder(ranges, PagingMode.LEVEL_4, 0x1000, 8);
            for (int i = 0; i < 512; i += 3) {
                tables.map(i * 4096L, i * 0x10_0000L, 1, 7);
            }
            WalkPlan plan = WalkPlan.of(States.of(PagingMode.LEVEL_4, 0x1000));
            long[] linear = new SplittableRandom(1).longs(100_000, 0, 1 << 21).toArray();
            long[] one = new long[linear.length];
            long[] many = new long[linear.length];
            new Walker(plan, ranges).walkAll(linear, 0, linear.length, 0, CheckOrder.ARCHITECTURAL, one);
            try (ForkJoinPool pool = new ForkJoinPool(3)) {
                new ParallelWalk(plan, ranges).walkAll(pool, linear, 0, CheckOrder.ARCHITECTURAL, many);
            }

            assertThat(many).isEqualTo(one);
        }
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void aPageOfOneGibibyteNeedsTheFeature(boolean gigabytePages) {
        PagingFeatures features = new PagingFeatures(46, false, gigabytePages, 4);
        new PageTableBuilder(memory, PagingMode.LEVEL_4, 0x1000, 8).map(0, 0x4000_0000, 3, 7);
        try (Arena arena = Arena.ofConfined()) {
            Walker walker = States.walker(States.of(PagingMode.LEVEL_4, 0x1000, features), mapped(arena));
            long[] batch = new long[1];
            walker.walkAll(new long[] {0x1234}, 0, 1, 0, CheckOrder.ARCHITECTURAL, batch);

            assertThat(WalkResult.isPage(walker.walk(0x1234, 0, SetBits.NONE, CheckOrder.ARCHITECTURAL)))
                    .isEqualTo(gigabytePages);
            assertThat(WalkResult.isPage(batch[0])).isEqualTo(gigabytePages);
        }
    }

    @Test
    void memoryThatWasClosedIsRefused() {
        Arena arena = Arena.ofShared();
        Walker walker = new Walker(
                WalkPlan.of(States.of(PagingMode.LEVEL_4, 0x1000)), PhysicalRanges.of(arena.allocate(16 * 4096, 4096)));
        arena.close();

        assertThatIllegalStateException()
                .isThrownBy(() -> walker.walk(0, 0, SetBits.NONE, CheckOrder.ARCHITECTURAL))
                .withMessage("the memory that is walked has been closed");
    }

    @Test
    void rangesThatOverlapAreRefused() {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment page = arena.allocate(4096, 4096);

            assertThatIllegalArgumentException()
                    .isThrownBy(() ->
                            new PhysicalRanges(List.of(PhysicalRange.of(0x1000, page), PhysicalRange.of(0x1800, page))))
                    .withMessage("two ranges overlap at 0x1800");
        }
    }

    /** The tables of ELF cores lie at any multiple of four, and the last range may end inside a table. */
    @Test
    void tablesMayLieAnywhereInAFileAndBeCutOff() {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment file = arena.allocate(8 * 4096 + 4, 4096);
            TestMemory tablesIn = new TestMemory(8);
            PageTableBuilder tables = new PageTableBuilder(tablesIn, PagingMode.LEVEL_4, 0x1000, 7);
            tables.map(0, 0x5000, 1, 7).map(0x1F_F000, 0x6000, 1, 7);
            MemorySegment.copy(tablesIn.words(), 0, file, ValueLayout.JAVA_LONG_UNALIGNED, 4, 4 * 4096 / 8 + 511);
            long cut = 5L * 4096 - 8;
            PhysicalRanges ranges =
                    new PhysicalRanges(List.of(new PhysicalRange(0, file.asSlice(4, cut), Presence.READ_ONLY)));
            Walker walker = new Walker(WalkPlan.of(States.of(PagingMode.LEVEL_4, 0x1000)), ranges);

            assertThat(walker.translate(0x10, 0, SetBits.NONE, CheckOrder.PER_LEVEL))
                    .isInstanceOfSatisfying(
                            Translated.class, page -> assertThat(page.address()).isEqualTo(0x5010));
            long beyond = walker.walk(0x1F_F000, 0, SetBits.NONE, CheckOrder.PER_LEVEL);
            assertThat(WalkResult.reason(beyond)).isEqualTo(WalkResult.INVALID_GPA);
            assertThat(WalkResult.address(beyond)).isEqualTo(cut);
        }
    }
}
