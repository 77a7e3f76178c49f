package io.guestmem.paging;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.ForkJoinPool;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Tables of every shape, enumerated: as they were filled, by one thread and by many, in mapped memory and in any other. */
class EnumerationTest {
    private static final int ROUNDS = 60;
    private static final int PAGES = 64;
    private static final int ENTRIES = 512;
    private static final long PAGE = 4096;
    private static final long TABLE = PAGE * ENTRIES;
    private static final long GIB = TABLE * ENTRIES;
    private static final long RESERVED = 1L << 51;
    /** Bits that mean nothing to an enumeration. */
    private static final long IGNORED = 0x7F0_0000_0000_0F18L;

    private static final long[] BASES = {
        0,
        TABLE,
        GIB - TABLE,
        GIB,
        GIB + TABLE,
        3 * GIB - TABLE,
        3 * GIB,
        512 * GIB - TABLE,
        512 * GIB,
        -(1L << 47),
        -TABLE
    };

    /** How a table is filled. */
    private enum Shape {
        SCATTERED,
        ASCENDING,
        MIXED,
        ALL_BUT_ONE_SCATTERED
    }

    private record Run(long linear, long physical, long size, long pageSize, int flags) {}

    private static final class Runs implements MappingVisitor {
        private final List<Run> runs = new ArrayList<>();

        @Override
        public void run(long linear, long physical, long size, long pageSize, int flags) {
            runs.add(new Run(linear, physical, size, pageSize, flags));
        }

        void replay(MappingVisitor visitor) {
            runs.forEach(run -> visitor.run(run.linear, run.physical, run.size, run.pageSize, run.flags));
        }
    }

    @ParameterizedTest
    @EnumSource(
            value = PagingMode.class,
            names = {"LEVEL_4", "LEVEL_5"})
    void runsAreWhatTheTablesWereFilledWith(PagingMode mode) {
        long seed = System.nanoTime();
        System.out.println("EnumerationTest " + mode + " seed " + seed);
        SplittableRandom random = new SplittableRandom(seed);
        for (int round = 0; round < ROUNDS; round++) {
            try (Arena arena = Arena.ofShared()) {
                MemorySegment bytes = arena.allocate(PAGES * PAGE, PAGE);
                FlatMemory memory = new FlatMemory(bytes);
                long first = random.nextInt(3) == 0 ? random.nextLong(GIB + TABLE) : 0;
                long last = random.nextInt(3) == 0 ? first + random.nextLong(3 * GIB) : -1;
                Runs expected = new Runs();
                fill(random, new PageTableBuilder(memory, mode, PAGE, PAGES - 1), first, last, expected);

                compare(Mappings.of(WalkPlan.of(States.of(mode, PAGE)), memory).within(first, last), expected, seed);
                compare(
                        Mappings.of(WalkPlan.of(States.of(mode, PAGE)), PhysicalRanges.of(bytes))
                                .within(first, last),
                        expected,
                        seed);
            }
        }
    }

    private static void compare(Mappings mappings, Runs expected, long seed) {
        Runs alone = new Runs();
        Runs together = new Runs();
        RunBuilder joined = new RunBuilder(together);

        MappingTotals ofOne = mappings.forEach(alone);
        MappingTotals ofMany =
                mappings.forEachInParallel(ForkJoinPool.commonPool(), Runs::new, part -> part.replay(joined));
        joined.flush();

        assertThat(alone.runs).as("seed " + seed).isEqualTo(expected.runs);
        assertThat(together.runs).as("seed " + seed).isEqualTo(expected.runs);
        assertThat(ofOne.runs()).isEqualTo(expected.runs.size());
        assertThat(ofOne.pages())
                .isEqualTo(
                        expected.runs.stream().mapToLong(run -> run.size / PAGE).sum());
        assertThat(ofMany).usingRecursiveComparison().ignoringFields("runs").isEqualTo(ofOne);
    }

    /** Some of the tables; what is in the window goes to the expected, joined page by page. */
    private static void fill(SplittableRandom random, PageTableBuilder tables, long first, long last, Runs expected) {
        RunBuilder joined = new RunBuilder(expected);
        long page = 0;
        for (long base : BASES) {
            if (random.nextInt(4) == 0) {
                continue;
            }
            Shape shape = Shape.values()[random.nextInt(Shape.values().length)];
            long kind = kind(random);
            int odd = random.nextInt(ENTRIES);
            for (int i = 0; i < ENTRIES; i++) {
                boolean goesOn = switch (shape) {
                    case SCATTERED, ALL_BUT_ONE_SCATTERED -> false;
                    case ASCENDING -> i > 0 || random.nextBoolean();
                    case MIXED -> random.nextBoolean();
                };
                page = goesOn ? page + PAGE : (random.nextLong(1 << 24) * 2 + (page / PAGE & 1)) * PAGE;
                long entry = page | kind | (random.nextLong() & IGNORED);
                if (shape == Shape.ALL_BUT_ONE_SCATTERED && i == odd) {
                    entry = oddOne(random, entry);
                }
                long linear = base + i * PAGE;
                tables.makeTables(linear, 1).set(linear, 1, entry);
                boolean inside =
                        Long.compareUnsigned(linear + PAGE - 1, first) >= 0 && Long.compareUnsigned(linear, last) <= 0;
                if (inside && (entry & PageTableBuilder.PRESENT) != 0 && (entry & RESERVED) == 0) {
                    joined.run(linear, page, PAGE, PAGE, flags(entry));
                }
            }
        }
        joined.flush();
    }

    private static long kind(SplittableRandom random) {
        long all = PageTableBuilder.WRITABLE
                | PageTableBuilder.USER
                | PageTableBuilder.ACCESSED
                | PageTableBuilder.DIRTY
                | PageTableBuilder.NO_EXECUTE;
        return PageTableBuilder.PRESENT | (random.nextLong() & all);
    }

    private static long oddOne(SplittableRandom random, long entry) {
        return switch (random.nextInt(4)) {
            case 0 -> 0;
            case 1 -> entry & ~PageTableBuilder.PRESENT;
            case 2 -> entry | RESERVED;
            default -> entry ^ PageTableBuilder.DIRTY;
        };
    }

    private static int flags(long entry) {
        return ((entry & PageTableBuilder.WRITABLE) != 0 ? MappingVisitor.WRITABLE : 0)
                | ((entry & PageTableBuilder.USER) != 0 ? MappingVisitor.USER : 0)
                | ((entry & PageTableBuilder.NO_EXECUTE) == 0 ? MappingVisitor.EXECUTABLE : 0)
                | ((entry & PageTableBuilder.ACCESSED) != 0 ? MappingVisitor.ACCESSED : 0)
                | ((entry & PageTableBuilder.DIRTY) != 0 ? MappingVisitor.DIRTY : 0);
    }
}
