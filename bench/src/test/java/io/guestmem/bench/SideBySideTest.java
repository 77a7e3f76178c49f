package io.guestmem.bench;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class SideBySideTest {
    private final List<String> turns = new ArrayList<>();

    private SideBySide.Side side(String name, Double... figures) {
        Iterator<Double> next = List.of(figures).iterator();
        return () -> {
            turns.add(name);
            return next.next();
        };
    }

    private static BenchmarkSettings settings(int warmUps, int rounds) {
        return new BenchmarkSettings(
                warmUps,
                rounds,
                Duration.ofMillis(1),
                BenchmarkSettings.PIECE,
                2 * BenchmarkSettings.PIECE,
                List.of(),
                Optional.empty());
    }

    @Test
    void theSidesTakeTurnsAndTheWarmUpDoesNotCount() {
        SideBySide sides = SideBySide.measure(
                side("ours", 900.0, 3.0, 1.0, 2.0), side("bare", 800.0, 30.0, 10.0, 20.0), settings(1, 3));

        assertThat(turns).containsExactly("ours", "bare", "ours", "bare", "ours", "bare", "ours", "bare");
        assertThat(sides.ours()).isEqualTo(new Spread(1, 2, 3));
        assertThat(sides.baseline()).isEqualTo(new Spread(10, 20, 30));
    }

    @Test
    void moreThanTwoSidesTakeTurnsToo() {
        List<Spread> spreads = SideBySide.turns(
                List.of(side("a", 1.0, 2.0), side("b", 3.0, 4.0), side("c", 5.0, 6.0)), settings(1, 1));

        assertThat(turns).containsExactly("a", "b", "c", "a", "b", "c");
        assertThat(spreads).containsExactly(new Spread(2, 2, 2), new Spread(4, 4, 4), new Spread(6, 6, 6));
    }

    @Test
    void oneRoundThatWasDisturbedDoesNotMoveTheMedian() {
        assertThat(Spread.of(5, 1_000, 4, 6, 5)).isEqualTo(new Spread(4, 5, 1_000));
    }

    @Test
    void theMedianOfAnEvenNumberOfRoundsIsBetweenTheTwoInTheMiddle() {
        assertThat(Spread.of(4, 1, 3, 2)).isEqualTo(new Spread(1, 2.5, 4));
    }

    @Test
    void aSideThatFailsEndsTheBenchmark() {
        SideBySide.Side failing = () -> {
            throw new BenchmarkException("no work was done");
        };

        assertThatThrownBy(() -> SideBySide.measure(side("ours", 1.0), failing, settings(0, 1)))
                .isInstanceOf(BenchmarkException.class)
                .hasMessage("no work was done");
    }

    @Test
    void mediansAreTheResultWithTheirSpread() {
        SideBySide sides = new SideBySide(new Spread(100, 115, 400), new Spread(90, 100, 300));

        BenchmarkResult result = sides.medians("x", "ns", List.of(Bound.ratioAtMost(1.15)), settings(0, 3), "a remark");

        assertThat(result.value()).isEqualTo(115);
        assertThat(result.baseline()).isEqualTo(100);
        assertThat(result.ratio()).isCloseTo(1.15, within(1e-12));
        assertThat(result.note())
                .isEqualTo("a remark; medians of 3 rounds; least / median / most: "
                        + "100.0 / 115.0 / 400.0, baseline 90.00 / 100.0 / 300.0");
    }

    @Test
    void theFastestRoundsAreTheResultWhereMoreIsBetter() {
        SideBySide sides = new SideBySide(new Spread(1, 2, 3.8), new Spread(1, 3, 4));

        BenchmarkResult result =
                sides.most("x", "GiB/s", List.of(Bound.ratioAtLeast(0.95)), settings(0, 3), "a remark");

        assertThat(result.ratio()).isCloseTo(0.95, within(1e-12));
        assertThat(result.note()).startsWith("a remark; best of 3 rounds;");
    }
}
