package io.guestmem.measure.rtmr;

import java.util.ArrayList;
import java.util.List;

/**
 * A range of guest memory.
 *
 * @param start guest-physical address
 * @param size bytes, positive
 */
public record MemoryRange(long start, long size) {
    private static final long GIB = 1L << 30;
    private static final long FOUR_GIB = 4 * GIB;
    /** From so much memory on, QEMU's q35 leaves more room below 4 GiB. */
    private static final long SPLIT_FROM = 0xb000_0000L;

    /** Checks that it is one. */
    public MemoryRange {
        if (start < 0 || size <= 0 || start + size < 0) {
            throw new IllegalArgumentException(
                    "not a range: 0x" + Long.toHexString(size) + " bytes at 0x" + Long.toHexString(start));
        }
    }

    /** Where it ends; exclusive. */
    public long end() {
        return start + size;
    }

    /** Whether it holds all of another one. */
    public boolean contains(MemoryRange other) {
        return start <= other.start && other.end() <= end();
    }

    /**
     * The memory of QEMU's q35: in one piece, or 2 GiB and the rest from 4 GiB on ({@code hw/i386/pc_q35.c}).
     *
     * @param bytes positive
     */
    public static List<MemoryRange> ofQ35(long bytes) {
        return bytes < SPLIT_FROM
                ? List.of(new MemoryRange(0, bytes))
                : List.of(new MemoryRange(0, 2 * GIB), new MemoryRange(FOUR_GIB, bytes - 2 * GIB));
    }

    /**
     * The memory of a GCE machine: 3 GiB, the firmware's 2 MiB below 4 GiB, then one range for each NUMA node
     * (google/gce-tcb-verifier {@code tdx/mrtd_from_ovmf.go}).
     *
     * @param gib memory of the machine, more than 3
     * @param nodes NUMA nodes
     * @param mostOfNode GiB of a node at most
     */
    public static List<MemoryRange> ofGce(int gib, int nodes, int mostOfNode) {
        List<MemoryRange> ranges = new ArrayList<>();
        ranges.add(new MemoryRange(0, 3 * GIB));
        ranges.add(new MemoryRange(FOUR_GIB - (2 << 20), 2 << 20));
        long start = FOUR_GIB;
        long left = gib * GIB - 3 * GIB;
        long taken = 3 * GIB;
        for (int node = 0; node < nodes && left > 0; node++) {
            long length = Math.min(left, mostOfNode * GIB - taken);
            ranges.add(new MemoryRange(start, length));
            start += length;
            left -= length;
            taken = 0;
        }
        return List.copyOf(ranges);
    }
}
