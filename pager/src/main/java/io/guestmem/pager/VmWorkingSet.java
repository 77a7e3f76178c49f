package io.guestmem.pager;

import io.guestmem.pager.ServerEvent.Kind;
import io.guestmem.pager.workingset.Recorder;
import io.guestmem.pager.workingset.RecordingGoal;
import io.guestmem.pager.workingset.Replay;
import io.guestmem.pager.workingset.ReplayReport;
import io.guestmem.pager.workingset.SnapshotIdentity;
import io.guestmem.pager.workingset.Touch;
import io.guestmem.pager.workingset.WorkingSet;
import io.guestmem.pager.workingset.WorkingSetFile;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * What one VM does with working sets: hears what it waits for, and writes its recording on a thread of its own, so that no fault
 * waits for a disk.
 */
final class VmWorkingSet implements DemandWatch, AutoCloseable {
    private final int vm;
    private final Consumer<ServerEvent> events;
    private final PageStates states;
    private final @Nullable Replay replay;
    private final @Nullable Recorder recorder;
    private final @Nullable Target target;

    /** Guarded by this object. */
    private @Nullable Thread recording;

    private volatile boolean isServed;
    private volatile boolean isPaused;
    private volatile boolean isWritten;

    /**
     * What becomes of a recording.
     *
     * @param goal where it is written, and when
     * @param snapshot that the VM runs on
     * @param log where others find it if this process ends; null if nowhere
     */
    record Target(
            RecordingGoal goal,
            SnapshotIdentity snapshot,
            @Nullable Path log) {}

    /** One whose recording is not written. */
    VmWorkingSet(
            int vm,
            Consumer<ServerEvent> events,
            PageStates states,
            @Nullable Replay replay,
            @Nullable Recorder recorder) {
        this(vm, events, states, replay, recorder, null);
    }

    VmWorkingSet(
            int vm,
            Consumer<ServerEvent> events,
            PageStates states,
            @Nullable Replay replay,
            @Nullable Recorder recorder,
            @Nullable Target target) {
        this.vm = vm;
        this.events = events;
        this.states = states;
        this.replay = replay;
        this.recorder = recorder;
        this.target = target;
    }

    /** What is to be installed ahead. */
    Optional<Replay> replay() {
        return Optional.ofNullable(replay);
    }

    @Override
    public void demanded(long page, boolean write, long now) {
        if (recorder != null) {
            recorder.demanded(page, write, now);
        }
        if (replay != null) {
            replay.demanded(page);
        }
    }

    @Override
    public void demandedAgain(long page) {
        if (recorder != null) {
            recorder.forget(page);
        }
        if (replay != null) {
            replay.forget(page);
        }
    }

    /**
     * Starts the thread that ends the recording and writes it, if there is one that has not ended; for a VM that is served from now
     * on.
     */
    synchronized void begin() {
        isServed = true;
        Recorder source = recorder;
        Target to = target;
        if (source != null && to != null && !isWritten && recording == null) {
            isPaused = false;
            source.goOn();
            if (to.log != null && !Files.exists(to.log)) {
                // Whoever served the VM meanwhile has written it.
                isWritten = true;
                return;
            }
            recording = Thread.ofPlatform()
                    .name("recording of VM " + vm)
                    .daemon()
                    .start(() -> {
                        if (awaitEnd(source, to.goal)) {
                            write(source, to);
                        }
                    });
        }
    }

    /** Nobody serves the VM for now, or another process does: leaves the recording to that one, if it can find it. */
    void pause() {
        if (target != null && target.log != null) {
            isPaused = true;
            awaitWriter();
        }
    }

    /** Waits for the end of the recording; false if somebody else goes on with it. */
    private boolean awaitEnd(Recorder source, RecordingGoal goal) {
        long left = left(source, goal);
        while (left > 0 && !source.isStopped() && !isPaused) {
            LockSupport.parkNanos(source, left);
            left = left(source, goal);
        }
        if (isPaused) {
            return false;
        }
        source.stop();
        return true;
    }

