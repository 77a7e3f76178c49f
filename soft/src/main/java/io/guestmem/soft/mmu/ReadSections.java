package io.guestmem.soft.mmu;

import io.guestmem.soft.Schedule;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicLong;

/**
 * Read-copy-update: readers take no lock, and whoever unpublished something learns when no reader can still see it.
 *
 * <p>A reader publishes the epoch at which it entered, before it reads anything; a writer unpublishes, then advances the epoch,
 * then looks at the readers. A reader that the writer does not see entered afterwards, and so finds what is new.
 *
 * <p>Thread-safe. A {@link Reader} belongs to one thread at a time.
 */
public final class ReadSections {
    private final AtomicLong epoch = new AtomicLong(1);
    private final Set<Reader> readers = ConcurrentHashMap.newKeySet();
    private final ConcurrentLinkedQueue<Reader> idle = new ConcurrentLinkedQueue<>();
    private final Schedule schedule;

    /** No readers yet. */
    public ReadSections(Schedule schedule) {
        this.schedule = schedule;
    }

    /** Somebody who reads. */
    public static final class Reader {
        /** The epoch at which it entered; 0 outside. Written by the reader only. */
        private volatile long since;

        /** How often it entered. The reader's own. */
        private int depth;

        private Reader() {}
    }

    /** A new reader, until {@link #remove}. */
    public Reader add() {
        Reader reader = new Reader();
        readers.add(reader);
        return reader;
    }

    /** The reader reads no more. */
    public void remove(Reader reader) {
        readers.remove(reader);
    }

    /** A reader for one section, to be given back with {@link #release}. */
    public Reader borrow() {
        Reader reader = idle.poll();
        reader = reader == null ? add() : reader;
        enter(reader);
        return reader;
    }

    /** Ends the section of {@link #borrow}. */
    public void release(Reader reader) {
        exit(reader);
        idle.add(reader);
    }

    /** A section begins; sections nest. */
    public void enter(Reader reader) {
        if (reader.depth++ == 0) {
            reader.since = epoch.get();
        }
    }

    /** A section ends. */
    public void exit(Reader reader) {
        if (--reader.depth == 0) {
            reader.since = 0;
        }
    }

    /** The stamp of something that was unpublished just now. */
    public long stamp() {
        return epoch.getAndIncrement();
    }

    /** Whether nobody can see any more what was unpublished with a stamp. */
    public boolean isOver(long stamp) {
        for (Reader reader : readers) {
            long since = reader.since;
            if (since != 0 && since <= stamp) {
                return false;
            }
        }
        return true;
    }

    /** Waits until nobody can see what was unpublished before the call. */
    public void synchronize() {
        long stamp = stamp();
        schedule.await(() -> isOver(stamp));
    }
}
