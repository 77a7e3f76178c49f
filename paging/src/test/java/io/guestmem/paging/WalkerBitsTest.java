package io.guestmem.paging;

import static org.assertj.core.api.Assertions.assertThat;

import io.guestmem.paging.PhysicalMemory.Presence;
import io.guestmem.paging.Translation.Detail;
import io.guestmem.paging.Translation.Fault;
import io.guestmem.paging.Translation.Reason;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** Accessed and Dirty: kernel.md 4.3; TR-03 to TR-05, T2-08 to T2-11 and T2-14 of its section 7.7. */
class WalkerBitsTest {
    private static final long ROOT = 0x1000;
    private static final long LINEAR = 0x12_3000;
    private static final long PW = PageTableBuilder.PRESENT | PageTableBuilder.WRITABLE;
    private static final int A = SetBits.ACCESSED;
    private static final int D = SetBits.DIRTY;
    private static final int FORCE = SetBits.FORCE_ACCESSED;

    private final TestMemory memory = new TestMemory(16);

    private PageTableBuilder tables(PagingMode mode) {
        return new PageTableBuilder(memory, mode, ROOT, 8);
    }

    private Walker walker(PagingMode mode) {
        PagingState state = States.of(mode, ROOT);
        return States.walker(mode == PagingMode.PAE ? States.loaded(state, memory) : state, memory);
    }

    /** The bits of each entry from the root down: {@code .}, {@code A}, {@code D} or {@code X} for both. */
    private static String bits(PageTableBuilder tables, PagingMode mode, int lowest) {
        StringBuilder bits = new StringBuilder();
        int top = mode == PagingMode.PAE ? 3 : mode.levels();
        for (int level = top; level >= lowest; level--) {
            int set = (int) (tables.get(LINEAR, level) >>> 5) & 3;
            bits.append(".ADX".charAt(set));
        }
        return bits.toString();
    }

    @ParameterizedTest
    @CsvSource({
        // mode, leaf level, flags, access, expected
        "LEVEL_4, 1, 0, 1, ....",
        "LEVEL_4, 1, 1, 0, AAAA",
        "LEVEL_4, 1, 1, 1, AAAA",
        "LEVEL_4, 1, 3, 0, AAAA",
        "LEVEL_4, 1, 3, 1, AAAX",
        "LEVEL_4, 2, 3, 1, AAX",
        "LEVEL_4, 3, 3, 1, AX",
        "LEVEL_4, 1, 7, 1, AAAX",
        "LEVEL_5, 1, 3, 1, AAAAX",
        "BITS_32, 1, 3, 1, AX",
        "BITS_32, 2, 3, 1, X",
        "PAE, 1, 3, 1, .AX",
        "PAE, 2, 1, 1, .A",
    })
    void aWalkThatSucceedsSetsWhatIsAskedFor(PagingMode mode, int leaf, int setBits, int access, String expected) {
        PageTableBuilder tables = tables(mode).map(LINEAR, 0, leaf, PW);

        long result = walker(mode).walk(LINEAR, access, setBits, CheckOrder.ARCHITECTURAL);

        assertThat(WalkResult.isPage(result)).isTrue();
        assertThat(WalkResult.bitsRefused(result)).isFalse();
        assertThat(bits(tables, mode, leaf)).isEqualTo(expected);
    }

    /** The entry at fault is level 1, 2 or the root's; above it, FORCE sets Accessed. */
    @ParameterizedTest
    @CsvSource({
        // mode, level at fault, flags, expected
        "LEVEL_4, 1, 1, ....",
        "LEVEL_4, 1, 5, AAA.",
        "LEVEL_4, 2, 5, AA.",
        "LEVEL_4, 4, 5, .",
        "LEVEL_5, 1, 7, AAAA.",
        "BITS_32, 1, 5, A.",
        "BITS_32, 2, 5, .",
        "PAE, 1, 5, .A.",
        "PAE, 2, 5, ..",
        "PAE, 3, 5, .",
    })
    void aWalkThatFailsSetsNothingUnlessForced(PagingMode mode, int level, int setBits, String expected) {
        PageTableBuilder tables = tables(mode).map(LINEAR, 0x9000, 1, PW);
        tables.set(LINEAR, level, tables.get(LINEAR, level) & ~1);

        long result = walker(mode).walk(LINEAR, Access.WRITE, setBits, CheckOrder.PER_LEVEL);

        assertThat(WalkResult.reason(result)).isEqualTo(WalkResult.NOT_PRESENT);
        assertThat(WalkResult.level(result)).isEqualTo(level);
        assertThat(bits(tables, mode, level)).isEqualTo(expected);
    }

