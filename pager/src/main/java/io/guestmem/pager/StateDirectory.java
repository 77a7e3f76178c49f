package io.guestmem.pager;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.SortedMap;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * Where a server keeps what its successor needs.
 *
 * <pre>{@code
 * DIR/lock             held by the server that serves from here; the kernel lets it go when that dies
 * DIR/hand-over.sock   where a living server is asked to hand over
 * DIR/vm-7.json        journal of VM 7
 * DIR/vm-7.pages       states of its pages
 * DIR/vm-7.dirty       pages that it has written, if that is tracked
 * DIR/vm-7.touches     pages that it has touched, if that is recorded
 * }</pre>
 */
final class StateDirectory implements AutoCloseable {
    private final Path directory;
    private final FileChannel channel;
    private @Nullable FileLock lock;

    private StateDirectory(Path directory, FileChannel channel) {
        this.directory = directory;
        this.channel = channel;
    }

    /** Opens it, and makes it if it is not there; does not lock it. */
    static StateDirectory open(Path directory) throws IOException {
        Files.createDirectories(directory);
        FileChannel channel =
                FileChannel.open(directory.resolve("lock"), StandardOpenOption.CREATE, StandardOpenOption.WRITE);
        return new StateDirectory(directory, channel);
    }

    /** Becomes the one that serves from here; false if another process is. */
    boolean tryLock() throws IOException {
        if (lock != null) {
            return true;
        }
        try {
            lock = channel.tryLock();
        } catch (OverlappingFileLockException _) {
            return false;
        }
        return lock != null;
    }

    /** Lets another server have it. */
    void unlock() throws IOException {
        if (lock != null) {
            lock.release();
            lock = null;
        }
    }

    Path handOverSocket() {
        return directory.resolve("hand-over.sock");
    }

    Path journal(int vm) {
        return directory.resolve("vm-" + vm + ".json");
    }

    Path pages(int vm) {
        return directory.resolve("vm-" + vm + ".pages");
    }

    Path dirty(int vm) {
        return directory.resolve("vm-" + vm + ".dirty");
    }

    /** What a VM has touched, if that is recorded. */
    Path touches(int vm) {
        return directory.resolve("vm-" + vm + ".touches");
    }

    /** The journals, by the numbers of their VMs. */
    SortedMap<Integer, Path> journals() throws IOException {
        SortedMap<Integer, Path> journals = new TreeMap<>();
        try (DirectoryStream<Path> files = Files.newDirectoryStream(directory, "vm-*.json")) {
            for (Path file : files) {
                String number = file.getFileName().toString().replaceAll("vm-(\\d{1,9})\\.json|.*", "$1");
                if (!number.isEmpty()) {
                    journals.put(Integer.valueOf(number), file);
                }
            }
        }
        return journals;
    }

    /** Forgets a VM. */
    void forget(int vm) throws IOException {
        Files.deleteIfExists(journal(vm));
        Files.deleteIfExists(pages(vm));
        Files.deleteIfExists(dirty(vm));
        Files.deleteIfExists(touches(vm));
    }

    @Override
    public void close() throws IOException {
        channel.close();
    }

    @Override
    public String toString() {
        return directory.toString();
    }
}
