package io.guestmem.pager;

import java.util.EnumMap;
import java.util.Map;

/** From the moment in which a fault's message was read to the one in which it is resolved, by what it needed. */
final class Latencies {
    /** What a fault needed. Names in lower case are those of the metrics. */
    enum Need {
        /** A page of the snapshot. */
        CONTENT,
        /** A page of zeroes: a hole, or one that was given back. */
        ZERO,
        /** The permission to write a page that is there. */
        WRITE
    }

    private final Map<Need, LatencyHistogram> histograms = new EnumMap<>(Need.class);

    Latencies() {
        for (Need need : Need.values()) {
            histograms.put(need, new LatencyHistogram());
        }
    }

    LatencyHistogram of(Need need) {
        LatencyHistogram histogram = histograms.get(need);
        if (histogram == null) {
            throw new IllegalStateException("no histogram of " + need);
        }
        return histogram;
    }

    /** All faults that were resolved. */
    long count() {
        return histograms.values().stream().mapToLong(LatencyHistogram::count).sum();
    }
}
