package io.guestmem.paging;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Which single bit makes a present entry a fault: kernel.md 4.5; TR-10 to TR-15 of its section 7.7. */
class WalkerReservedBitsTest {
    private static final long ROOT = 0x1000;

    /** Bits that are not the address of the table below and do not change what the entry is. */
    private static List<Integer> refused(PagingMode mode, int level, boolean leaf, PagingState state) {
        List<Integer> refused = new ArrayList<>();
        for (int bit = 1; bit < 8 * mode.entrySize(); bit++) {
            TestMemory memory = new TestMemory(16);
            PageTableBuilder tables = new PageTableBuilder(memory, mode, ROOT, 8).map(0, 0, leaf ? level : 1, 7);
            tables.set(0, level, tables.get(0, level) | 1L << bit);
            PagingState with = mode == PagingMode.PAE ? States.loaded(state, memory) : state;
            long result = States.walker(with, memory).walk(0, 0, SetBits.NONE, CheckOrder.ARCHITECTURAL);
            if (!WalkResult.isPage(result) && WalkResult.reason(result) == WalkResult.RESERVED_BITS) {
                assertThat(WalkResult.level(result)).isEqualTo(level);
                refused.add(bit);
            }
        }
        return refused;
    }

    private static List<Integer> parse(String text) {
        List<Integer> bits = new ArrayList<>();
        for (String part : text.trim().isEmpty() ? new String[0] : text.trim().split(" ", -1)) {
            int dash = part.indexOf('-');
            int from = Integer.parseInt(dash < 0 ? part : part.substring(0, dash));
            int to = dash < 0 ? from : Integer.parseInt(part.substring(dash + 1));
            for (int bit = from; bit <= to; bit++) {
                bits.add(bit);
            }
        }
        return bits;
    }

    @ParameterizedTest
    @CsvSource({
        // mode, level, leaf, M, NX, AMD, 1G, expected
        "LEVEL_5, 5, false, 46, true, false, true, '7 46-51'",
        "LEVEL_5, 4, false, 46, true, true, true, '7 8 46-51'",
        "LEVEL_4, 4, false, 46, true, false, true, '7 46-51'",
        "LEVEL_4, 4, false, 46, false, true, true, '7 8 46-51 63'",
        "LEVEL_4, 4, false, 52, true, false, true, '7'",
        "LEVEL_4, 3, false, 46, true, true, true, '46-51'",
        "LEVEL_4, 3, true, 46, true, true, true, '13-29 46-51'",
        "LEVEL_4, 3, true, 36, false, true, true, '13-29 36-51 63'",
        "LEVEL_4, 2, false, 46, true, true, true, '46-51'",
        "LEVEL_4, 2, true, 46, true, true, true, '13-20 46-51'",
        "LEVEL_4, 1, true, 46, true, true, true, '46-51'",
        "LEVEL_4, 1, true, 46, false, false, true, '46-51 63'",
        "PAE, 2, false, 46, true, false, true, '46-62'",
        "PAE, 2, true, 46, true, false, true, '13-20 46-62'",
        "PAE, 1, true, 36, false, false, true, '36-63'",
        "BITS_32, 2, false, 46, true, false, true, ''",
        "BITS_32, 2, true, 46, true, false, true, '17-21'",
        "BITS_32, 1, true, 46, true, false, true, ''",
    })
    void theseBitsAndNoOthersAreReserved(
            PagingMode mode,
            int level,
            boolean leaf,
            int maxPhysicalAddressBits,
            boolean noExecute,
            boolean amd,
            boolean gigabytes,
            String expected) {
        PagingFeatures features = new PagingFeatures(maxPhysicalAddressBits, amd, gigabytes, 4);
        PagingState state = States.of(mode, ROOT, features);
        long efer = noExecute ? state.efer() : state.efer() & ~States.NXE;

        List<Integer> found = refused(mode, level, leaf, States.withEfer(state, efer));
        // A table's bit 7 turns its entry into a leaf, whose address bits then are reserved, too: not this test's
        // subject.
        if (!leaf && level <= 3) {
            found.remove(Integer.valueOf(7));
        }
        assertThat(found).isEqualTo(parse(expected));
    }

    @ParameterizedTest
    @CsvSource({"true, true", "false, false"})
    void aPageOfOneGibibyteNeedsTheFeature(boolean feature, boolean valid) {
        TestMemory memory = new TestMemory(16);
        new PageTableBuilder(memory, PagingMode.LEVEL_4, ROOT, 8).map(0, 0x4000_0000, 3, 7);
        PagingState state = States.of(PagingMode.LEVEL_4, ROOT, new PagingFeatures(46, true, feature, 4));

        long result = States.walker(state, memory).walk(0x1234, 0, SetBits.NONE, CheckOrder.PER_LEVEL);

        assertThat(WalkResult.isPage(result)).isEqualTo(valid);
        if (!valid) {
            assertThat(WalkResult.reason(result)).isEqualTo(WalkResult.RESERVED_BITS);
        }
    }

    @ParameterizedTest
    @CsvSource({"0, 13", "4, 17", "8, 21"})
    void thePageOfFourMebibytesReservesWhatTheProcessorHasNoAddressBitsFor(int pse36Bits, int first) {
        PagingState state = States.of(PagingMode.BITS_32, ROOT, new PagingFeatures(46, false, true, pse36Bits));

        assertThat(refused(PagingMode.BITS_32, 2, true, state)).isEqualTo(parse(first + "-21"));
    }
}
