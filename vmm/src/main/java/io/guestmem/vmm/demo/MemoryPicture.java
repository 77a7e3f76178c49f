package io.guestmem.vmm.demo;

import java.util.BitSet;

/**
 * How much of guest memory is mapped in the host's page table, piece by piece. Immutable.
 */
public final class MemoryPicture {
    /** Into how many pieces memory is cut at most. */
    public static final int MOST_PIECES = 1024;

    private final String moment;
    private final double[] present;
    private final double total;

    private MemoryPicture(String moment, double[] present, double total) {
        this.moment = moment;
        this.present = present;
        this.total = total;
    }

    /**
     * Draws a picture.
     *
     * @param moment when it is
     * @param pages the pages that are present
     * @param count the number of pages, at least 1
     */
    static MemoryPicture of(String moment, BitSet pages, int count) {
        int pieces = Math.min(count, MOST_PIECES);
        double[] present = new double[pieces];
        for (int i = 0; i < pieces; i++) {
            int from = (int) ((long) count * i / pieces);
            int to = (int) ((long) count * (i + 1) / pieces);
            present[i] = (double) pages.get(from, to).cardinality() / (to - from);
        }
        // Pieces may differ by a page, so the total is not their average.
        return new MemoryPicture(moment, present, (double) pages.get(0, count).cardinality() / count);
    }

    /** When it was drawn. */
    public String moment() {
        return moment;
    }

    /** The number of pieces, 1 to {@value #MOST_PIECES}. */
    public int pieces() {
        return present.length;
    }

    /** The share of a piece that is present, 0 to 1. */
    public double present(int piece) {
        return present[piece];
    }

    /** The share of all memory that is present, 0 to 1. */
    public double present() {
        return total;
    }
}
