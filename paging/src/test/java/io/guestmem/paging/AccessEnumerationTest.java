package io.guestmem.paging;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Every combination of what two entries say, of what the processor checks and of who accesses: after the idea of kvm-unit-tests'
 * {@code access}. One case is one number, so that any other oracle can be asked for the same.
 */
class AccessEnumerationTest {
    private static final long ROOT = 0x1000;
    private static final long LINEAR = 0x12_3000;
    private static final int PAGES = 8;

    /** What the bits of a case are, from the lowest on; {@code LEAF_} of the entry that maps, {@code TABLE_} of the one above. */
    private enum Dimension {
        LEAF_PRESENT,
        LEAF_WRITABLE,
        LEAF_USER,
        LEAF_NO_EXECUTE,
        LEAF_BIT_51,
        LEAF_DIRTY,
        LEAF_KEY,
        TABLE_PRESENT,
        TABLE_WRITABLE,
        TABLE_USER,
        TABLE_NO_EXECUTE,
        TABLE_BIT_51,
        CR0_WP,
        CR4_SMEP,
        CR4_SMAP,
        CR4_PKE,
        EFER_NXE,
        PKRU_ACCESS,
        PKRU_WRITE,
        ACCESS_WRITE,
        ACCESS_USER,
        ACCESS_EXECUTE
    }

    private static final List<Dimension> DIMENSIONS = List.of(Dimension.values());
    private static final long CASES = 1L << DIMENSIONS.size();

    /** A prime: with this step, a share of the cases covers every pair of bits. */
    private static final long STEP = 61;

    private record Case(long number) {
        long bit(Dimension dimension, long value) {
            return ((number >>> DIMENSIONS.indexOf(dimension)) & 1) != 0 ? value : 0;
        }

        long leaf() {
            return bit(Dimension.LEAF_PRESENT, PageTableBuilder.PRESENT)
                    | bit(Dimension.LEAF_WRITABLE, PageTableBuilder.WRITABLE)
                    | bit(Dimension.LEAF_USER, PageTableBuilder.USER)
                    | bit(Dimension.LEAF_NO_EXECUTE, PageTableBuilder.NO_EXECUTE)
                    | bit(Dimension.LEAF_BIT_51, 1L << 51)
                    | bit(Dimension.LEAF_DIRTY, PageTableBuilder.DIRTY)
                    | bit(Dimension.LEAF_KEY, 1L << 59);
        }

        /** With another key than the leaf's, which counts for nothing. */
        long table() {
            return bit(Dimension.TABLE_PRESENT, PageTableBuilder.PRESENT)
                    | bit(Dimension.TABLE_WRITABLE, PageTableBuilder.WRITABLE)
                    | bit(Dimension.TABLE_USER, PageTableBuilder.USER)
                    | bit(Dimension.TABLE_NO_EXECUTE, PageTableBuilder.NO_EXECUTE)
                    | bit(Dimension.TABLE_BIT_51, 1L << 51)
                    | (bit(Dimension.LEAF_KEY, 1) != 0 ? 0 : 1L << 59);
        }

        PagingState state(PagingMode mode) {
            PagingState base = States.of(mode, ROOT);
            int pkru = (int) (bit(Dimension.PKRU_ACCESS, 0b0100) | bit(Dimension.PKRU_WRITE, 0b1000));
            return new PagingState(
                    (base.cr0() & ~States.WP) | bit(Dimension.CR0_WP, States.WP),
                    base.cr3(),
                    base.cr4()
                            | bit(Dimension.CR4_SMEP, States.SMEP)
                            | bit(Dimension.CR4_SMAP, States.SMAP)
                            | bit(Dimension.CR4_PKE, States.PKE),
                    (base.efer() & ~States.NXE) | bit(Dimension.EFER_NXE, States.NXE),
                    base.pdptes(),
                    pkru,
                    base.features());
        }

        int access() {
            return (int) (bit(Dimension.ACCESS_WRITE, Access.WRITE)
                    | bit(Dimension.ACCESS_USER, Access.USER)
                    | bit(Dimension.ACCESS_EXECUTE, Access.EXECUTE));
        }
    }

    @ParameterizedTest
    @EnumSource(
            value = PagingMode.class,
            names = {"LEVEL_4", "LEVEL_5"})
    void everyCaseIsThatOfTheReference(PagingMode mode) {
        TestMemory memory = new TestMemory(PAGES);
        PageTableBuilder tables = new PageTableBuilder(memory, mode, ROOT, PAGES - 1).map(LINEAR, 0x9000, 1, 7);
        long leafAt = tables.entryAddress(LINEAR, 1);
        long tableAt = tables.entryAddress(LINEAR, 2);
        long below = leafAt & -4096;
        int pages = 0;
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment mapped = arena.allocate(PAGES * 4096L, 4096);
            MemorySegment.copy(memory.words(), 0, mapped, ValueLayout.JAVA_LONG, 0, memory.words().length);
            PhysicalRanges ranges = PhysicalRanges.of(mapped);
            for (long number = 0; number < CASES; number += STEP) {
                Case one = new Case(number);
                long leaf = 0x9000 | one.leaf();
                long table = below | one.table();
                memory.store(leafAt, leaf);
                memory.store(tableAt, table);
                mapped.set(ValueLayout.JAVA_LONG, leafAt, leaf);
                mapped.set(ValueLayout.JAVA_LONG, tableAt, table);
                pages += compare(one, mode, memory, ranges);
            }
        }
        assertThat(pages).as("walks that succeed").isGreaterThan(1000);
    }

    private static int compare(Case one, PagingMode mode, TestMemory memory, PhysicalRanges ranges) {
        PagingState state = one.state(mode);
        WalkPlan plan = WalkPlan.of(state);
        int pages = 0;
        for (CheckOrder order : List.of(CheckOrder.ARCHITECTURAL, CheckOrder.PER_LEVEL)) {
            String expected = new NaiveWalk(state, memory, LINEAR, one.access(), SetBits.NONE, order).outcome();
            long full = new Walker(plan, memory).walk(LINEAR, one.access(), SetBits.NONE, order);
            long direct = new Walker(plan, ranges).walk(LINEAR, one.access(), SetBits.NONE, order);
            if (!WalkerReferenceTest.describe(full).equals(expected) || direct != full) {
                throw new AssertionError("case " + one.number + ", " + order + ": " + expected + ", full "
                        + WalkerReferenceTest.describe(full) + ", direct " + WalkerReferenceTest.describe(direct));
            }
            pages += WalkResult.isPage(full) ? 1 : 0;
        }
        return pages;
    }
}
