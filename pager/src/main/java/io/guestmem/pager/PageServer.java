package io.guestmem.pager;

import io.guestmem.linux.Errno;
import io.guestmem.linux.EventFd;
import io.guestmem.linux.LinuxException;
import io.guestmem.linux.Poll;
import io.guestmem.linux.PollEvents;
import io.guestmem.linux.UnixListener;
import io.guestmem.linux.UnixSocket;
import io.guestmem.pager.ServerEvent.Kind;
import io.guestmem.pager.source.SnapshotFiles;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.Set;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * One snapshot, served to every VM that connects.
 *
 * <p>{@link #open} takes over what an earlier server left and listens, {@link #serve} accepts until another thread calls
 * {@link #drain} or {@link #close}, or until another server takes over. Thread-safe.
 */
public final class PageServer implements AutoCloseable {
    private static final Set<PosixFilePermission> OWNER = PosixFilePermissions.fromString("rw-------");
    private static final Set<PosixFilePermission> EVERYBODY = PosixFilePermissions.fromString("rw-rw-rw-");
    /** How often the watchdog looks until it says something. */
    private static final int LOOKS = 4;

    private static final long PAUSE_NANOS = TimeUnit.MILLISECONDS.toNanos(100);

    private final SnapshotFiles source;
    private final WorkingSets workingSets;
    private final @Nullable StateDirectory state;
    private final Consumer<ServerEvent> events;
    private final VmSet vms;
    private final ServerControl control;
    private final EventFd wake = EventFd.create();
    private final UnixListener listener;
    private final @Nullable UnixListener handOvers;
    private final @Nullable Thread handOverThread;

    /** Held while the server accepts: nothing is closed meanwhile. */
    private final Object accepting = new Object();

    /** Held while the server is drained. */
    private final Semaphore draining = new Semaphore(1);

    /** Readable when the watchdog ends. */
    private final EventFd watchEnd = EventFd.create();

    private final Thread watchdog;
    private volatile boolean leavesVms;
    private volatile boolean paused;
    private volatile boolean stopped;
    private volatile boolean handedOver;

    private PageServer(
            ServerOptions options,
            SnapshotFiles source,
            WorkingSets workingSets,
            @Nullable StateDirectory state,
            Consumer<ServerEvent> events)
            throws IOException {
        this.source = source;
        this.workingSets = workingSets;
        this.state = state;
        this.events = events;
        this.vms = new VmSet(options, source, workingSets, state, user(), events);
        this.control = new ServerControl(vms, events);
        try {
            if (state == null) {
                listener = listen(options);
                handOvers = null;
                handOverThread = null;
            } else {
                listener = takePlace(state, options);
                Files.deleteIfExists(state.handOverSocket());
                UnixListener requests = UnixListener.listen(state.handOverSocket(), OWNER);
                handOvers = requests;
                handOverThread =
                        Thread.ofPlatform().name("hand-over").daemon().start(() -> awaitHandOver(requests, state));
            }
        } catch (IOException | RuntimeException failed) {
            // VMs that were taken back are served out of the snapshot that the caller closes now: the next server has
            // them.
            vms.end(ServedVm.End.STOPPED).forEach(ServedVm::close);
            wake.close();
            watchEnd.close();
            throw failed;
        }
        long bound = options.serving().blockedAfter().toNanos();
        watchdog = Thread.ofPlatform().name("watchdog").daemon().start(() -> watch(bound));
        events.accept(ServerEvent.of(Kind.LISTENING, 0, options.socket().toString()));
    }

    /**
     * Opens the snapshot, warms up, takes over what is to be taken over, and listens.
     *
     * @param events gets every event, on any thread; must not block for long
     * @throws io.guestmem.pager.source.SnapshotException if a file is no snapshot
     * @throws LinuxException with the errno of the call that failed, {@code EADDRINUSE} if somebody listens at the socket
     * @throws ServerBusyException if another server lives on the state directory, and is not to be taken over
     * @throws IOException if the state directory cannot be used
     */
    public static PageServer open(ServerOptions options, Consumer<ServerEvent> events) throws IOException {
        SnapshotFiles source = SnapshotFiles.open(options.snapshot(), options.bases());
        StateDirectory state = null;
        WorkingSets workingSets = null;
        try {
            workingSets = WorkingSets.open(options, events);
            if (options.state().isPresent()) {
                state = StateDirectory.open(options.state().get());
            }
            warmUp(state, events);
            return new PageServer(options, source, workingSets, state, events);
        } catch (IOException | RuntimeException failed) {
            source.close();
            if (workingSets != null) {
                workingSets.close();
            }
            if (state != null) {
                state.close();
            }
            throw failed;
        }
    }

    private static void warmUp(@Nullable StateDirectory state, Consumer<ServerEvent> events) {
        try {
            WarmUp.run(state);
        } catch (IOException | LinuxException refused) {
            events.accept(ServerEvent.of(Kind.WARNING, 0, "not warmed up: " + refused.getMessage()));
        }
    }

    private static int user() throws IOException {
        return (Integer) Files.getAttribute(Path.of("/proc/self"), "unix:uid");
    }

    private static UnixListener listen(ServerOptions options) throws IOException {
        removeStale(options.socket());
        return UnixListener.listen(options.socket(), options.peers().isEmpty() ? OWNER : EVERYBODY);
    }

    /** Removes a socket that nobody listens at. */
    static void removeStale(Path path) throws IOException {
        if (!Files.exists(path, LinkOption.NOFOLLOW_LINKS)
                || !Files.readAttributes(path, BasicFileAttributes.class, LinkOption.NOFOLLOW_LINKS)
                        .isOther()) {
            return;
        }
        try (UnixSocket _ = UnixSocket.connect(path)) {
            // Somebody listens; the caller's bind(2) says so.
        } catch (LinuxException refused) {
            if (refused.errno().equals(Errno.ECONNREFUSED)) {
                Files.delete(path);
            }
        }
    }

    /** Becomes the server of a state directory: in place of a living one, or of a dead one. */
    private UnixListener takePlace(StateDirectory directory, ServerOptions options) throws IOException {
        if (!directory.tryLock() && options.takeOver()) {
            try {
                return Succession.ofLiving(vms, directory, options.socket(), events);
            } catch (LinuxException refused) {
                if (!refused.errno().equals(Errno.ECONNREFUSED)
                        && !refused.errno().equals(Errno.ENOENT)) {
                    throw refused;
                }
                // It has died since.
            }
        }
        if (!directory.tryLock()) {
            throw new ServerBusyException("another server serves from " + directory);
        }
        Succession.ofDead(vms, directory, events);
        return listen(options);
    }

    /** Accepts VMs until the server is stopped; while it is drained, until that is done. */
    public void serve() {
        synchronized (accepting) {
            acceptUntilStopped();
        }
        draining.acquireUninterruptibly();
        draining.release();
    }

    private void acceptUntilStopped() {
        List<Poll.Interest> waking = List.of(new Poll.Interest(wake.descriptor(), PollEvents.READABLE));
        List<Poll.Interest> all =
                List.of(waking.getFirst(), new Poll.Interest(listener.descriptor(), PollEvents.READABLE));
        while (!stopped) {
            List<PollEvents> ready = Poll.await(paused ? waking : all, -1);
            if (ready.getFirst().isReadable()) {
                wake.drain();
            } else if (!stopped && !paused) {
                accept(waking);
            }
        }
    }

    private void accept(List<Poll.Interest> waking) {
        try {
            vms.join(listener.accept());
        } catch (LinuxException refused) {
            events.accept(ServerEvent.of(Kind.WARNING, 0, refused.getMessage()));
            Poll.await(waking, PAUSE_NANOS);
        }
    }

    /** Whether another server has taken the VMs over. */
    public boolean isHandedOver() {
        return handedOver;
    }

    /**
     * Ends the recording of a VM and waits until it is written; nothing happens if it has ended before or was never made.
     *
     * @param vm its number
     * @return whether that VM is served
     */
    public boolean endRecording(int vm) {
        return vms.endRecording(vm);
    }

    /**
     * Accepts no more VMs and removes the sockets, gives those that are served all of their memory, and lets them go.
     *
     * @return whether no VM needs a server any more
     * @throws IOException if a socket cannot be removed
     */
    public boolean drain() throws IOException {
        draining.acquireUninterruptibly();
        try {
            stopAccepting();
            Files.deleteIfExists(listener.path());
            if (handOvers != null) {
                Files.deleteIfExists(handOvers.path());
            }
            leavesVms = !vms.end(ServedVm.End.RELEASED).isEmpty();
            return !leavesVms;
        } finally {
            draining.release();
        }
    }

    /** Whether a VM could not get all of its memory when the server was drained, and still needs one. */
    public boolean leavesVms() {
        return leavesVms;
    }

    /** What can be asked and done while the server serves. */
    public ServerControl control() {
        return control;
    }

    private void watch(long bound) {
        Watchdog looking = new Watchdog(bound, events);
        List<Poll.Interest> ending = List.of(new Poll.Interest(watchEnd.descriptor(), PollEvents.READABLE));
        while (!Poll.await(ending, bound / LOOKS).getFirst().isReadable()) {
            looking.look(control.status(), System.nanoTime());
        }
    }

    private void stopAccepting() {
        stopped = true;
        paused = true;
        wake.signal();
        vms.awaitJoined();
    }

    private void awaitHandOver(UnixListener requests, StateDirectory directory) {
        List<Poll.Interest> interests = List.of(new Poll.Interest(requests.descriptor(), PollEvents.READABLE));
        while (!stopped) {
            Poll.await(interests, -1);
            if (stopped) {
                return;
            }
            try (UnixSocket socket = requests.accept()) {
                HandOver.awaitRequest(socket);
                handOver(socket, directory);
            } catch (IOException | LinuxException failed) {
                events.accept(ServerEvent.of(Kind.WARNING, 0, "hand-over: " + failed.getMessage()));
            }
        }
    }

    private void handOver(UnixSocket socket, StateDirectory directory) throws IOException {
        Set<Integer> prepared = HandOver.give(socket, listener.descriptor(), vms.all());
        HandOver.awaitStop(socket);
        if (stopped) {
            throw new IOException("the server ends");
        }
        paused = true;
        wake.signal();
        vms.awaitJoined();
        List<ServedVm> given = vms.end(ServedVm.End.STOPPED);
        try {
            HandOver.name(socket, given, prepared);
            directory.unlock();
            HandOver.end(socket);
        } catch (IOException | RuntimeException failed) {
            // Whoever has the lock serves.
            if (directory.tryLock()) {
                vms.resumeAll(given);
                paused = false;
                wake.signal();
                throw failed;
            }
        }
        given.forEach(vm -> events.accept(ServerEvent.of(Kind.HANDED_OVER, vm.number(), "")));
        handedOver = true;
        stopped = true;
        wake.signal();
    }

    /**
     * Stops serving. VMs that still need a server wait for one that is started on the same state directory; without one they
     * wait for ever.
     */
    @Override
    public void close() throws IOException {
        stopAccepting();
        watchEnd.signal();
        ServedVm.join(watchdog);
        watchEnd.close();
        if (handOvers != null && handOverThread != null) {
            handOvers.shutdown();
            ServedVm.join(handOverThread);
            handOvers.close();
        }
        vms.end(ServedVm.End.STOPPED).forEach(ServedVm::close);
        synchronized (accepting) {
            closeAll();
        }
    }

    private void closeAll() throws IOException {
        if (handedOver) {
            listener.abandon();
        } else {
            listener.close();
        }
        source.close();
        workingSets.close();
        wake.close();
        if (state != null) {
            state.close();
        }
    }
}
