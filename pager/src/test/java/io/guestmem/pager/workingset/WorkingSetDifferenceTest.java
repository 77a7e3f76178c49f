package io.guestmem.pager.workingset;

import static org.assertj.core.api.Assertions.assertThat;

import io.guestmem.pager.workingset.ReplayOrder.Span;
import java.util.List;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;

/** What changed from one set to the next, and in which order sets are installed. */
class WorkingSetDifferenceTest {
    @Test
    void addedRemovedAndReorderedPagesAreRuns() {
        WorkingSet older = Sets.pages(1, 2, 3, 4, 5, 6, 7, 8, 20, 21, 50);
        WorkingSet newer = Sets.pages(7, 8, 1, 2, 3, 4, 5, 6, 50, 51, 30, 31);

        WorkingSetDifference difference = WorkingSetDifference.between(older, newer);

        assertThat(difference.added()).containsExactly(new Span(30, 2, 0), new Span(51, 1, 0));
        assertThat(difference.removed()).containsExactly(new Span(20, 2, 0));
        assertThat(difference.reordered()).as("the fewest").containsExactly(new Span(7, 2, 0));
        assertThat(difference.common()).isEqualTo(9);
        assertThat(difference.isEmpty()).isFalse();
        assertThat(WorkingSetDifference.pages(difference.added())).isEqualTo(3);
        assertThat(WorkingSetDifference.between(newer, newer).isEmpty()).isTrue();
    }

    @Test
    void setsOfOtherPagesAreComparedInThoseOfTheNewer() {
        WorkingSet older = Sets.pages(5, 40);
        WorkingSet newer = Sets.pages(4, 5, 6, 7, 41).withPageSize(16384);

        WorkingSetDifference difference = WorkingSetDifference.between(older, newer);

        assertThat(difference.isEmpty()).isTrue();
        assertThat(difference.common()).isEqualTo(2);
    }

    @Test
    void pagesAreInstalledInBucketsAndInEachByTheirPlace() {
        MemoryRegions memory = new MemoryRegions(4096, List.of(new MemoryRegions.Extent(0, 1 << 30)));
        RunList runs = new RunList(memory);
        LongStream.rangeClosed(1, 8192).map(i -> 8192 - i).forEach(page -> runs.add(page, Touch.READ, 0, 256, 256));
        WorkingSet set = new WorkingSet(memory, Sets.SNAPSHOT, 256, runs.runs());

        assertThat(ReplayOrder.bucketPages(set)).isEqualTo(512);
        assertThat(ReplayOrder.of(set))
                .hasSize(16)
                .startsWith(new Span(7680, 512, 0), new Span(7168, 512, 1))
                .endsWith(new Span(0, 512, 15));
    }

    @Test
    void aSmallSetHasBucketsOfOneMebibyteAndRunsEndWithTheirRegion() {
        assertThat(ReplayOrder.bucketPages(Sets.pages(1))).isEqualTo(256);
        assertThat(ReplayOrder.of(Sets.pages(40, 31, 3, 2, 30, 1)))
                .containsExactly(new Span(1, 3, 0), new Span(30, 2, 0), new Span(40, 1, 0));
    }
}
