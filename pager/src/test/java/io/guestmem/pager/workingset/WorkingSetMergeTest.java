package io.guestmem.pager.workingset;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;

/** Several runs made one. */
class WorkingSetMergeTest {
    private static List<Long> pages(WorkingSet set) {
        return set.order().stream()
                .flatMap(run -> LongStream.range(run.page(), run.end()).boxed())
                .toList();
    }

    @Test
    void aPageIsKeptIfEnoughRunsTouchedIt() {
        List<WorkingSet> runs = List.of(Sets.pages(1, 2, 3), Sets.pages(1, 3, 9), Sets.pages(1, 10));

        assertThat(pages(new WorkingSetMerge(3, 0, 0, 0).merge(runs))).containsExactly(1L);
        assertThat(pages(new WorkingSetMerge(2, 0, 0, 0).merge(runs))).containsExactly(1L, 3L);
        assertThat(pages(new WorkingSetMerge(1, 0, 0, 0).merge(runs))).containsExactlyInAnyOrder(1L, 2L, 3L, 9L, 10L);
        assertThat(WorkingSetMerge.half(runs)).isEqualTo(2);
        assertThat(WorkingSetMerge.half(runs.subList(0, 2))).isEqualTo(1);
    }

    @Test
    void theOrderIsThatOfTheMeanPlace() {
        WorkingSet merged =
                new WorkingSetMerge(1, 0, 0, 0).merge(List.of(Sets.pages(5, 9, 1, 7), Sets.pages(9, 5, 1, 7)));

        assertThat(pages(merged)).as("5 and 9 are even, 1 and 7 follow").containsExactly(5L, 9L, 1L, 7L);
        assertThat(merged.runs()).isEqualTo(2 * PageRun.ONE);
        assertThat(merged.order()).allMatch(run -> run.seen() == 2 * PageRun.ONE);
    }

    @Test
    void mergingStepByStepGivesWhatMergingAtOnceGives() {
        List<WorkingSet> runs = List.of(Sets.pages(1, 2, 3), Sets.pages(3, 1, 9), Sets.pages(1, 3));
        WorkingSetMerge all = new WorkingSetMerge(1, 0, 0, 0);

        WorkingSet atOnce = all.merge(runs);
        WorkingSet stepwise = all.merge(List.of(all.merge(runs.subList(0, 2)), runs.get(2)));

        assertThat(stepwise.runs()).isEqualTo(atOnce.runs());
        assertThat(share(stepwise, 1)).isEqualTo(share(atOnce, 1)).isEqualTo(1);
        assertThat(share(stepwise, 9)).isEqualTo(share(atOnce, 9)).isEqualTo(1.0 / 3);
        assertThat(share(stepwise, 2)).isEqualTo(share(atOnce, 2)).isEqualTo(1.0 / 3);
    }

    private static double share(WorkingSet set, long page) {
        return set.order().stream()
                .filter(run -> run.page() <= page && page < run.end())
                .mapToDouble(PageRun::share)
                .findFirst()
                .orElseThrow();
    }

    @Test
    void oldRunsCountLess() {
        List<WorkingSet> runs = List.of(Sets.pages(1, 2), Sets.pages(1, 2), Sets.pages(1, 3), Sets.pages(1, 3));

        assertThat(pages(new WorkingSetMerge(2, 0, 0, 0).merge(runs))).containsExactly(1L, 2L, 3L);
        assertThat(pages(new WorkingSetMerge(2, 1, 0, 0).merge(runs)))
                .as("half of it for every newer one: 2 has 0.375 of 1.875")
                .containsExactly(1L, 3L);
    }

    @Test
    void ofTooManyThoseThatAreTouchedMostOftenAreKept() {
        List<WorkingSet> runs = List.of(Sets.pages(7, 1, 2, 3), Sets.pages(4, 3, 2));

        assertThat(pages(new WorkingSetMerge(1, 0, 3 * 4096 + 100, 0).merge(runs)))
                .as("2 and 3 were in both, 4 came first, as 7 did, and is the smaller number")
                .hasSize(3)
                .contains(2L, 3L);
    }

