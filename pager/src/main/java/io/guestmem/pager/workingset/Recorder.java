package io.guestmem.pager.workingset;

import io.guestmem.pager.handshake.GuestMap;
import java.io.IOException;
import java.nio.file.Path;
import java.util.function.LongPredicate;
import java.util.stream.LongStream;

/**
 * Which pages of one VM were demanded, in order, each once.
 *
 * <p>{@link #demanded} belongs to one thread, allocates nothing and never waits; the memory is taken as it is needed.
 * Everything else is thread-safe.
 */
public final class Recorder implements AutoCloseable {
    private static final long NANOS_A_MICRO = 1000;

    private final GuestMap map;
    private final TouchLog log;
    private final long began;

    private volatile long last;
    private volatile boolean stopped;
    private volatile boolean full;

    private Recorder(GuestMap map, TouchLog log) {
        this.map = map;
        this.log = log;
        this.began = log.began();
        this.last = began;
        goOn();
    }

    /** Whoever has recorded in the same file until now does not any more: goes on from there. */
    public void goOn() {
        log.markAll();
        last = log.count() == 0 ? began : began + log.nanos(log.count() - 1);
        stopped = log.hasEnded();
    }

    /**
     * Starts to record, in memory of this process.
     *
     * @param began when, in {@link System#nanoTime}
     */
    public Recorder(GuestMap map, long began) {
        this(map, TouchLog.anonymous(map.pages(), began));
    }

    /**
     * Starts to record in a file that outlives this process.
     *
     * @param path must not be there
     * @param began when, in {@link System#nanoTime}
     * @param goal what {@link #goal} says to whoever goes on
     * @throws IOException if the file cannot be made
     * @throws io.guestmem.linux.LinuxException {@code ENOSPC} if the disk is full
     */
    public static Recorder create(Path path, GuestMap map, long began, RecordingGoal goal) throws IOException {
        return new Recorder(map, TouchLog.create(path, map.pages(), began, goal));
    }

    /**
     * Goes on with what another process has recorded.
     *
     * @throws IllegalArgumentException if the file is none of {@link #create}, or of another memory
     * @throws io.guestmem.linux.LinuxException if it cannot be opened
     */
    public static Recorder reopen(Path path, GuestMap map) {
        return new Recorder(map, TouchLog.reopen(path, map.pages()));
    }

    /** What the recording is for. */
    public RecordingGoal goal() {
        return log.goal();
    }

    /** When it began, in {@link System#nanoTime}. */
    public long began() {
        return began;
    }

    /**
     * Somebody waits for a page. For the event thread.
     *
     * @param page of the VM's map
     * @param now in {@link System#nanoTime}
     */
    public void demanded(long page, boolean write, long now) {
        if (stopped || log.isMarked(page)) {
            return;
        }
        if (log.add(page, write, Math.max(0, now - began))) {
            last = now;
        } else {
            full = true;
            stop();
        }
    }

    /** A page is no longer the snapshot's: if nobody has touched it until now, it is not recorded. For the event thread. */
    public void forget(long page) {
        if (!stopped) {
            log.mark(page);
        }
    }

    /** How many pages were demanded until now. */
    public long count() {
        return log.count();
    }

    /** When the last page was demanded, in {@link System#nanoTime}; the start if none was. */
    public long last() {
        return last;
    }

    /** Ends the recording: what is demanded from now on is not in it, in whatever process. */
    public void stop() {
        log.end();
        stopped = true;
    }

    /** Whether {@link #stop} was called, here or by who recorded before. */
    public boolean isStopped() {
        return stopped;
    }

    /** Whether it has ended because its file could not grow. */
    public boolean isFull() {
        return full;
    }

    /**
     * What was recorded.
     *
     * @param ahead which pages of the VM's map were installed before anybody could demand them
     */
    public WorkingSet set(SnapshotIdentity snapshot, LongPredicate ahead) {
        MemoryRegions memory = MemoryRegions.of(map);
        RunList runs = new RunList(memory);
        long recorded = log.count();
        long micros = 0;
        for (long i = 0; i < recorded; i++) {
            micros = log.nanos(i) / NANOS_A_MICRO;
            Touch touch = log.isWrite(i) ? Touch.WRITE : Touch.READ;
            runs.add(filePage(log.page(i)), touch, micros, PageRun.ONE, PageRun.ONE);
        }
        long end = micros;
        LongStream.range(0, map.pages())
                .filter(page -> ahead.test(page) && !log.isMarked(page))
                .map(this::filePage)
                .sorted()
                .forEach(page -> runs.add(page, Touch.AHEAD, end, 0, 0));
        return new WorkingSet(memory, snapshot, PageRun.ONE, runs.runs());
    }

    private long filePage(long page) {
        return map.offset(page) / map.pageSize();
    }

    @Override
    public void close() {
        log.close();
    }
}
