package io.guestmem.pager.workingset;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;

/**
 * One entry of a working-set file: variable-length numbers, seven bits a byte, lowest first, with the high bit in all bytes but
 * the last.
 *
 * <pre>{@code
 * zigzag(page - the first page behind the entry before)     zigzag(x) = x << 1 ^ x >> 63
 * pages << 2 | touch                                        0 read, 1 write, 2 ahead
 * zigzag(micros - those of the entry before)
 * seen
 * observed - seen
 * }</pre>
 */
final class EntryCodec {
    /** Of one entry at least. */
    static final int FEWEST_BYTES = 5;

    private static final int MOST_SHIFT = 63;

    private long page;
    private long micros;

    void write(ByteArrayOutputStream out, PageRun run) {
        number(out, zigzag(run.page() - page));
        number(out, (run.pages() << 2) | run.touch().code());
        number(out, zigzag(run.micros() - micros));
        number(out, run.seen());
        number(out, run.observed() - run.seen());
        page = run.end();
        micros = run.micros();
    }

    private static void number(ByteArrayOutputStream out, long value) {
        long rest = value;
        while ((rest & -0x80) != 0) {
            out.write((int) ((rest & 0x7f) | 0x80));
            rest >>>= 7;
        }
        out.write((int) rest);
    }

    private static long zigzag(long value) {
        return (value << 1) ^ (value >> MOST_SHIFT);
    }

    /**
     * The next entry.
     *
     * @throws IllegalArgumentException if it cannot be one
     * @throws java.nio.BufferUnderflowException if the buffer ends within it
     */
    PageRun read(ByteBuffer from) {
        long first = Math.addExact(page, delta(from));
        long counted = number(from);
        Touch touch = Touch.of((int) counted & 3);
        long when = Math.addExact(micros, delta(from));
        long seen = number(from);
        long observed = Math.addExact(seen, number(from));
        PageRun run = new PageRun(first, counted >>> 2, touch, when, Math.toIntExact(seen), Math.toIntExact(observed));
        page = run.end();
        micros = when;
        return run;
    }

    private static long delta(ByteBuffer from) {
        long value = number(from);
        return (value >>> 1) ^ -(value & 1);
    }

    private static long number(ByteBuffer from) {
        long value = 0;
        for (int shift = 0; shift <= MOST_SHIFT; shift += 7) {
            int next = from.get();
            value |= (long) (next & 0x7f) << shift;
            if (next >= 0) {
                return value;
            }
        }
        throw new IllegalArgumentException("a number of more than 64 bits");
    }
}
