package io.guestmem.vmm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class RandomOrderTest {
    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3, 4, 5, 63, 64, 65, 1000, 4096, 4097})
    void eachPageComesOnceWhateverTheSeed(long pages) {
        for (long seed : new long[] {0, 1, -1, 42, Long.MIN_VALUE, 0x9E3779B97F4A7C15L}) {
            assertThat(new RandomOrder(pages, seed).stream().sorted().toArray())
                    .as("seed %d", seed)
                    .isEqualTo(LongStream.range(0, pages).toArray());
        }
    }

    @Test
    void seedsGiveOrders() {
        assertThat(new RandomOrder(1000, 1).stream().toArray())
                .isNotEqualTo(new RandomOrder(1000, 2).stream().toArray())
                .isEqualTo(new RandomOrder(1000, 1).stream().toArray())
                .isNotEqualTo(LongStream.range(0, 1000).toArray());
    }

    @Test
    void noPagesHaveNoOrder() {
        assertThatIllegalArgumentException().isThrownBy(() -> new RandomOrder(0, 1));
    }
}
