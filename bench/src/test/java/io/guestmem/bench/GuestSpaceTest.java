package io.guestmem.bench;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.guestmem.paging.MappingTotals;
import io.guestmem.paging.Mappings;
import java.util.List;
import org.junit.jupiter.api.Test;

/** The address spaces that benchmarks walk are what they say, and a side that does not answer is not measured. */
class GuestSpaceTest {
    private static final long SIZE = 8 << 20;

    @Test
    void aKernelHasAllOfMemoryInLargePagesAndAsManySmallOnesAsItHasRoomFor() {
        try (GuestSpace space = GuestSpaces.ofKernel(SIZE)) {
            MappingTotals totals = Mappings.of(space.plan(), space.memory()).forEach((_, _, _, _, _) -> {});

            assertThat(totals.pages()).isEqualTo(4 + 256 * 32);
            assertThat(totals.tables()).isEqualTo(5 + 256);
            assertThat(totals.repeated()).isZero();
        }
    }

    @Test
    void scatteredPagesMapEverythingOnce() {
        try (GuestSpace space = GuestSpaces.ofScatteredPages(SIZE)) {
            MappingTotals totals = Mappings.of(space.plan(), space.memory()).forEach((_, _, _, _, _) -> {});

            assertThat(totals.pages()).isEqualTo(2048);
            assertThat(totals.tables()).isEqualTo(3 + 4);
            assertThat(totals.repeated()).isZero();
        }
    }

    @Test
    void queriesAreTheSameEachTimeAndAllOfMappedPages() {
        try (GuestSpace space = GuestSpaces.ofKernel(SIZE)) {
            long[] queries = space.queries(1000, false);

            assertThat(space.queries(1000, false)).isEqualTo(queries);
            assertThat(space.queries(1000, true)).isSorted().containsExactlyInAnyOrder(queries);
        }
    }

    @Test
    void aPeerThatSaysSomethingElseIsTheAnswer() {
        try (GuestSpace space = GuestSpaces.ofKernel(SIZE);
                WalkPeer peer = space.peer(List.of("/bin/echo", "no sum"), "walk", new long[1])) {
            assertThatThrownBy(peer::pass)
                    .isInstanceOf(BenchmarkException.class)
                    .hasMessageContaining("no sum");
        }
    }
}
