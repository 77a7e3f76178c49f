package io.guestmem.paging;

import java.util.Arrays;

/** Runs, remembered. For one thread. */
final class RunList implements MappingVisitor {
    private static final int FIELDS = 5;

    private long[] values = new long[64 * FIELDS];
    private int used;

    @Override
    public void run(long linear, long physical, long size, long pageSize, int flags) {
        if (used == values.length) {
            values = Arrays.copyOf(values, 2 * values.length);
        }
        values[used] = linear;
        values[used + 1] = physical;
        values[used + 2] = size;
        values[used + 3] = pageSize;
        values[used + 4] = flags;
        used += FIELDS;
    }

    void replay(MappingVisitor visitor) {
        for (int i = 0; i < used; i += FIELDS) {
            visitor.run(values[i], values[i + 1], values[i + 2], values[i + 3], (int) values[i + 4]);
        }
    }
}
