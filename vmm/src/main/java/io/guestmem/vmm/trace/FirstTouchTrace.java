package io.guestmem.vmm.trace;

import io.guestmem.abi.GuestPhysical;
import io.guestmem.abi.GuestRange;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.stream.LongStream;
import java.util.stream.Stream;

/**
 * In which order a kernel touched its memory for the first time while it booted. Immutable.
 *
 * @param kernelRelease the release of the kernel: printable ASCII without a blank, not empty
 * @param memoryBytes memory of the machine: a positive multiple of 4096, at most {@link #MOST_MEMORY}
 * @param loaded what firmware and VMM had put into memory before the kernel's first instruction
 * @param samples what was new at each look, in the order of the looks
 */
public record FirstTouchTrace(String kernelRelease, long memoryBytes, List<Run> loaded, List<Sample> samples) {
    /** The largest memory of a machine in a trace: 64 GiB. */
    public static final long MOST_MEMORY = 64L << 30;

    /**
     * Checks that there are pages, none twice and none outside of memory.
     *
     * @throws IllegalArgumentException otherwise
     */
    public FirstTouchTrace {
        require(kernelRelease.matches("[!-~]+"), "not the release of a kernel: " + kernelRelease);
        require(isMemory(memoryBytes), "not a size for memory: " + memoryBytes);
        loaded = List.copyOf(loaded);
        samples = List.copyOf(samples);
        Pages pages = new Pages(memoryBytes);
        loaded.forEach(pages::add);
        long last = 0;
        for (Sample sample : samples) {
            require(sample.micros >= last, "a sample at " + sample.micros + " us after one at " + last);
            last = sample.micros;
            sample.runs.forEach(pages::add);
        }
        require(pages.count() > 0, "a trace without a page");
    }

    /**
     * Pages that follow each other.
     *
     * @param gfn number of the first one
     * @param count how many, at least 1
     */
    public record Run(long gfn, long count) {
        /** The runs of a set of pages, ascending. */
        public static List<Run> of(BitSet pages) {
            List<Run> runs = new ArrayList<>();
            for (int page = pages.nextSetBit(0); page >= 0; ) {
                int end = pages.nextClearBit(page);
                runs.add(new Run(page, (long) end - page));
                page = pages.nextSetBit(end);
            }
            return runs;
        }

        GuestRange range() {
            return GuestRange.of(gfn * GuestPhysical.PAGE_SIZE, count * GuestPhysical.PAGE_SIZE);
        }
    }

    /**
     * One look.
     *
     * @param micros microseconds since the kernel's first instruction, not negative
     * @param runs the pages that were new, ascending: the order within a look is not known
     */
    public record Sample(long micros, List<Run> runs) {
        /** Copies the list. */
        public Sample {
            runs = List.copyOf(runs);
        }
    }

    /** The pages that were seen so far. Not thread-safe. */
    static final class Pages {
        private final BitSet seen = new BitSet();
        private final long count;

        Pages(long memoryBytes) {
            this.count = memoryBytes / GuestPhysical.PAGE_SIZE;
        }

        /**
         * Adds pages.
         *
         * @throws IllegalArgumentException if they are outside of memory or one was seen before; nothing is added then
         */
        void add(Run run) {
            require(run.count > 0, "a run of " + run.count + " pages");
            require(
                    run.gfn >= 0 && run.gfn < count && run.count <= count - run.gfn,
                    "gfn 0x" + Long.toHexString(run.gfn) + " and " + run.count
                            + " pages are outside of memory, which has 0x" + Long.toHexString(count));
            int start = (int) run.gfn;
            int end = (int) (run.gfn + run.count);
            int again = seen.nextSetBit(start);
            require(again < 0 || again >= end, "gfn 0x" + Integer.toHexString(again) + " twice");
            seen.set(start, end);
        }

        long count() {
            return seen.cardinality();
        }
    }

    static boolean isMemory(long bytes) {
        return bytes > 0 && bytes <= MOST_MEMORY && bytes % GuestPhysical.PAGE_SIZE == 0;
    }

    private static void require(boolean valid, String otherwise) {
        if (!valid) {
            throw new IllegalArgumentException(otherwise);
        }
    }

    /** The number of pages that were loaded. */
    public long loadedPages() {
        return loaded.stream().mapToLong(Run::count).sum();
    }

    /** The number of pages that the kernel touched and that were not loaded. */
    public long touchedPages() {
        return touched().mapToLong(Run::count).sum();
    }

    /** What was loaded, ascending as it was recorded. */
    public List<GuestRange> loadedRanges() {
        return loaded.stream().map(Run::range).toList();
    }

    /** All that a boot needs: what was loaded, then what was touched, in that order. */
    public List<GuestRange> workingSet() {
        return Stream.concat(loaded.stream(), touched()).map(Run::range).toList();
    }

    /** The address of each page of the {@link #workingSet}, in its order. */
    public long[] addresses() {
        return Stream.concat(loaded.stream(), touched())
                .flatMapToLong(run -> LongStream.range(run.gfn, run.gfn + run.count))
                .map(gfn -> gfn * GuestPhysical.PAGE_SIZE)
                .toArray();
    }

    private Stream<Run> touched() {
        return samples.stream().flatMap(sample -> sample.runs().stream());
    }
}
