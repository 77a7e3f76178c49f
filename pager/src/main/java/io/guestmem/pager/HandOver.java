package io.guestmem.pager;

import io.guestmem.linux.FileDescriptor;
import io.guestmem.linux.Poll;
import io.guestmem.linux.PollEvents;
import io.guestmem.linux.ReceiveResult;
import io.guestmem.linux.SendResult;
import io.guestmem.linux.UnixSocket;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.SortedMap;
import java.util.SortedSet;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * How a living server gives its VMs to a new one: frames of 16 bytes over a unix socket, each with at most one descriptor.
 *
 * <pre>{@code
 * new server                          living server
 *   REQUEST                →          serves on
 *                          ←          LISTENER     + the listening socket
 *                          ←          VM 7         + its userfaultfd
 *                          ←          END
 *   prepares these VMs: all but waking them
 *   STOP                   →          stops all event threads: nobody serves from here on
 *                          ←          VM 7
 *                          ←          VM 8         + its userfaultfd: it has just connected
 *                          ←          END          has let the lock of the state directory go
 *   takes the lock, wakes all that were named last, serves
 *   TAKEN                  →          exits; without this frame it takes the lock back and serves on
 *
 * struct frame { u64 kind; u64 vm; };   // little endian
 * }</pre>
 *
 * <p>Everything else stands in the state directory. A VM that is not named after STOP needs no server any more.
 */
final class HandOver {
    private static final long LISTENER = 2;
    private static final long VM = 3;
    private static final long END = 4;
    private static final long TAKEN = 5;
    /** Another number than a request had when it stopped the server at once: such a server refuses this one, and serves on. */
    private static final long REQUEST = 6;

    private static final long STOP = 7;
    private static final long FRAME = 16;
    private static final long LIMIT_NANOS = TimeUnit.SECONDS.toNanos(10);

    private HandOver() {}

    /** What a living server gave; the descriptors belong to whoever has this object. */
    static final class Received implements AutoCloseable {
        private @Nullable FileDescriptor listener;
        private final SortedMap<Integer, FileDescriptor> userfaultfds = new TreeMap<>();

        /** The VMs whose userfaultfds were not taken yet. */
        SortedSet<Integer> vms() {
            return new TreeSet<>(userfaultfds.keySet());
        }

        /** The listening socket. */
        FileDescriptor listener() throws IOException {
            FileDescriptor given = listener;
            if (given == null) {
                throw new IOException("a hand-over without a listening socket");
            }
            return given;
        }

        /** The listening socket is the caller's from now on. */
        void takeListener() {
            listener = null;
        }

        /** The userfaultfd of a VM, to be taken once; null if none came. */
        @Nullable
        FileDescriptor takeUserfaultfd(int vm) {
            return userfaultfds.remove(vm);
        }

        @Override
        public void close() {
            userfaultfds.values().forEach(FileDescriptor::close);
            if (listener != null) {
                listener.close();
            }
        }
    }

    /** Asks a living server for all that it has; it serves on. */
    static Received ask(UnixSocket socket) throws IOException {
        request(socket);
        Received received = new Received();
        try {
            receiveAll(socket, received);
            return received;
        } catch (IOException failed) {
            received.close();
            throw failed;
        }
    }

    /** Makes a living server stop serving; returns the VMs that still need a server, when it has let the lock go. */
    static SortedSet<Integer> stop(UnixSocket socket, Received received) throws IOException {
        sayStop(socket);
        return receiveAll(socket, received);
    }

    static void request(UnixSocket socket) throws IOException {
        send(socket, REQUEST, 0);
    }

    static void sayStop(UnixSocket socket) throws IOException {
        send(socket, STOP, 0);
    }

