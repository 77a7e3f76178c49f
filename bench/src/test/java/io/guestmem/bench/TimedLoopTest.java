package io.guestmem.bench;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import org.junit.jupiter.api.Test;

class TimedLoopTest {
    private static final Duration TIME = Duration.ofNanos(100_000);

    private long now = 1_000_000;
    private long operations;

    private TimedLoop loop(long nanosAnOperation) {
        TimedLoop.Operation operation = times -> {
            operations += times;
            now += times * nanosAnOperation;
            return operations;
        };
        return new TimedLoop(operation, TIME, () -> now);
    }

    @Test
    void theFigureIsNanosecondsAnOperation() {
        assertThat(loop(7).measure()).isEqualTo(7.0);
    }

    @Test
    void itRepeatsInBatchesOfAThousandUntilTheTimeIsUp() {
        loop(30).measure();

        assertThat(operations).isEqualTo(4_000);
    }

    @Test
    void anOperationSlowerThanTheTimeIsMeasuredInOneBatch() {
        assertThat(loop(5_000).measure()).isEqualTo(5_000.0);
        assertThat(operations).isEqualTo(1_000);
    }

    @Test
    void aBatchMayBeOfAnotherSize() {
        TimedLoop loop = new TimedLoop(
                times -> {
                    operations += times;
                    now += times;
                    return operations;
                },
                70_000,
                TIME,
                () -> now);

        assertThat(loop.measure()).isEqualTo(1.0);
        assertThat(operations).isEqualTo(140_000);
    }
}
