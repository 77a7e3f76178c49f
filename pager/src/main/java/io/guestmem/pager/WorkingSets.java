package io.guestmem.pager;

import io.guestmem.linux.LinuxException;
import io.guestmem.pager.ServerEvent.Kind;
import io.guestmem.pager.handshake.GuestMap;
import io.guestmem.pager.workingset.MemoryRegions;
import io.guestmem.pager.workingset.PackedContents;
import io.guestmem.pager.workingset.Recorder;
import io.guestmem.pager.workingset.RecordingGoal;
import io.guestmem.pager.workingset.Replay;
import io.guestmem.pager.workingset.ReplayOrder;
import io.guestmem.pager.workingset.SnapshotIdentity;
import io.guestmem.pager.workingset.WorkingSet;
import io.guestmem.pager.workingset.WorkingSetException;
import io.guestmem.pager.workingset.WorkingSetFile;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** The working set that a server installs, and how it records others. Immutable. */
final class WorkingSets implements AutoCloseable {
    private final ServerOptions options;
    private final SnapshotIdentity snapshot;
    private final @Nullable WorkingSet set;
    private final List<ReplayOrder.Span> order;
    private final @Nullable PackedContents contents;
    private final Consumer<ServerEvent> events;

    private WorkingSets(
            ServerOptions options,
            SnapshotIdentity snapshot,
            @Nullable WorkingSet set,
            @Nullable PackedContents contents,
            Consumer<ServerEvent> events) {
        this.options = options;
        this.snapshot = snapshot;
        this.set = set;
        this.order = set == null ? List.of() : ReplayOrder.of(set);
        this.contents = contents;
        this.events = events;
    }

    /**
     * Reads the file, and its contents if it has them.
     *
     * @throws WorkingSetException if it is no working set, not of a snapshot of this length, or if its contents are not of this
     *     very snapshot
     * @throws IOException if a file cannot be read
     */
    static WorkingSets open(ServerOptions options, Consumer<ServerEvent> events) throws IOException {
        SnapshotIdentity snapshot = SnapshotIdentity.of(options.snapshot(), options.bases());
        Path path = options.workingSet().replay().orElse(null);
        if (path == null) {
            return new WorkingSets(options, snapshot, null, null, events);
        }
        WorkingSetFile file = WorkingSetFile.read(path);
        SnapshotIdentity recorded = file.set().snapshot();
        long length = snapshot.files().getFirst().length();
        if (recorded.files().getFirst().length() != length) {
            throw new WorkingSetException(path + ": it is of another snapshot: of one of "
                    + recorded.files().getFirst().length() + " bytes, not " + length);
        }
        PackedContents contents = null;
        if (file.contents().isPresent()) {
            recorded.difference(snapshot).ifPresent(difference -> {
                throw new WorkingSetException(path + ": its contents are of another snapshot: " + difference);
            });
            contents = PackedContents.read(
                    path, file.contents().get(), file.set().memory().pageSize());
        }
        return new WorkingSets(options, snapshot, file.set(), contents, events);
    }

    /**
     * For a VM that is attached now: installs and records.
     *
     * @param log where the recording outlives this process; null if it does not
     * @throws UncheckedIOException if that cannot be made
     */
    VmWorkingSet attach(int vm, GuestMap map, PageStates states, @Nullable Path log) {
        WorkingSetOptions wanted = options.workingSet();
        Path file = wanted.record().map(first -> wanted.file(first, vm)).orElse(null);
        int sample = options.prefetch() ? 0 : wanted.sample();
        if (file == null) {
            return new VmWorkingSet(vm, events, states, replay(vm, map, sample), null);
        }
        RecordingGoal goal = new RecordingGoal(file.toAbsolutePath(), wanted.settle(), wanted.limit());
        Recorder recorder = log == null ? new Recorder(map, System.nanoTime()) : recorder(log, map, goal);
        VmWorkingSet.Target target =
                new VmWorkingSet.Target(new RecordingGoal(file, wanted.settle(), wanted.limit()), snapshot, log);
        return new VmWorkingSet(vm, events, states, replay(vm, map, sample), recorder, target);
    }

    private static Recorder recorder(Path log, GuestMap map, RecordingGoal goal) {
        try {
            return Recorder.create(log, map, System.nanoTime(), goal);
        } catch (IOException failed) {
            throw new UncheckedIOException("cannot make " + log, failed);
        }
    }

    /**
     * For a VM that another server has served: what is there already is not known any more, what it had touched is if that was
     * recorded.
     *
     * @param log of the other server, if there is one
     */
    VmWorkingSet takeBack(int vm, GuestMap map, PageStates states, Path log) {
        Recorder recorder = Files.exists(log) ? reopened(vm, map, log) : null;
        if (recorder == null) {
            return new VmWorkingSet(vm, events, states, replay(vm, map, 0), null);
        }
        VmWorkingSet.Target target = new VmWorkingSet.Target(recorder.goal(), snapshot, log);
        return new VmWorkingSet(vm, events, states, replay(vm, map, 0), recorder, target);
    }

    /** Null if what is there is no recording: the VM is served all the same. */
    private @Nullable Recorder reopened(int vm, GuestMap map, Path log) {
        try {
            return Recorder.reopen(log, map);
        } catch (IllegalArgumentException | LinuxException unusable) {
            events.accept(ServerEvent.of(Kind.WARNING, vm, "its recording is lost: " + unusable.getMessage()));
            return null;
        }
    }

    private @Nullable Replay replay(int vm, GuestMap map, int sample) {
        if (set == null) {
            return null;
        }
        Optional<String> difference = set.memory().difference(MemoryRegions.of(map));
        if (difference.isPresent()) {
            events.accept(ServerEvent.of(Kind.WARNING, vm, "the working set is not replayed: " + difference.get()));
            return null;
        }
        return Replay.of(set, order, contents, map, sample, System.nanoTime());
    }

    @Override
    public void close() {
        if (contents != null) {
            contents.close();
        }
    }
}
