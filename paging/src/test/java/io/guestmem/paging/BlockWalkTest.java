package io.guestmem.paging;

import static org.assertj.core.api.Assertions.assertThat;

import io.guestmem.paging.PhysicalMemory.Presence;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** The shortest walk says what the longest says, or nothing. */
class BlockWalkTest {
    private static final int ROUNDS = 40;
    private static final int QUESTIONS = 60;
    private static final List<CheckOrder> ORDERS = List.of(CheckOrder.ARCHITECTURAL, CheckOrder.PER_LEVEL);

    /** Every access, in memory that is one block. */
    @ParameterizedTest
    @EnumSource(
            value = PagingMode.class,
            names = {"LEVEL_4", "LEVEL_5"})
    void everyAccessIsThatOfTheWalkerThatKnowsAllRules(PagingMode mode) {
        long seed = System.nanoTime();
        System.out.println("BlockWalkTest " + mode + " seed " + seed);
        SplittableRandom random = new SplittableRandom(seed);
        int taken = 0;
        for (int round = 0; round < ROUNDS; round++) {
            TestMemory memory = readable(random);
            PagingState state = RandomTables.state(random, mode, memory);
            try (Arena arena = Arena.ofConfined()) {
                taken += compare(
                        state,
                        memory,
                        copy(memory, arena),
                        random.longs(QUESTIONS).toArray(),
                        "seed " + seed);
            }
        }
        assertThat(taken).as("walks that were short").isPositive();
    }

    private static int compare(
            PagingState state, TestMemory memory, PhysicalRanges mapped, long[] questions, String seed) {
        WalkPlan plan = WalkPlan.of(state);
        Walker full = new Walker(plan, memory);
        Walker fast = new Walker(plan, mapped);
        Walker remembering = Walker.remembering(plan, mapped);
        DirectRules rules = plan.directRules();
        BlockWalk block = rules == null ? null : BlockWalk.of(rules, mapped);
        int taken = 0;
        for (int access = 0; access < Access.COMBINATIONS; access++) {
            for (CheckOrder order : ORDERS) {
                long[] all = new long[questions.length];
                remembering.walkAll(questions, 0, questions.length, access, order, all);
                for (int i = 0; i < questions.length; i++) {
                    long linear = questions[i];
                    String question = seed + ": 0x" + Long.toHexString(linear) + ", access " + access + ", " + order
                            + ", " + state;
                    long expected = full.walk(linear, access, SetBits.NONE, order);
                    if (fast.walk(linear, access, SetBits.NONE, order) != expected
                            || remembering.walk(linear, access, SetBits.NONE, order) != expected
                            || all[i] != expected
                            || !fast.translate(linear, access, SetBits.NONE, order)
                                    .equals(full.translate(linear, access, SetBits.NONE, order))) {
                        throw new AssertionError(question);
                    }
                    taken += block != null && WalkResult.isPage(block.walk(linear, access)) ? 1 : 0;
                }
            }
        }
        return taken;
    }

    private static TestMemory readable(SplittableRandom random) {
        TestMemory special = new TestMemory(RandomTables.PAGES);
        RandomTables.fill(random, special, new TestMemory(RandomTables.PAGES));
        TestMemory memory = new TestMemory(RandomTables.PAGES);
        for (int i = 0; i < special.words().length; i++) {
            memory.store(i * 8L, special.words()[i]);
        }
        return memory;
    }

    private static PhysicalRanges copy(TestMemory memory, Arena arena) {
        MemorySegment copy = arena.allocate(memory.words().length * 8L, 4096);
        MemorySegment.copy(memory.words(), 0, copy, ValueLayout.JAVA_LONG, 0, memory.words().length);
        return PhysicalRanges.of(copy);
    }

    /** What a processor leaves set in PKRU under Linux: all keys but 0 refuse. */
    @Test
    void aKeyThatRefusesLeavesPagesWithoutOneToTheShortestWalk() {
        TestMemory memory = new TestMemory(8);
        PageTableBuilder tables = new PageTableBuilder(memory, PagingMode.LEVEL_4, 0x1000, 6);
        tables.map(0x1000, 0x5000, 1, 7).map(0x2000, 0x6000, 1, 7 | 1L << 59);
        PagingState keys = States.withPkru(
                States.withCr4(
                        States.of(PagingMode.LEVEL_4, 0x1000),
                        States.of(PagingMode.LEVEL_4, 0x1000).cr4() | States.PKE),
                0x5555_5554);
        try (Arena arena = Arena.ofConfined()) {
            PhysicalRanges mapped = copy(memory, arena);
            WalkPlan plan = WalkPlan.of(keys);
            BlockWalk block =
                    Objects.requireNonNull(BlockWalk.of(Objects.requireNonNull(plan.directRules()), mapped), "a block");

            assertThat(WalkResult.address(block.walk(0x1234, Access.USER))).isEqualTo(0x5234);
            assertThat(block.walk(0x2345, Access.USER)).isEqualTo(DirectWalk.FAILED);
            long refused = new Walker(plan, mapped).walk(0x2345, Access.USER, SetBits.NONE, CheckOrder.ARCHITECTURAL);
            assertThat(WalkResult.detail(refused)).isEqualTo(WalkResult.DETAIL_KEY);
        }
    }

