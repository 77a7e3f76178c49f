package io.guestmem.bench;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import org.junit.jupiter.api.Test;

class RepeatedWorkTest {
    private final List<String> steps = new ArrayList<>();
    private final Iterator<Long> nanos = List.of(40L, 30L, 50L).iterator();

    private RepeatedWork work(long left) {
        return new RepeatedWork(
                () -> steps.add("prepare"),
                () -> {
                    steps.add("work");
                    return nanos.next();
                },
                () -> {
                    steps.add("check");
                    return left;
                },
                512);
    }

    @Test
    void itIsPreparedDoneAndCheckedUntilTheTimeIsUpAndTheFastestCounts() {
        assertThat(work(512).repeat(Duration.ofNanos(100))).isEqualTo(30);
        assertThat(steps)
                .containsExactly("prepare", "work", "check", "prepare", "work", "check", "prepare", "work", "check");
    }

    @Test
    void itIsDoneAtLeastOnce() {
        assertThat(work(512).repeat(Duration.ofNanos(1))).isEqualTo(40);
        assertThat(steps).containsExactly("prepare", "work", "check");
    }

    @Test
    void workThatWasNotDoneHasNoFigure() {
        assertThatThrownBy(() -> work(511).once())
                .isInstanceOf(BenchmarkException.class)
                .hasMessage("the work should leave 512, and left 511");
    }
}
