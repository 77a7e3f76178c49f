package io.guestmem.pager;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Where durations are counted, and what can be said of them afterwards. */
class LatencyHistogramTest {
    private final LatencyHistogram histogram = new LatencyHistogram();

    @ParameterizedTest
    @CsvSource({
        "-5, 1000",
        "0, 1000",
        "999, 1000",
        "1000, 1500",
        "1499, 1500",
        "1500, 2000",
        "1999, 2000",
        "2000, 3000",
        "2999, 3000",
        "3000, 4000",
        "5999, 6000",
        "6000, 8000",
        "1000000, 1024000",
        "15000000000, 16777216000"
    })
    void aDurationIsBelowTheEndOfItsBucket(long nanos, long end) {
        histogram.record(nanos);

        assertThat(histogram.quantile(1000)).isEqualTo(end);
        assertThat(histogram.count()).isEqualTo(1);
        assertThat(histogram.sum()).isEqualTo(Math.max(0, nanos));
    }

    @Test
    void whatTakesLongerThanEverThoughtIsCountedToo() {
        histogram.record(Long.MAX_VALUE / 4);

        assertThat(histogram.count(LatencyHistogram.finite())).isEqualTo(1);
        assertThat(histogram.quantile(500))
                .as("at least this")
                .isEqualTo(LatencyHistogram.end(LatencyHistogram.finite() - 1));
    }

    @Test
    void quantilesAreThoseOfTheOrderedDurations() {
        assertThat(histogram.quantile(500)).isZero();
        for (int i = 0; i < 99; i++) {
            histogram.record(5_500);
        }
        histogram.record(900_000);

        assertThat(histogram.quantile(500)).isEqualTo(6_000);
        assertThat(histogram.quantile(990)).isEqualTo(6_000);
        assertThat(histogram.quantile(999)).isEqualTo(1_024_000);
    }
}
