package io.guestmem.bench;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import org.junit.jupiter.api.Test;

class BenchmarkResultTest {
    private static BenchmarkResult result(double value, double baseline, Bound bound) {
        return new BenchmarkResult("x", value, "s", baseline, List.of(bound), "");
    }

    @Test
    void aRatioAtMostHoldsUpToTheLimit() {
        Bound bound = Bound.ratioAtMost(1.25);

        assertThat(result(125, 100, bound).met()).isTrue();
        assertThat(result(126, 100, bound).met()).isFalse();
        assertThat(bound).hasToString("ratio <= 1.25");
    }

    @Test
    void aRatioAtLeastHoldsDownToTheLimit() {
        Bound bound = Bound.ratioAtLeast(0.75);

        assertThat(result(75, 100, bound).met()).isTrue();
        assertThat(result(74, 100, bound).met()).isFalse();
        assertThat(bound).hasToString("ratio >= 0.75");
    }

    @Test
    void aBoundOfTheValueDoesNotLookAtTheBaseline() {
        Bound bound = Bound.valueAtMost(0.35);

        assertThat(result(0.35, 0.01, bound).met()).isTrue();
        assertThat(result(0.36, 100, bound).met()).isFalse();
        assertThat(bound).hasToString("value <= 0.35");
    }

    @Test
    void aValueAtLeastHoldsDownToTheLimit() {
        Bound bound = Bound.valueAtLeast(15);

        assertThat(result(15, 100, bound).met()).isTrue();
        assertThat(result(14.9, 1, bound).met()).isFalse();
        assertThat(bound).hasToString("value >= 15.0");
    }

    @Test
    void everyBoundMustHold() {
        List<Bound> bounds = List.of(Bound.valueAtLeast(15), Bound.ratioAtLeast(0.2));

        assertThat(new BenchmarkResult("x", 20, "Mpages/s", 100, bounds, "").met())
                .isTrue();
        assertThat(new BenchmarkResult("x", 20, "Mpages/s", 101, bounds, "").met())
                .isFalse();
        assertThat(new BenchmarkResult("x", 14, "Mpages/s", 14, bounds, "").met())
                .isFalse();
    }

    @Test
    void aResultWithoutABoundPromisesNothing() {
        assertThatThrownBy(() -> new BenchmarkResult("x", 1, "s", 1, List.of(), ""))
                .isInstanceOf(IllegalArgumentException.class);
    }

    @Test
    void aFigureThatIsNoNumberMeetsNoBound() {
        assertThat(result(Double.NaN, 1, Bound.ratioAtMost(1)).met()).isFalse();
        assertThat(result(Double.NaN, 1, Bound.ratioAtLeast(1)).met()).isFalse();
    }

    @Test
    void nothingIsDividedByABaselineOfZero() {
        assertThatThrownBy(() -> result(1, 0, Bound.ratioAtMost(1))).isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> result(1, Double.NaN, Bound.ratioAtMost(1)))
                .isInstanceOf(IllegalArgumentException.class);
    }
}
