package io.guestmem.linux;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;

/** Stream sockets of the unix domain and their addresses: what both ends share. */
final class UnixAddress {
    static final int AF_UNIX = 1;
    static final int SOCK_STREAM_CLOEXEC = 1 | 0x80000;

    private UnixAddress() {}

    /** A socket with no address. */
    static FileDescriptor socket(Path path) {
        long number = SystemCall.once(SystemCallNumber.SOCKET, AF_UNIX, SOCK_STREAM_CLOEXEC, 0);
        return FileDescriptor.adopt((int) LinuxException.check(number, "socket", path), path.toString());
    }

    /** {@code bind(2)} or {@code connect(2)}. */
    static void attach(SystemCallNumber call, FileDescriptor socket, Path path) {
        byte[] name = path.toString().getBytes(StandardCharsets.UTF_8);
        if (name.length >= SockaddrUnLayout.SIZE - SockaddrUnLayout.PATH) {
            throw new IllegalArgumentException("longer than the 107 bytes of a socket's path: " + path);
        }
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment address = arena.allocate(SockaddrUnLayout.SIZE, Short.BYTES);
            address.set(ValueLayout.JAVA_SHORT, SockaddrUnLayout.FAMILY, (short) AF_UNIX);
            MemorySegment.copy(name, 0, address, ValueLayout.JAVA_BYTE, SockaddrUnLayout.PATH, name.length);
            long result = socket.restarting(call, address.address(), SockaddrUnLayout.SIZE, 0, 0);
            LinuxException.check(result, call.call(), path);
        }
    }
}