    private static SortedSet<Integer> receiveAll(UnixSocket socket, Received received) throws IOException {
        SortedSet<Integer> named = new TreeSet<>();
        while (true) {
            Frame frame = receive(socket);
            FileDescriptor descriptor = frame.descriptor;
            if (frame.kind == END) {
                return named;
            }
            if (frame.kind == LISTENER) {
                received.listener = descriptor;
            } else {
                int vm = Math.toIntExact(frame.vm);
                named.add(vm);
                if (descriptor != null) {
                    received.userfaultfds.put(vm, descriptor);
                }
            }
        }
    }

    /** Tells the other side that it is done with. */
    static void confirm(UnixSocket socket) throws IOException {
        send(socket, TAKEN, 0);
    }

    /** Waits for a request. */
    static void awaitRequest(UnixSocket socket) throws IOException {
        expect(socket, REQUEST);
    }

    /**
     * Gives the descriptors of VMs that are served meanwhile; the caller keeps its own.
     *
     * @return the numbers of those that were given: not of those that end right now
     */
    static Set<Integer> give(UnixSocket socket, FileDescriptor listener, List<ServedVm> vms) throws IOException {
        send(socket, LISTENER, 0, listener);
        Set<Integer> given = new HashSet<>();
        for (ServedVm vm : vms) {
            try {
                send(socket, VM, vm.number(), vm.userfaultfd().descriptor());
                given.add(vm.number());
            } catch (IllegalStateException closed) {
                // Nothing was sent: it has ended.
            }
        }
        send(socket, END, 0);
        return given;
    }

    /** Waits until the other side is ready to serve. */
    static void awaitStop(UnixSocket socket) throws IOException {
        expect(socket, STOP);
    }

    /** Names the VMs that nobody serves any more, with the descriptors of those that were not given before. */
    static void name(UnixSocket socket, List<ServedVm> vms, Set<Integer> given) throws IOException {
        for (ServedVm vm : vms) {
            if (given.contains(vm.number())) {
                send(socket, VM, vm.number());
            } else {
                send(socket, VM, vm.number(), vm.userfaultfd().descriptor());
            }
        }
    }

    /** Says that all was named, and waits for the confirmation. */
    static void end(UnixSocket socket) throws IOException {
        send(socket, END, 0);
        expect(socket, TAKEN);
    }

    private static void expect(UnixSocket socket, long kind) throws IOException {
        Frame frame = receive(socket);
        if (frame.descriptor != null) {
            frame.descriptor.close();
        }
        if (frame.kind != kind) {
            throw new IOException("frame " + frame.kind + " in a hand-over, not " + kind);
        }
    }

    private static void send(UnixSocket socket, long kind, long vm, FileDescriptor... descriptors) throws IOException {
        try (Arena arena = Arena.ofConfined()) {
            SendResult result = socket.send(arena.allocateFrom(ValueLayout.JAVA_LONG, kind, vm), descriptors);
            if (result instanceof SendResult.Stopped stopped) {
                throw new IOException("hand-over: sendmsg: " + stopped.errno());
            }
        }
    }

    private record Frame(long kind, long vm, @Nullable FileDescriptor descriptor) {}

    private static Frame receive(UnixSocket socket) throws IOException {
        FileDescriptor descriptor = null;
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment frame = arena.allocate(FRAME, Long.BYTES);
            long done = 0;
            while (done < FRAME) {
                if (Poll.await(socket.descriptor(), PollEvents.READABLE, LIMIT_NANOS)
                        .isEmpty()) {
                    throw new IOException("hand-over: the other side is silent");
                }
                if (!(socket.receive(frame.asSlice(done), 1) instanceof ReceiveResult.Received received)) {
                    throw new IOException("hand-over: the other side is gone");
                }
                done += received.bytes();
                if (!received.descriptors().isEmpty()) {
                    descriptor = received.descriptors().getFirst();
                }
            }
            return new Frame(
                    frame.getAtIndex(ValueLayout.JAVA_LONG, 0), frame.getAtIndex(ValueLayout.JAVA_LONG, 1), descriptor);
        } catch (IOException failed) {
            if (descriptor != null) {
                descriptor.close();
            }
            throw failed;
        }
    }
}