    @Test
    void whatWasInstalledAheadIsNoEvidence() {
        WorkingSet first = Sets.pages(1, 2, 3, 4);
        WorkingSet replayed = Sets.recorded(Sets.read(4, 1), Sets.touched(1, 2, Touch.AHEAD, 0));

        WorkingSet merged = new WorkingSetMerge(2, 0, 0, 0).merge(List.of(first, replayed));

        assertThat(pages(merged)).as("3 was held back, and nobody missed it").containsExactly(1L, 2L, 4L);
        assertThat(share(merged, 1)).isEqualTo(1);
        assertThat(merged.order().stream().map(PageRun::touch)).containsOnly(Touch.READ);
    }

    @Test
    void theFewPagesThatAreDemandedUnderReplayKeepTheirPlaceAmongAll() {
        WorkingSet first = Sets.pages(8, 1, 7, 2, 6, 3, 5, 4);
        WorkingSet replayed = Sets.recorded(
                Sets.read(8, 1),
                Sets.read(6, 1),
                Sets.touched(1, 5, Touch.AHEAD, 0),
                Sets.touched(7, 1, Touch.AHEAD, 0));

        WorkingSet merged = new WorkingSetMerge(1, 0, 0, 0).merge(List.of(first, replayed));

        assertThat(pages(merged)).containsExactly(8L, 1L, 7L, 2L, 6L, 3L, 5L, 4L);
    }

    @Test
    void whatWasAlwaysInstalledAheadStays() {
        WorkingSet replayed = Sets.recorded(Sets.touched(1, 2, Touch.AHEAD, 0));

        WorkingSet merged = new WorkingSetMerge(1, 0, 0, 0).merge(List.of(replayed));

        assertThat(merged).isEqualTo(replayed);
    }

    @Test
    void aPageThatIsMostlyWrittenIsWritten() {
        WorkingSet written = Sets.recorded(Sets.touched(1, 2, Touch.WRITE, 40));
        WorkingSet read = Sets.recorded(Sets.touched(1, 1, Touch.READ, 60), Sets.touched(2, 1, Touch.WRITE, 60));
        WorkingSet alsoRead = Sets.pages(1, 2);

        WorkingSet merged = new WorkingSetMerge(1, 0, 0, 0).merge(List.of(written, read, alsoRead));

        assertThat(merged.order()).extracting(PageRun::touch).containsExactly(Touch.READ, Touch.WRITE);
        assertThat(merged.order()).extracting(PageRun::micros).containsExactly(33L, 33L);
    }

    @Test
    void runsInPagesOfDifferentSizesAreMergedInThoseOfTheNewest() {
        long large = 16384;
        WorkingSet small = Sets.pages(1, 2, 9, 30);
        WorkingSet inLarge = new WorkingSet(
                Sets.LAYOUT.withPageSize(large), Sets.SNAPSHOT, PageRun.ONE, List.of(Sets.read(2, 1), Sets.read(0, 1)));
        WorkingSetMerge both = new WorkingSetMerge(2, 0, 0, 0);

        WorkingSet merged = both.merge(List.of(small, inLarge));

        assertThat(merged.memory().pageSize()).isEqualTo(large);
        assertThat(pages(merged)).containsExactlyInAnyOrder(0L, 2L);
        assertThat(pages(both.merge(List.of(inLarge, small)))).containsExactlyInAnyOrder(1L, 2L, 9L);
        assertThat(pages(new WorkingSetMerge(1, 0, 0, large).merge(List.of(small))))
                .as("in the order of the first page of each")
                .containsExactly(0L, 2L, 7L);
    }

    @Test
    void whatIsNotOfOneMemoryIsRefused() {
        WorkingSet other = new WorkingSet(
                new MemoryRegions(4096, List.of(new MemoryRegions.Extent(0, 64 * Sets.PAGE))),
                Sets.SNAPSHOT,
                PageRun.ONE,
                List.of(Sets.read(1, 1)));
        WorkingSetMerge merge = new WorkingSetMerge(2, 0, 0, 0);

        assertThatThrownBy(() -> merge.merge(List.of(other, Sets.pages(1))))
                .hasMessage(
                        "set 1 of 2: it is of a memory in the regions 0x0+0x40000, not in 0x0+0x20000 0x28000+0x20000");
        assertThatThrownBy(() -> merge.merge(List.of(other)))
                .hasMessage("no page was touched in 2 runs, as there are 1.0");
    }
}
