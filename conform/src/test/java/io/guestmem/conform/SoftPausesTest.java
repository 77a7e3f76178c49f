package io.guestmem.conform;

import static org.assertj.core.api.Assertions.assertThat;

import io.guestmem.conform.ModelInspection.Pause;
import io.guestmem.soft.Schedule;
import io.guestmem.soft.Schedule.Point;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

class SoftPausesTest {
    private static final Duration A_WHILE = Duration.ofMillis(20);

    private final SoftPauses pauses = new SoftPauses(Schedule.FREE);

    private Background<Point> comeTo(Point point) {
        return new Background<>("thread at " + point, () -> {
            pauses.point(point);
            return point;
        });
    }

    @Test
    void theNextThreadAtThePointWaitsForTheEndOfThePause() {
        Pause pause = pauses.next(Point.PAGE_LOOKED_UP);
        pauses.point(Point.BEFORE_EXCHANGE);
        Background<Point> first = comeTo(Point.PAGE_LOOKED_UP);
        pause.await();
        pauses.point(Point.PAGE_LOOKED_UP);

        assertThat(first.isStillBusyAfter(A_WHILE)).isTrue();
        pause.close();
        assertThat(first.result()).isEqualTo(Point.PAGE_LOOKED_UP);
    }

    @Test
    void aPauseThatNobodyCameToIsOver() {
        Pause pause = pauses.next(Point.PAGE_LOOKED_UP);
        pause.close();
        pause.close();

        pauses.point(Point.PAGE_LOOKED_UP);
    }

    @Test
    void aChangeHappensOnceBeforeTheNextGuestEntry() {
        AtomicInteger changes = new AtomicInteger();
        pauses.beforeNextGuestEntry(changes::incrementAndGet);
        pauses.point(Point.HOST_ENTRY);
        assertThat(changes).hasValue(0);

        pauses.point(Point.GUEST_ENTRY);
        pauses.point(Point.GUEST_ENTRY);

        assertThat(changes).hasValue(1);
    }
}
