package io.guestmem.bench;

import java.util.stream.IntStream;

/**
 * A side that does short work several times in a round; its figure is the best of them, of figures of which more is better. Work
 * for two processors needs both at once, which on a busy machine is rarer than having one.
 *
 * @param times 1 or more
 * @param side does the work once
 */
record BestOf(int times, SideBySide.Side side) implements SideBySide.Side {
    @Override
    public double measure() {
        return IntStream.range(0, times).mapToDouble(_ -> side.measure()).max().orElseThrow();
    }
}
