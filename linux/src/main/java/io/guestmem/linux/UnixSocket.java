package io.guestmem.linux;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.ref.Reference;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * A connected unix stream socket, which carries bytes and descriptors.
 *
 * <p>Thread-safe, but two threads that send, or two that receive, get each other's pieces. Calls block unless the descriptor
 * was made not to; wait with {@link Epoll} or {@link Poll} to know that they will not.
 */
public final class UnixSocket implements AutoCloseable {
    /** Descriptors that one message carries at most ({@code SCM_MAX_FD}). */
    public static final int MAXIMUM_DESCRIPTORS = 253;

    private static final int SOL_SOCKET = 1;
    private static final int SCM_RIGHTS = 1;
    private static final int SO_PEERCRED = 17;
    private static final int SHUT_RDWR = 2;
    private static final int MSG_CTRUNC = 0x8;
    private static final int MSG_TRUNC = 0x20;
    private static final int MSG_NOSIGNAL = 0x4000;
    private static final int MSG_CMSG_CLOEXEC = 0x4000_0000;

    private final FileDescriptor descriptor;

    private UnixSocket(FileDescriptor descriptor) {
        this.descriptor = descriptor;
    }

    /** Two sockets that are connected to each other. */
    public record Pair(UnixSocket first, UnixSocket second) implements AutoCloseable {
        @Override
        public void close() {
            first.close();
            second.close();
        }
    }

    /** Takes over a descriptor that is a connected unix stream socket. */
    public static UnixSocket adopt(FileDescriptor descriptor) {
        return new UnixSocket(descriptor);
    }

    /**
     * Connects to whoever listens at a path.
     *
     * @throws LinuxException {@code ENOENT} if there is no such file, {@code ECONNREFUSED} if nobody listens, {@code EACCES}
     */
    public static UnixSocket connect(Path path) {
        FileDescriptor socket = UnixAddress.socket(path);
        try {
            UnixAddress.attach(SystemCallNumber.CONNECT, socket, path);
            return new UnixSocket(socket);
        } catch (RuntimeException failed) {
            socket.close();
            throw failed;
        }
    }

    /**
     * Makes two sockets that are connected to each other.
     *
     * @throws LinuxException with the errno of {@code socketpair(2)}
     */
    public static Pair pair() {
        MemorySegment numbers = Scratch.get();
        long result = SystemCall.once(
                SystemCallNumber.SOCKETPAIR,
                UnixAddress.AF_UNIX,
                UnixAddress.SOCK_STREAM_CLOEXEC,
                0,
                numbers.address(),
                0,
                0);
        LinuxException.check(result, "socketpair");
        return new Pair(
                adopt(FileDescriptor.adopt(numbers.getAtIndex(ValueLayout.JAVA_INT, 0), "first of a socket pair")),
                adopt(FileDescriptor.adopt(numbers.getAtIndex(ValueLayout.JAVA_INT, 1), "second of a socket pair")));
    }

    /**
     * Sends all bytes, in as many calls as it takes, and copies of descriptors with the first of them. A peer that is gone is
     * an errno and no signal.
     *
     * @param bytes native memory, at least 1 byte if there are descriptors
     * @param descriptors at most {@value #MAXIMUM_DESCRIPTORS}; they stay owned by the caller
     */
    public SendResult send(MemorySegment bytes, FileDescriptor... descriptors) {
        if (descriptors.length > MAXIMUM_DESCRIPTORS || (descriptors.length > 0 && bytes.byteSize() == 0)) {
            throw new IllegalArgumentException(descriptors.length + " descriptors with " + bytes.byteSize() + " bytes");
        }
        try (Arena arena = Arena.ofConfined()) {
            Message message = new Message(arena, MAXIMUM_DESCRIPTORS);
            long sent = 0;
            while (sent < bytes.byteSize()) {
                message.setBytes(FileDescriptor.address(bytes) + sent, bytes.byteSize() - sent);
                long result = sent == 0 ? sendFirst(message, descriptors) : transmit(message);
                if (result < 0) {
                    return new SendResult.Stopped(sent, Errno.ofResult(result));
                }
                sent += result;
            }
            return new SendResult.Complete();
        } finally {
            Reference.reachabilityFence(bytes);
        }
    }

    private long sendFirst(Message message, FileDescriptor... descriptors) {
        int held = 0;
        try {
            for (FileDescriptor passed : descriptors) {
                passed.begin();
                held++;
            }
            message.setRights(descriptors);
            return transmit(message);
        } finally {
            for (int i = 0; i < held; i++) {
                descriptors[i].end();
            }
            message.setControlLength(0);
        }
    }

    private long transmit(Message message) {
        return descriptor.restarting(SystemCallNumber.SENDMSG, message.address(), MSG_NOSIGNAL, 0, 0);
    }

