package io.guestmem.conform;

import io.guestmem.abi.ErrorNumber;
import java.util.Map;
import java.util.NavigableMap;
import java.util.TreeMap;

/**
 * What a request answers, by release of Linux: each answer holds from its release to the next one in the table.
 *
 * @param from a value, or a negated errno, by the release that it is known of
 */
record Answer(NavigableMap<KernelRelease, Long> from) {
    /** In every release before the first change that is known. */
    static Answer of(long first) {
        return new Answer(new TreeMap<>(Map.of(new KernelRelease(0, 0), first)));
    }

    static Answer of(ErrorNumber first) {
        return of(-first.number());
    }

    /** Another answer from a release on. */
    Answer since(int major, int minor, long value) {
        NavigableMap<KernelRelease, Long> more = new TreeMap<>(from);
        more.put(new KernelRelease(major, minor), value);
        return new Answer(more);
    }

    Answer since(int major, int minor, ErrorNumber errno) {
        return since(major, minor, -errno.number());
    }

    long in(KernelRelease release) {
        return from.floorEntry(release).getValue();
    }
}
