package io.guestmem.vmm.trace;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import io.guestmem.abi.GuestRange;
import io.guestmem.vmm.trace.FirstTouchTrace.Run;
import io.guestmem.vmm.trace.FirstTouchTrace.Sample;
import java.util.BitSet;
import java.util.List;
import org.junit.jupiter.api.Test;

/** What a trace says, and what is none. */
class FirstTouchTraceTest {
    private static final long MEMORY = 16 * 4096;

    private static FirstTouchTrace trace(List<Run> loaded, Sample... samples) {
        return new FirstTouchTrace("6.12", MEMORY, loaded, List.of(samples));
    }

    @Test
    void whatWasLoadedComesFirstThenWhatWasTouchedInItsOrder() {
        FirstTouchTrace trace = trace(
                List.of(new Run(1, 2), new Run(8, 1)),
                new Sample(10, List.of(new Run(15, 1))),
                new Sample(10, List.of(new Run(0, 1), new Run(3, 2))));

        assertThat(trace.addresses()).containsExactly(0x1000, 0x2000, 0x8000, 0xF000, 0, 0x3000, 0x4000);
        assertThat(trace.loadedPages()).isEqualTo(3);
        assertThat(trace.touchedPages()).isEqualTo(4);
        assertThat(trace.loadedRanges()).containsExactly(GuestRange.of(0x1000, 0x2000), GuestRange.of(0x8000, 0x1000));
        assertThat(trace.workingSet())
                .containsExactly(
                        GuestRange.of(0x1000, 0x2000),
                        GuestRange.of(0x8000, 0x1000),
                        GuestRange.of(0xF000, 0x1000),
                        GuestRange.of(0, 0x1000),
                        GuestRange.of(0x3000, 0x2000));
    }

    @Test
    void runsOfASetAscend() {
        BitSet pages = new BitSet();
        pages.set(0);
        pages.set(5, 9);
        pages.set(63, 65);

        assertThat(Run.of(pages)).containsExactly(new Run(0, 1), new Run(5, 4), new Run(63, 2));
        assertThat(Run.of(new BitSet())).isEmpty();
    }

    @Test
    void pagesOutsideOfMemoryOrTwiceAndSamplesOutOfOrderAreRefused() {
        assertRefused("outside", () -> trace(List.of(new Run(16, 1))));
        assertRefused("outside", () -> trace(List.of(new Run(15, 2))));
        assertRefused("outside", () -> trace(List.of(new Run(-1, 2))));
        assertRefused("outside", () -> trace(List.of(new Run(1, Long.MAX_VALUE))));
        assertRefused("a run of 0 pages", () -> trace(List.of(new Run(1, 0))));
        assertRefused("gfn 0x5 twice", () -> trace(List.of(new Run(5, 1)), new Sample(0, List.of(new Run(4, 3)))));
        assertRefused(
                "at 4 us after one at 5", () -> trace(List.of(), new Sample(5, List.of()), new Sample(4, List.of())));
        assertRefused("at -1 us", () -> trace(List.of(), new Sample(-1, List.of())));
        assertRefused("without a page", () -> trace(List.of(), new Sample(0, List.of())));
        assertRefused("not the release", () -> new FirstTouchTrace("a b", MEMORY, List.of(), List.of()));
        for (long memory : new long[] {0, 4095, -4096, FirstTouchTrace.MOST_MEMORY + 4096}) {
            assertRefused("not a size", () -> new FirstTouchTrace("6.12", memory, List.of(), List.of()));
        }
    }

    private static void assertRefused(String why, Runnable making) {
        assertThatIllegalArgumentException().isThrownBy(making::run).withMessageContaining(why);
    }
}
