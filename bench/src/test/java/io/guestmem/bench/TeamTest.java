package io.guestmem.bench;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.Test;

class TeamTest {
    @Test
    void everyThreadDoesItsPartWhileTheOthersDoTheirs() {
        Set<Integer> parts = ConcurrentHashMap.newKeySet();
        Set<Thread> threads = ConcurrentHashMap.newKeySet();
        CountDownLatch together = new CountDownLatch(2);
        try (Team team = new Team(2)) {
            long nanos = team.run(part -> {
                parts.add(part);
                threads.add(Thread.currentThread());
                together.countDown();
                awaitAll(together);
            });

            assertThat(nanos).isPositive();
        }
        assertThat(parts).containsExactlyInAnyOrder(0, 1);
        assertThat(threads).hasSize(2);
    }

    private static void awaitAll(CountDownLatch together) {
        try {
            together.await();
        } catch (InterruptedException interrupted) {
            throw new AssertionError(interrupted);
        }
    }

    @Test
    void aPartThatFailsIsTold() {
        try (Team team = new Team(2)) {
            assertThatThrownBy(() -> team.run(_ -> {
                        throw new BenchmarkException("no work was done");
                    }))
                    .isInstanceOf(BenchmarkException.class)
                    .hasMessageContaining("no work was done");
        }
    }
}
