package io.guestmem.kvm;

import static org.assertj.core.api.Assertions.assertThat;

import io.guestmem.abi.GuestRange;
import java.util.BitSet;
import java.util.Random;
import org.junit.jupiter.api.Test;

class PrivateRangesTest {
    private final PrivateRanges ranges = new PrivateRanges();

    @Test
    void atFirstEverythingIsShared() {
        assertThat(ranges.uniform(GuestRange.of(5, 10), false)).isEqualTo(10);
        assertThat(ranges.uniform(GuestRange.of(5, 10), true)).isZero();
    }

    @Test
    void whatOverlapsIsCutAndWhatTouchesIsOne() {
        ranges.set(GuestRange.of(10, 10), true);
        ranges.set(GuestRange.of(20, 10), true);
        ranges.set(GuestRange.of(15, 2), false);

        assertThat(ranges.uniform(GuestRange.of(0, 100), false)).isEqualTo(10);
        assertThat(ranges.uniform(GuestRange.of(10, 100), true)).isEqualTo(5);
        assertThat(ranges.uniform(GuestRange.of(15, 100), false)).isEqualTo(2);
        assertThat(ranges.uniform(GuestRange.of(17, 100), true)).isEqualTo(13);
        assertThat(ranges.uniform(GuestRange.of(30, 100), false)).isEqualTo(100);
    }

    @Test
    void agreesWithABitForEachPage() {
        long seed = System.nanoTime();
        System.out.println("PrivateRangesTest seed " + seed);
        Random random = new Random(seed);
        BitSet bits = new BitSet();
        for (int i = 0; i < 2000; i++) {
            int from = random.nextInt(60);
            int to = from + 1 + random.nextInt(64 - from);
            boolean isPrivate = random.nextBoolean();
            bits.set(from, to, isPrivate);
            ranges.set(GuestRange.of(from, to - from), isPrivate);
            for (int at = 0; at < 64; at++) {
                int wanted = bits.get(at) ? bits.nextClearBit(at) : bits.nextSetBit(at);
                int uniform = Math.min(64, wanted < 0 ? 64 : wanted) - at;
                assertThat(ranges.uniform(GuestRange.of(at, 64 - at), bits.get(at)))
                        .isEqualTo(uniform);
                assertThat(ranges.uniform(GuestRange.of(at, 64 - at), !bits.get(at)))
                        .isZero();
            }
        }
    }
}
