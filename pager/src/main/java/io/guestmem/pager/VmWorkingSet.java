package io.guestmem.pager;

import io.guestmem.pager.ServerEvent.Kind;
import io.guestmem.pager.workingset.Recorder;
import io.guestmem.pager.workingset.Replay;
import io.guestmem.pager.workingset.ReplayReport;
import io.guestmem.pager.workingset.SnapshotIdentity;
import io.guestmem.pager.workingset.Touch;
import io.guestmem.pager.workingset.WorkingSet;
import io.guestmem.pager.workingset.WorkingSetFile;
import java.io.IOException;
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
    private @Nullable Thread recording;

    VmWorkingSet(
            int vm,
            Consumer<ServerEvent> events,
            PageStates states,
            @Nullable Replay replay,
            @Nullable Recorder recorder) {
        this.vm = vm;
        this.events = events;
        this.states = states;
        this.replay = replay;
        this.recorder = recorder;
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

    /** Starts the thread that ends the recording and writes it. */
    void record(Path file, SnapshotIdentity snapshot, WorkingSetOptions options) {
        Recorder source = recorder;
        if (source != null) {
            long began = System.nanoTime();
            recording = Thread.ofPlatform()
                    .name("recording of VM " + vm)
                    .daemon()
                    .start(() -> {
                        awaitEnd(source, began, options);
                        write(source, file, snapshot);
                    });
        }
    }

    private static void awaitEnd(Recorder recorder, long began, WorkingSetOptions options) {
        long left = left(recorder, began, options);
        while (left > 0 && !recorder.isStopped()) {
            LockSupport.parkNanos(recorder, left);
            left = left(recorder, began, options);
        }
        recorder.stop();
    }

    /** How long it may still take, in nanoseconds. */
    private static long left(Recorder recorder, long began, WorkingSetOptions options) {
        long now = System.nanoTime();
        long left = TimeUnit.DAYS.toNanos(1);
        if (!options.limit().isZero()) {
            left = Math.min(left, options.limit().toNanos() - (now - began));
        }
        if (!options.settle().isZero()) {
            long quiet = recorder.count() == 0 ? 0 : now - recorder.last();
            left = Math.min(left, options.settle().toNanos() - quiet);
        }
        return left;
    }

    private void write(Recorder source, Path file, SnapshotIdentity snapshot) {
        long touched = source.count();
        try {
            if (touched == 0) {
                events.accept(notRecorded(0, "nothing was touched"));
                return;
            }
            WorkingSet set = source.set(snapshot, this::isAhead);
            WorkingSetFile.write(file, set);
            Map<String, Long> numbers = new TreeMap<>();
            numbers.put("pages", set.pages());
            numbers.put("bytes", set.bytes());
            numbers.put("reads", set.pages(Touch.READ));
            numbers.put("writes", set.pages(Touch.WRITE));
            numbers.put("ahead", set.pages(Touch.AHEAD));
            numbers.put("micros", set.micros());
            events.accept(new ServerEvent(Kind.RECORDED, vm, file.toString(), numbers));
        } catch (IOException | RuntimeException failed) {
            events.accept(notRecorded(touched, failed.toString()));
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
        Thread writer = recording;
        if (recorder != null && writer != null) {
            recorder.stop();
            LockSupport.unpark(writer);
            ServedVm.join(writer);
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

    /** When nobody has served the VM. */
    void abandon() {
        endRecording();
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
        if (recorder != null) {
            recorder.close();
        }
        if (replay != null) {
            report(replay.report());
            replay.close();
        }
    }
}