    @ParameterizedTest
    @CsvSource({"1, AAA.", "3, A..."})
    void forceStopsAboveALevelThatDoesNotPermit(int level, String expected) {
        PageTableBuilder tables = tables(PagingMode.LEVEL_4).map(LINEAR, 0x9000, 1, PW);
        tables.set(LINEAR, level, tables.get(LINEAR, level) & ~PageTableBuilder.WRITABLE);

        walker(PagingMode.LEVEL_4).walk(LINEAR, Access.WRITE, A | D | FORCE, CheckOrder.PER_LEVEL);

        assertThat(bits(tables, PagingMode.LEVEL_4, 1)).isEqualTo(expected);
    }

    @Test
    void forceReachesTheEntryThatPointsToNoMemory() {
        PageTableBuilder tables = tables(PagingMode.LEVEL_4).map(LINEAR, 0x9000, 1, PW);
        tables.set(LINEAR, 2, 0x4000_0000 | PW);

        long result = walker(PagingMode.LEVEL_4).walk(LINEAR, Access.READ, A | FORCE, CheckOrder.PER_LEVEL);

        assertThat(WalkResult.reason(result)).isEqualTo(WalkResult.INVALID_GPA);
        assertThat(bits(tables, PagingMode.LEVEL_4, 2)).isEqualTo("AAA");
    }

    /** TR-05, T2-10: the walk is valid, and says that it could not set the bits. */
    @ParameterizedTest
    @CsvSource({"false, true, ....", "true, false, AAAA"})
    void tablesInReadOnlyMemoryKeepTheirBits(boolean setBefore, boolean refused, String expected) {
        PageTableBuilder tables = tables(PagingMode.LEVEL_4).map(LINEAR, 0x9000, 1, PW);
        if (setBefore) {
            walker(PagingMode.LEVEL_4).walk(LINEAR, Access.READ, A, CheckOrder.PER_LEVEL);
        }
        for (int level = 1; level <= 4; level++) {
            memory.with(tables.entryAddress(LINEAR, level), Presence.READ_ONLY);
        }

        long result = walker(PagingMode.LEVEL_4).walk(LINEAR, Access.READ, A, CheckOrder.PER_LEVEL);

        assertThat(WalkResult.isPage(result)).isTrue();
        assertThat(WalkResult.address(result)).isEqualTo(0x9000);
        assertThat(WalkResult.bitsRefused(result)).isEqualTo(refused);
        assertThat(bits(tables, PagingMode.LEVEL_4, 1)).isEqualTo(expected);
    }

    @Test
    void readOnlyMemoryInTheMiddleDoesNotStopTheOtherLevels() {
        PageTableBuilder tables = tables(PagingMode.LEVEL_4).map(LINEAR, 0x9000, 1, PW);
        memory.with(tables.entryAddress(LINEAR, 3), Presence.READ_ONLY);

        long result = walker(PagingMode.LEVEL_4).walk(LINEAR, Access.WRITE, A | D, CheckOrder.PER_LEVEL);

        assertThat(WalkResult.bitsRefused(result)).isTrue();
        assertThat(bits(tables, PagingMode.LEVEL_4, 1)).isEqualTo("A.AX");
    }

    /** T2-14. */
    @ParameterizedTest
    @EnumSource(value = PagingMode.class, names = "NONE", mode = EnumSource.Mode.EXCLUDE)
    void anEntryThatChangesBeforeItsBitIsSetStartsTheWalkAnew(PagingMode mode) {
        PageTableBuilder tables = tables(mode).map(LINEAR, 0x9000, 1, PW);
        memory.beforeNextStore(() -> tables.map(LINEAR, 0xA000, 1, PW));

        long result = walker(mode).walk(LINEAR, Access.WRITE, A | D, CheckOrder.ARCHITECTURAL);

        assertThat(WalkResult.address(result)).isEqualTo(0xA000);
        assertThat(tables.get(LINEAR, 1)).isEqualTo(0xA000 | PW | 0x60);
    }

    @Test
    void anEntryThatVanishesBeforeItsBitIsSetIsAFault() {
        PageTableBuilder tables = tables(PagingMode.LEVEL_4).map(LINEAR, 0x9000, 1, PW);
        memory.beforeNextStore(() -> tables.set(LINEAR, 4, 0));

        Translation result = walker(PagingMode.LEVEL_4).translate(LINEAR, Access.READ, A, CheckOrder.ARCHITECTURAL);

        assertThat(result).isEqualTo(new Fault(Reason.NOT_PRESENT, Detail.NONE, 1, 4, ROOT, 0, 0, 0, true));
    }

    @Test
    void withoutWriteProtectionDirtyIsSetInAReadOnlyLeaf() {
        PageTableBuilder tables = tables(PagingMode.LEVEL_4).map(LINEAR, 0x9000, 1, PageTableBuilder.PRESENT);
        PagingState state = States.withCr0(States.of(PagingMode.LEVEL_4, ROOT), States.PG_PE);

        States.walker(state, memory).walk(LINEAR, Access.WRITE, A | D, CheckOrder.ARCHITECTURAL);

        assertThat(bits(tables, PagingMode.LEVEL_4, 1)).isEqualTo("AAAX");
    }
}
