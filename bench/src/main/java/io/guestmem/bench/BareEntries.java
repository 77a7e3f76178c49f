package io.guestmem.bench;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;

/**
 * The least that a stage-2 table can be: an array of 8 bytes a page, off-heap, changed by compare-and-set. Thread-safe as far as
 * threads have entries of their own.
 */
final class BareEntries {
    private static final VarHandle ENTRY = ValueLayout.JAVA_LONG.varHandle();
    private static final long PRESENT = 1;

    private final MemorySegment entries;
    private final long count;

    BareEntries(long count) {
        this.entries = Arena.ofAuto().allocate(ValueLayout.JAVA_LONG, count);
        this.count = count;
    }

    private void fill(long from, long to) {
        for (long i = from; i < to; i++) {
            ENTRY.compareAndSet(entries, i * Long.BYTES, 0L, i << 12 | PRESENT);
        }
    }

    private void empty() {
        for (long i = 0; i < count; i++) {
            ENTRY.compareAndSet(entries, i * Long.BYTES, i << 12 | PRESENT, 0L);
        }
    }

    private void clear() {
        entries.fill((byte) 0);
    }

    /** Filling all of them on the calling thread. */
    RepeatedWork filling() {
        return new RepeatedWork(this::clear, RepeatedWork.timed(() -> fill(0, count)), this::full, count);
    }

    /** Filling all of them on a team, whose threads have parts of their own. */
    RepeatedWork filling(Team team) {
        long part = count / team.size();
        return new RepeatedWork(
                this::clear,
                () -> team.run(number -> fill(number * part, (number + 1) * part)),
                this::full,
                part * team.size());
    }

    /** Emptying all of them. */
    RepeatedWork emptying() {
        return new RepeatedWork(() -> fill(0, count), RepeatedWork.timed(this::empty), this::full, 0);
    }

    long full() {
        long full = 0;
        for (long i = 0; i < count; i++) {
            full += entries.getAtIndex(ValueLayout.JAVA_LONG, i) & PRESENT;
        }
        return full;
    }
}