    /**
     * Receives what is there, and waits if nothing is.
     *
     * @param into native memory, at least 1 byte
     * @param maximum descriptors that are accepted, 0 to {@value #MAXIMUM_DESCRIPTORS}; the kernel closes any surplus
     */
    public ReceiveResult receive(MemorySegment into, int maximum) {
        if (maximum < 0 || maximum > MAXIMUM_DESCRIPTORS || into.byteSize() == 0) {
            throw new IllegalArgumentException(maximum + " descriptors with " + into.byteSize() + " bytes");
        }
        try (Arena arena = Arena.ofConfined()) {
            Message message = new Message(arena, maximum);
            message.setBytes(FileDescriptor.address(into), into.byteSize());
            message.setControlLength(maximum == 0 ? 0 : Message.controlLength(maximum));
            long result = descriptor.restarting(SystemCallNumber.RECVMSG, message.address(), MSG_CMSG_CLOEXEC, 0, 0);
            if (result < 0) {
                return new ReceiveResult.Refused(Errno.ofResult(result));
            }
            if (result == 0) {
                return new ReceiveResult.EndOfStream();
            }
            return new ReceiveResult.Received(
                    result, message.rights(), (message.flags() & MSG_TRUNC) != 0, (message.flags() & MSG_CTRUNC) != 0);
        } finally {
            Reference.reachabilityFence(into);
        }
    }

    /**
     * Who is at the other end.
     *
     * @throws LinuxException with the errno of {@code getsockopt(2)}
     */
    public PeerCredentials peer() {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment credentials = arena.allocate(UcredLayout.SIZE, Integer.BYTES);
            MemorySegment length = arena.allocateFrom(ValueLayout.JAVA_INT, (int) UcredLayout.SIZE);
            long result = descriptor.call(
                    SystemCallNumber.GETSOCKOPT, SOL_SOCKET, SO_PEERCRED, credentials.address(), length.address());
            LinuxException.check(result, "getsockopt", "SO_PEERCRED", descriptor);
            return new PeerCredentials(
                    credentials.get(ValueLayout.JAVA_INT, UcredLayout.PID),
                    credentials.get(ValueLayout.JAVA_INT, UcredLayout.UID),
                    credentials.get(ValueLayout.JAVA_INT, UcredLayout.GID));
        }
    }

    /** Ends the connection for everybody who has a copy of it, and wakes who waits in {@link #receive}. */
    public void shutdown() {
        shutdown(descriptor);
    }

    static void shutdown(FileDescriptor socket) {
        LinuxException.check(socket.call(SystemCallNumber.SHUTDOWN, SHUT_RDWR, 0, 0, 0), "shutdown", socket);
    }

    /** The descriptor, to wait for; it stays owned by this object. */
    public FileDescriptor descriptor() {
        return descriptor;
    }

    /** Closes this copy. A thread that waits in {@link #receive} goes on waiting: {@link #shutdown} first. */
    @Override
    public void close() {
        descriptor.close();
    }

    /** A {@code msghdr} with one piece of memory and room for one control message. */
    private static final class Message {
        private final MemorySegment header;
        private final MemorySegment vector;
        private final MemorySegment control;

        Message(Arena arena, int descriptors) {
            header = arena.allocate(MsghdrLayout.SIZE, Long.BYTES);
            vector = arena.allocate(IovecLayout.SIZE, Long.BYTES);
            control = arena.allocate(controlLength(descriptors), Long.BYTES);
            header.set(ValueLayout.JAVA_LONG, MsghdrLayout.IOV, vector.address());
            header.set(ValueLayout.JAVA_LONG, MsghdrLayout.IOVLEN, 1);
            header.set(ValueLayout.JAVA_LONG, MsghdrLayout.CONTROL, control.address());
        }

        /** Exactly: rounded up as {@code CMSG_SPACE} does, the kernel would put one descriptor more into it. */
        static long controlLength(int descriptors) {
            return CmsghdrLayout.SIZE + (long) descriptors * Integer.BYTES;
        }

        long address() {
            return header.address();
        }

        int flags() {
            return header.get(ValueLayout.JAVA_INT, MsghdrLayout.FLAGS);
        }

        void setBytes(long address, long length) {
            vector.set(ValueLayout.JAVA_LONG, IovecLayout.BASE, address);
            vector.set(ValueLayout.JAVA_LONG, IovecLayout.LEN, length);
        }

        void setControlLength(long length) {
            header.set(ValueLayout.JAVA_LONG, MsghdrLayout.CONTROLLEN, length);
        }

        void setRights(FileDescriptor... descriptors) {
            if (descriptors.length == 0) {
                return;
            }
            long length = controlLength(descriptors.length);
            control.set(ValueLayout.JAVA_LONG, CmsghdrLayout.LEN, length);
            control.set(ValueLayout.JAVA_INT, CmsghdrLayout.LEVEL, SOL_SOCKET);
            control.set(ValueLayout.JAVA_INT, CmsghdrLayout.TYPE, SCM_RIGHTS);
            for (int i = 0; i < descriptors.length; i++) {
                control.set(ValueLayout.JAVA_INT, controlLength(i), descriptors[i].number());
            }
            setControlLength(length);
        }

        /** No other option is set on the socket, so a control message can only be this one, and there is only one. */
        List<FileDescriptor> rights() {
            List<FileDescriptor> descriptors = new ArrayList<>();
            if (header.get(ValueLayout.JAVA_LONG, MsghdrLayout.CONTROLLEN) > CmsghdrLayout.SIZE) {
                long end = control.get(ValueLayout.JAVA_LONG, CmsghdrLayout.LEN);
                for (long at = CmsghdrLayout.SIZE; at < end; at += Integer.BYTES) {
                    descriptors.add(FileDescriptor.adopt(control.get(ValueLayout.JAVA_INT, at), "received"));
                }
            }
            return descriptors;
        }
    }
}
