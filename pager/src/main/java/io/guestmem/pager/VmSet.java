package io.guestmem.pager;

import io.guestmem.linux.LinuxException;
import io.guestmem.linux.PeerCredentials;
import io.guestmem.linux.UnixSocket;
import io.guestmem.pager.ServerEvent.Kind;
import io.guestmem.pager.handshake.GuestMap;
import io.guestmem.pager.handshake.HandshakeException;
import io.guestmem.pager.handshake.HandshakeReader;
import io.guestmem.pager.source.PageSource;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * The VMs of a server and their event threads. Its monitor guards the collections and is never held while a thread is waited
 * for.
 */
final class VmSet {
    private static final long HANDSHAKE_LIMIT_NANOS = TimeUnit.SECONDS.toNanos(10);

    private final ServerOptions options;
    private final Admission admission;
    private final WorkingSets workingSets;
    private final @Nullable StateDirectory state;
    private final Consumer<ServerEvent> events;
    private final int ownUser;
    private final Map<ServedVm, Thread> vms = new HashMap<>();
    private int next = 1;
    private int joining;
    private long attached;

    /** Who stops serving now is not served again by this server. */
    private boolean stopping;

    private long refused;

    VmSet(
            ServerOptions options,
            PageSource source,
            WorkingSets workingSets,
            @Nullable StateDirectory state,
            int ownUser,
            Consumer<ServerEvent> events) {
        this.options = options;
        this.admission = new Admission(options, source, workingSets, state, events);
        this.workingSets = workingSets;
        this.state = state;
        this.ownUser = ownUser;
        this.events = events;
    }

    /** Serves whoever has connected, on a thread of its own. */
    void join(UnixSocket connection) {
        int number = reserve();
        Thread.ofPlatform().name("VM " + number).daemon().start(() -> {
            try (connection) {
                ServedVm vm = attach(connection, number);
                if (vm != null) {
                    run(vm);
                }
            }
        });
    }

    private synchronized int reserve() {
        joining++;
        return next++;
    }

    private synchronized void joined(@Nullable ServedVm vm) {
        joining--;
        if (vm != null) {
            vms.put(vm, Thread.currentThread());
            attached++;
        } else {
            refused++;
        }
        notifyAll();
    }

    private @Nullable ServedVm attach(UnixSocket connection, int number) {
        ServedVm vm = null;
        try {
            PeerCredentials peer = connection.peer();
            if (peer.uid() != ownUser && !options.peers().contains(peer.uid())) {
                throw new HandshakeException("a process of user " + peer.uid() + ", which may not");
            }
            vm = admission.attach(number, peer, HandshakeReader.read(connection, HANDSHAKE_LIMIT_NANOS));
        } catch (HandshakeException | LinuxException | UncheckedIOException refused) {
            events.accept(ServerEvent.of(Kind.REFUSED, number, String.valueOf(refused.getMessage())));
        } finally {
            joined(vm);
        }
        return vm;
    }

    /**
     * A VM that is served.
     *
     * @throws IOException if there is none
     */
    ServedVm vm(int number) throws IOException {
        return find(number).orElseThrow(() -> new IOException("there is no VM " + number));
    }

    private Optional<ServedVm> find(int number) {
        return copy().keySet().stream().filter(vm -> vm.number() == number).findFirst();
    }

    /** Serves the VM until it needs no more, on the running thread. */
    void run(ServedVm vm) {
        vm.workingSet().begin();
        ServedVm.End end = vm.serve(options.prefetch(), () -> {
            if (options.serving().collapse()) {
                new VmRequests(vm, events).collapseNow();
            }
        });
        if (end == ServedVm.End.STOPPED) {
            vm.workingSet().pause();
            return;
        }
        synchronized (this) {
            vms.remove(vm);
        }
        vm.close();
        forget(vm.number());
        if (end == ServedVm.End.RELEASED) {
            events.accept(ServerEvent.of(Kind.RELEASED, vm.number(), ""));
        }
        events.accept(ServerEvent.detached(vm.number(), vm.counters()));
    }

    private void forget(int number) {
        if (state != null) {
            try {
                state.forget(number);
            } catch (IOException failed) {
                events.accept(ServerEvent.of(Kind.WARNING, number, "cannot forget it: " + failed));
            }
        }
    }

