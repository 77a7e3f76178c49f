package io.guestmem.linux;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.PosixFilePermission;
import java.util.Objects;
import java.util.Set;

/**
 * A unix stream socket that accepts connections at a path.
 *
 * <p>Thread-safe. The descriptor blocks; wait for it with {@link Epoll} or {@link Poll} to accept without blocking.
 */
public final class UnixListener implements AutoCloseable {
    private static final int SOCK_CLOEXEC = 0x80000;
    private static final int BACKLOG = 128;

    private final Path path;
    private final Object key;
    private final FileDescriptor descriptor;

    private UnixListener(Path path, Object key, FileDescriptor descriptor) {
        this.path = path;
        this.key = key;
        this.descriptor = descriptor;
    }

    /**
     * Makes the socket file and listens there. Nobody can connect before the permissions are set.
     *
     * @param path must not exist; a stale socket is its owner's to remove
     * @param permissions who may connect: those who may write
     * @throws LinuxException {@code EADDRINUSE} if the path exists, {@code ENOENT} or {@code EACCES} for its directory
     * @throws UncheckedIOException if the permissions could not be set
     */
    public static UnixListener listen(Path path, Set<PosixFilePermission> permissions) {
        FileDescriptor socket = UnixAddress.socket(path);
        try {
            UnixAddress.attach(SystemCallNumber.BIND, socket, path);
            return listen(path, permissions, socket);
        } catch (RuntimeException failed) {
            socket.close();
            throw failed;
        }
    }

    private static UnixListener listen(Path path, Set<PosixFilePermission> permissions, FileDescriptor socket) {
        Object key = key(path);
        try {
            Files.setPosixFilePermissions(path, permissions);
            LinuxException.check(socket.call(SystemCallNumber.LISTEN, BACKLOG, 0, 0, 0), "listen", path);
            return new UnixListener(path, key, socket);
        } catch (IOException failed) {
            delete(path, key);
            throw new UncheckedIOException(failed);
        } catch (RuntimeException failed) {
            delete(path, key);
            throw failed;
        }
    }

    /**
     * Takes over a listening socket that came from another process.
     *
     * @param path where it listens; the file there now is removed by {@link #close}
     */
    public static UnixListener adopt(Path path, FileDescriptor descriptor) {
        return new UnixListener(path, key(path), descriptor);
    }

    /** Closes this copy of the socket and leaves its file to whoever has another copy. */
    public void abandon() {
        descriptor.close();
    }

    /**
     * Waits for the next connection; repeats itself when a signal interrupts it.
     *
     * @throws LinuxException {@code EMFILE} if this process has too many descriptors, {@code EINVAL} after {@link #shutdown}
     */
    public UnixSocket accept() {
        long number = LinuxException.check(
                descriptor.restarting(SystemCallNumber.ACCEPT4, 0, 0, SOCK_CLOEXEC, 0), "accept4", path);
        return UnixSocket.adopt(FileDescriptor.adopt((int) number, "connection at " + path));
    }

    /** Wakes all who wait in {@link #accept}; nobody can connect any more. */
    public void shutdown() {
        UnixSocket.shutdown(descriptor);
    }

    /** The path. */
    public Path path() {
        return path;
    }

    /** The descriptor, readable when somebody connects; it stays owned by this object. */
    public FileDescriptor descriptor() {
        return descriptor;
    }

    /**
     * Closes the socket and removes its file, unless another file stands at the path by now. A thread that waits in
     * {@link #accept} goes on waiting: {@link #shutdown} first.
     *
     * @throws UncheckedIOException if the file could not be removed
     */
    @Override
    public void close() {
        if (!descriptor.isClosed()) {
            descriptor.close();
            delete(path, key);
        }
    }

    private static Object key(Path path) {
        try {
            return Objects.requireNonNull(
                    Files.readAttributes(path, BasicFileAttributes.class, LinkOption.NOFOLLOW_LINKS)
                            .fileKey());
        } catch (IOException failed) {
            throw new UncheckedIOException(failed);
        }
    }

    private static void delete(Path path, Object key) {
        try {
            if (key.equals(key(path))) {
                Files.deleteIfExists(path);
            }
        } catch (UncheckedIOException failed) {
            if (!(failed.getCause() instanceof NoSuchFileException)) {
                throw failed;
            }
        } catch (IOException failed) {
            throw new UncheckedIOException(failed);
        }
    }
}
