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
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * How a living server gives its VMs to a new one: frames of 16 bytes over a unix socket, each with at most one descriptor.
 *
 * <pre>{@code
 * new server                          living server
 *   REQUEST                →          stops all event threads: nobody serves from here on
 *                          ←          LISTENER     + the listening socket
 *                          ←          VM 7         + its userfaultfd
 *                          ←          END          lets the lock of the state directory go
 *   takes the lock
 *   TAKEN                  →          exits; without this frame it takes the lock back and serves on
 *   wakes, serves
 *
 * struct frame { u64 kind; u64 vm; };   // little endian
 * }</pre>
 *
 * <p>Everything else stands in the state directory.
 */
final class HandOver {
    private static final long REQUEST = 1;
    private static final long LISTENER = 2;
    private static final long VM = 3;
    private static final long END = 4;
    private static final long TAKEN = 5;
    private static final long FRAME = 16;
    private static final long LIMIT_NANOS = TimeUnit.SECONDS.toNanos(10);

    private HandOver() {}

    /** What a living server gave; the descriptors belong to whoever has this object. */
    static final class Received implements AutoCloseable {
        private @Nullable FileDescriptor listener;
        private final SortedMap<Integer, FileDescriptor> userfaultfds = new TreeMap<>();

        /** The listening socket, to be taken once. */
        @Nullable
        FileDescriptor takeListener() {
            FileDescriptor taken = listener;
            listener = null;
            return taken;
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

    /** Asks a living server; returns when it has stopped serving and given all. */
    static Received ask(UnixSocket socket) throws IOException {
        send(socket, REQUEST, 0);
        Received received = new Received();
        try {
            while (true) {
                Frame frame = receive(socket);
                FileDescriptor descriptor = frame.descriptor;
                if (frame.kind == END) {
                    return received;
                }
                if (descriptor == null) {
                    throw new IOException("a hand-over without a descriptor");
                }
                if (frame.kind == LISTENER) {
                    received.listener = descriptor;
                } else {
                    received.userfaultfds.put(Math.toIntExact(frame.vm), descriptor);
                }
            }
        } catch (IOException failed) {
            received.close();
            throw failed;
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

    /** Gives descriptors, of which the caller keeps its own. */
    static void give(UnixSocket socket, FileDescriptor listener, Map<Integer, FileDescriptor> userfaultfds)
            throws IOException {
        send(socket, LISTENER, 0, listener);
        for (Map.Entry<Integer, FileDescriptor> vm : userfaultfds.entrySet()) {
            send(socket, VM, vm.getKey(), vm.getValue());
        }
    }

    /** Says that all was given, and waits for the confirmation. */
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