    /** A number that another server has given is not given again. */
    synchronized void reserve(int number) {
        next = Math.max(next, number + 1);
    }

    /** What a VM of an earlier server has of the working set, and what of its recording. */
    VmWorkingSet takeBack(int number, GuestMap map, PageStates states, Path touches) {
        return workingSets.takeBack(number, map, states, touches);
    }

    /** The running thread serves a VM from now on, by {@link #run}. */
    synchronized void begin(ServedVm vm) {
        vms.put(vm, Thread.currentThread());
    }

    /** Makes VMs of what is handed over. */
    Admission admission() {
        return admission;
    }

    /** Writes what was recorded of a VM that has ended while nobody served it; if that cannot be, it is said. */
    void finishRecording(StateDirectory directory, int number) {
        if (Files.exists(directory.touches(number))) {
            try {
                finishRecording(number, directory.files(number));
            } catch (IOException | RuntimeException failed) {
                events.accept(ServerEvent.of(Kind.WARNING, number, "its recording is lost: " + failed.getMessage()));
            }
        }
    }

    private void finishRecording(int number, VmFiles files) throws IOException {
        Journal journal = Journal.read(files.journal());
        if (!journal.snapshot().equals(admission.snapshot())) {
            throw new IOException("it ran on another snapshot: " + journal.snapshot());
        }
        try (PageStates states = PageStates.reopen(files.pages(), journal.map().pages());
                VmWorkingSet ended = workingSets.takeBack(number, journal.map(), states, files.touches())) {
            ended.endRecording();
        }
    }

    /** Serves VMs again that nobody has taken over. */
    synchronized void resumeAll(List<ServedVm> given) {
        stopping = false;
        given.forEach(this::resume);
    }

    /** Serves a VM that nobody serves any more. */
    private void resume(ServedVm vm) {
        vm.resume();
        Thread thread = Thread.ofPlatform().name("VM " + vm.number()).daemon().unstarted(() -> run(vm));
        synchronized (this) {
            vms.put(vm, thread);
        }
        thread.start();
    }

    /** Waits until all who have connected are served or refused. */
    synchronized void awaitJoined() {
        boolean interrupted = false;
        while (joining > 0) {
            try {
                wait();
            } catch (InterruptedException _) {
                interrupted = true;
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    /** All VMs in the order of their numbers. */
    List<ServedVm> all() {
        return copy().keySet().stream()
                .sorted(Comparator.comparingInt(ServedVm::number))
                .toList();
    }

    synchronized long attached() {
        return attached;
    }

    synchronized long refused() {
        return refused;
    }

    /**
     * Gives a VM the rest of its memory and lets it go; returns when that is done.
     *
     * @throws IOException if it cannot get all, and is served as before; or if that is being done
     */
    void release(ServedVm vm) throws IOException {
        Thread thread = copy().get(vm);
        if (!vm.release()) {
            throw new IOException("it is being released");
        }
        if (thread != null) {
            ServedVm.join(thread);
        }
        synchronized (this) {
            if (vms.containsKey(vm)) {
                if (stopping) {
                    throw new IOException("the server stops serving");
                }
                resume(vm);
                throw new IOException("it cannot get all of its memory, and is served as before");
            }
        }
    }

    /** Asks all for an end and waits for it; returns the VMs that still need a server, with their descriptors open. */
    List<ServedVm> end(ServedVm.End how) {
        synchronized (this) {
            stopping = true;
        }
        Map<ServedVm, Thread> all = copy();
        if (how == ServedVm.End.STOPPED) {
            // An installer may be at a disk: faults are served meanwhile.
            for (ServedVm vm : all.keySet()) {
                vm.stopInstaller();
            }
        }
        for (ServedVm vm : all.keySet()) {
            if (how == ServedVm.End.RELEASED) {
                vm.release();
            } else {
                vm.ask(how);
            }
        }
        for (Thread thread : all.values()) {
            ServedVm.join(thread);
        }
        return new ArrayList<>(copy().keySet());
    }

    /** Ends the recording of a VM; whether it is served. */
    boolean endRecording(int number) {
        Optional<ServedVm> found = find(number);
        found.ifPresent(ServedVm::endRecording);
        return found.isPresent();
    }

    private synchronized Map<ServedVm, Thread> copy() {
        return new HashMap<>(vms);
    }
}
