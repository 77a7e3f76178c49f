package io.guestmem.soft.host;

import java.util.ArrayList;
import java.util.List;

/**
 * Writes down what a notifier is told, in pages from a base: {@code start [5,6)} and {@code end [5,6)}, or {@code [5,6)} for a
 * pair without others inside.
 */
final class Told implements MmuNotifier {
    private final long base;
    private final List<String> calls = new ArrayList<>();

    Told(long base) {
        this.base = base;
    }

    @Override
    public void invalidateStart(long start, long end) {
        calls.add("start " + range(start, end));
    }

    @Override
    public void invalidateEnd(long start, long end) {
        String range = range(start, end);
        if (calls.getLast().equals("start " + range)) {
            calls.set(calls.size() - 1, range);
        } else {
            calls.add("end " + range);
        }
    }

    /** The calls since the last time, in order. */
    List<String> take() {
        List<String> taken = List.copyOf(calls);
        calls.clear();
        return taken;
    }

    private String range(long start, long end) {
        return "[" + ((start - base) >> 12) + "," + ((end - base) >> 12) + ")";
    }
}
