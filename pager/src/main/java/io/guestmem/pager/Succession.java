package io.guestmem.pager;

import io.guestmem.linux.FileDescriptor;
import io.guestmem.linux.LinuxException;
import io.guestmem.linux.ResourceUsage;
import io.guestmem.linux.UnixListener;
import io.guestmem.linux.UnixSocket;
import io.guestmem.pager.ServerEvent.Kind;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Map;
import java.util.SortedMap;
import java.util.SortedSet;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Puts this server in the place of an earlier one on the same state directory, dead or living. All VMs at once, each on its own
 * thread; what is not needed to serve them comes after they are served.
 */
final class Succession implements AutoCloseable {
    /** A process is calm that takes less than a tenth of a processor. */
    private static final long LOOK_NANOS = TimeUnit.MILLISECONDS.toNanos(20);

    private static final long CALM_MICROS = 2000;
    private static final int MOST_LOOKS = 50;

    private final VmSet vms;
    private final StateDirectory directory;
    private final Consumer<ServerEvent> events;
    private final SortedMap<Integer, InheritedVm> inherited = new TreeMap<>();

    /** From when on nobody has served. */
    private long began = System.nanoTime();

    private boolean done;

    private Succession(VmSet vms, StateDirectory directory, Consumer<ServerEvent> events) {
        this.vms = vms;
        this.directory = directory;
        this.events = events;
    }

    /** Serves what a dead server has left; the directory is locked. */
    static void ofDead(VmSet vms, StateDirectory directory, Consumer<ServerEvent> events) throws IOException {
        try (Succession succession = new Succession(vms, directory, events)) {
            for (int number : directory.vms()) {
                succession.prepare(number, null).serve();
            }
            succession.report();
        }
    }

    /**
     * Serves what a living server serves, which it does until all is prepared here.
     *
     * @param socket the path of the socket that it accepts at
     * @return that socket
     * @throws IOException if that cannot be, and the living server serves on
     * @throws LinuxException {@code ECONNREFUSED} or {@code ENOENT} if there is no living server
     */
    static UnixListener ofLiving(VmSet vms, StateDirectory directory, Path socket, Consumer<ServerEvent> events)
            throws IOException {
        try (UnixSocket living = UnixSocket.connect(directory.handOverSocket());
                HandOver.Received received = HandOver.ask(living);
                Succession succession = new Succession(vms, directory, events)) {
            UnixListener adopted = UnixListener.adopt(socket, received.listener());
            succession.takeOver(living, received);
            received.takeListener();
            return adopted;
        }
    }

    private void takeOver(UnixSocket living, HandOver.Received received) throws IOException {
        for (int number : received.vms()) {
            prepare(number, received.takeUserfaultfd(number));
        }
        for (Map.Entry<Integer, InheritedVm> vm : inherited.entrySet()) {
            check(vm.getKey(), vm.getValue(), vm.getValue().awaitPrepared());
        }
        awaitCalm();
        began = System.nanoTime();
        SortedSet<Integer> left = HandOver.stop(living, received);
        if (!directory.tryLock()) {
            throw new IOException("a hand-over without the lock");
        }
        for (int number : left) {
            InheritedVm prepared = inherited.get(number);
            InheritedVm vm = prepared == null ? prepare(number, received.takeUserfaultfd(number)) : prepared;
            vm.serve();
        }
        for (Map.Entry<Integer, InheritedVm> vm : inherited.entrySet()) {
            if (!left.contains(vm.getKey())) {
                vm.getValue().drop();
            }
            check(vm.getKey(), vm.getValue(), vm.getValue().awaitDecided());
        }
        HandOver.confirm(living);
        inherited.keySet().retainAll(left);
        report();
    }

    /**
     * The compiler still works on what has just become hot, and would take the processors from those who serve. Nobody waits
     * meanwhile, as the living server serves.
     */
    private static void awaitCalm() {
        long before = busyMicros();
        for (int look = 0; look < MOST_LOOKS; look++) {
            LockSupport.parkNanos(LOOK_NANOS);
            long now = busyMicros();
            if (now - before < CALM_MICROS) {
                return;
            }
            before = now;
        }
    }

    private static long busyMicros() {
        ResourceUsage usage = ResourceUsage.ofProcess();
        return usage.userMicroseconds() + usage.systemMicroseconds();
    }

    private static void check(int number, InheritedVm vm, InheritedVm.Step step) throws IOException {
        if (step == InheritedVm.Step.FAILED) {
            throw new IOException("VM " + number + " cannot be taken over: " + vm.reason());
        }
    }

    private InheritedVm prepare(int number, @Nullable FileDescriptor userfaultfd) {
        vms.reserve(number);
        InheritedVm vm = InheritedVm.start(vms, number, directory.files(number), userfaultfd);
        inherited.put(number, vm);
        return vm;
    }

    /** Says of each VM what has become of it, when that is decided. */
    private void report() throws IOException {
        for (Map.Entry<Integer, InheritedVm> entry : inherited.entrySet()) {
            int number = entry.getKey();
            InheritedVm vm = entry.getValue();
            switch (vm.awaitDecided()) {
                case SERVED -> {
                    long micros = TimeUnit.NANOSECONDS.toMicros(vm.wokenAt() - began);
                    Map<String, Long> numbers = Map.of("pid", vm.pid(), "micros", micros, "began", began);
                    events.accept(new ServerEvent(Kind.RECOVERED, number, "", numbers));
                }
                case GONE -> {
                    vms.finishRecording(directory, number);
                    directory.forget(number);
                    events.accept(ServerEvent.of(Kind.DETACHED, number, "it had ended before"));
                }
                case FAILED ->
                    events.accept(ServerEvent.of(Kind.WARNING, number, "cannot be served again: " + vm.reason()));
                default -> {}
            }
        }
        done = true;
    }

    /** If it was not done, serves none of the VMs any more and lets the lock go, so that the living server can have it again. */
    @Override
    public void close() throws IOException {
        if (!done) {
            for (InheritedVm vm : inherited.values()) {
                vm.drop();
                vm.awaitDecided();
            }
            vms.end(ServedVm.End.STOPPED);
            directory.unlock();
        }
    }
}