    /**
     * <pre>{@code
     *   0 | 1000 .. 6fff | 8000 .. cfff | 10000 .. 17fff
     *     | 6 pages      | 5 pages      | 8 pages, unbacked
     *                      8000 .. bfff
     * }</pre>
     */
    @Test
    void theLargestBlockIsThatOfOneRangeThatCanBeRead() {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment pages = arena.allocate(32 * 4096, 4096);
            List<PhysicalRange> ranges = new ArrayList<>();
            ranges.add(PhysicalRange.of(0x1000, pages.asSlice(0, 0x6000)));
            ranges.add(PhysicalRange.of(0x8000, pages.asSlice(0x6000, 0x5000)));
            ranges.add(new PhysicalRange(0x10000, pages.asSlice(0xB000, 0x8000), Presence.UNBACKED));

            assertThat(new PhysicalRanges(ranges).block())
                    .isEqualTo(new PhysicalRanges.Block(0x8000, 0x4000, pages.address() + 0x6000 - 0x8000));
            assertThat(new PhysicalRanges(ranges.subList(2, 3)).block()).isNull();
        }
    }

    /** Tables in a block that does not begin at 0, a page outside of all memory, and a table outside of the block. */
    @Test
    void aBlockMayBeginAnywhere() {
        TestMemory memory = new TestMemory(16);
        PageTableBuilder tables = new PageTableBuilder(memory, PagingMode.LEVEL_4, 0x8000, 8);
        tables.map(0x1000, 0x1_0000_0000L, 1, 7).map(1L << 30, 0x2000, 1, 7);
        tables.set(1L << 30, 2, 0x1000 | 7);
        memory.store(0x1000, 0x3000 | 7);
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment copy = arena.allocate(16 * 4096, 4096);
            MemorySegment.copy(memory.words(), 0, copy, ValueLayout.JAVA_LONG, 0, memory.words().length);
            PhysicalRanges mapped = new PhysicalRanges(List.of(
                    PhysicalRange.of(0, copy.asSlice(0, 0x2000)),
                    PhysicalRange.of(0x8000, copy.asSlice(0x8000, 0x8000))));
            Walker walker = States.walker(States.of(PagingMode.LEVEL_4, 0x8000), mapped);

            assertThat(walker.translate(0x1010, 0, SetBits.NONE, CheckOrder.ARCHITECTURAL))
                    .isEqualTo(new Translation.Translated(
                            0x1_0000_0010L, 4096, tables.entryAddress(0x1000, 1), true, true, true, false, true));
            assertThat(walker.translate(1L << 30, 0, SetBits.NONE, CheckOrder.ARCHITECTURAL))
                    .isEqualTo(new Translation.Translated(0x3000, 4096, 0x1000, true, true, true, false, true));
        }
    }

    /** Physical addresses above all that a process has: the short walk could not tell them from others, and is not taken. */
    @Test
    void aBlockThatLiesLowerHereThanInTheGuestIsLeftToTheOtherWalks() {
        long base = 1L << 50;
        PagingFeatures features = new PagingFeatures(52, false, true, 0);
        try (Arena arena = Arena.ofConfined()) {
            PhysicalRanges mapped = new PhysicalRanges(List.of(PhysicalRange.of(base, arena.allocate(8 * 4096, 4096))));
            new PageTableBuilder(mapped, PagingMode.LEVEL_4, base + 0x1000, 6).map(0x1000, base + 0x6000, 1, 7);
            WalkPlan plan = WalkPlan.of(States.of(PagingMode.LEVEL_4, base + 0x1000, features));

            assertThat(mapped.block()).isNotNull();
            assertThat(BlockWalk.of(Objects.requireNonNull(plan.directRules()), mapped))
                    .isNull();
            for (Walker walker : List.of(new Walker(plan, mapped), Walker.remembering(plan, mapped))) {
                long found = walker.walk(0x1234, Access.READ, SetBits.NONE, CheckOrder.ARCHITECTURAL);
                assertThat(WalkResult.address(found)).isEqualTo(base + 0x6234);
            }
        }
    }
}