    /** How long it may still take, in nanoseconds. */
    private static long left(Recorder source, RecordingGoal goal) {
        long now = System.nanoTime();
        long left = TimeUnit.DAYS.toNanos(1);
        if (!goal.limit().isZero()) {
            left = Math.min(left, goal.limit().toNanos() - (now - source.began()));
        }
        if (!goal.settle().isZero()) {
            long quiet = source.count() == 0 ? 0 : now - source.last();
            left = Math.min(left, goal.settle().toNanos() - quiet);
        }
        return left;
    }

    private void write(Recorder source, Target to) {
        isWritten = true;
        long touched = source.count();
        try {
            if (source.isFull()) {
                events.accept(ServerEvent.of(Kind.WARNING, vm, "the recording ended early: no space for " + to.log));
            }
            if (touched == 0) {
                events.accept(notRecorded(0, "nothing was touched"));
                return;
            }
            WorkingSet set = source.set(to.snapshot, this::isAhead);
            WorkingSetFile.write(to.goal.file(), set);
            Map<String, Long> numbers = new TreeMap<>();
            numbers.put("pages", set.pages());
            numbers.put("bytes", set.bytes());
            numbers.put("reads", set.pages(Touch.READ));
            numbers.put("writes", set.pages(Touch.WRITE));
            numbers.put("ahead", set.pages(Touch.AHEAD));
            numbers.put("micros", set.micros());
            events.accept(new ServerEvent(Kind.RECORDED, vm, to.goal.file().toString(), numbers));
        } catch (IOException | RuntimeException failed) {
            events.accept(notRecorded(touched, failed.toString()));
        } finally {
            forget(to.log);
        }
    }

    private void forget(@Nullable Path log) {
        if (log != null) {
            try {
                Files.deleteIfExists(log);
            } catch (IOException failed) {
                events.accept(ServerEvent.of(Kind.WARNING, vm, "cannot forget what was recorded: " + failed));
            }
        }
    }

    private ServerEvent notRecorded(long pages, String why) {
        return new ServerEvent(Kind.NOT_RECORDED, vm, why, Map.of("pages", pages));
    }

    private boolean isAhead(long page) {
        return replay != null && replay.isAhead(page) && states.get(page) == PageStates.PRESENT;
    }

    /** Everything has been installed that nobody had asked for before. */
    void replayed(long nanos) {
        if (replay != null) {
            ReplayReport report = replay.report();
            events.accept(new ServerEvent(
                    Kind.REPLAYED,
                    vm,
                    "",
                    Map.of(
                            "planned", report.planned(),
                            "installed", report.installed(),
                            "late", report.late(),
                            "held_back", report.heldBack(),
                            "micros", TimeUnit.NANOSECONDS.toMicros(nanos))));
        }
    }

    /** Ends the recording, and waits until it is written. */
    void endRecording() {
        if (recorder != null && target != null && !isWritten && !isPaused) {
            recorder.stop();
            awaitWriter();
            if (!isWritten) {
                write(recorder, target);
            }
        }
    }

    private synchronized void awaitWriter() {
        if (recording != null) {
            LockSupport.unpark(recording);
            ServedVm.join(recording);
            recording = null;
        }
    }

    private void report(ReplayReport report) {
        Map<String, Long> numbers = new TreeMap<>();
        numbers.put("planned", report.planned());
        numbers.put("installed", report.installed());
        numbers.put("late", report.late());
        numbers.put("held_back", report.heldBack());
        numbers.put("held_back_demanded", report.heldBackDemanded());
        numbers.put("missed", report.missed());
        report.useful().ifPresent(pages -> numbers.put("useful", pages));
        report.wasted().ifPresent(pages -> numbers.put("wasted", pages));
        events.accept(new ServerEvent(Kind.REPLAY_REPORT, vm, "", numbers));
    }

    /** When nobody has served the VM: what was recorded stays where it is. */
    void abandon() {
        if (recorder != null) {
            recorder.close();
        }
        if (replay != null) {
            replay.close();
        }
    }

    /** When nobody serves the VM any more. */
    @Override
    public void close() {
        endRecording();
        if (replay != null && isServed) {
            report(replay.report());
        }
        abandon();
    }
}
