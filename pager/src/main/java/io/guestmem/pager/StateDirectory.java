package io.guestmem.pager;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.SortedSet;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/**
 * Where a server keeps what its successor needs.
 *
 * <pre>{@code
 * DIR/lock             held by the server that serves from here; the kernel lets it go when that dies
 * DIR/hand-over.sock   where a living server is asked to hand over
 * DIR/vm-7.json        journal of VM 7
 * DIR/vm-7.pages       states of its pages
 * DIR/vm-7.dirty       the pages that it has written, if that is tracked
 * DIR/vm-7.touches     the pages that it has touched, if that is recorded
 * DIR/warm-up/         a directory as this one, for a moment while a server starts: it takes its own memory back there
 * }</pre>
 */
final class StateDirectory implements AutoCloseable {
    private static final String PREFIX = "vm-";
    private static final String SUFFIX = ".json";

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
        return directory.resolve(PREFIX + vm + SUFFIX);
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

    /** Everything of a VM. */
    VmFiles files(int vm) {
        return new VmFiles(journal(vm), pages(vm), dirty(vm), touches(vm));
    }

    /** The numbers of the VMs whose journals are there, ascending. */
    SortedSet<Integer> vms() throws IOException {
        SortedSet<Integer> numbers = new TreeSet<>();
        try (DirectoryStream<Path> files = Files.newDirectoryStream(directory)) {
            for (Path file : files) {
                int number = number(file.getFileName().toString());
                if (number > 0) {
                    numbers.add(number);
                }
            }
        }
        return numbers;
    }

    /** The number in the name of a journal, 0 for another file; without a regular expression, as VMs wait meanwhile. */
    private static int number(String name) {
        if (!name.startsWith(PREFIX) || !name.endsWith(SUFFIX)) {
            return 0;
        }
        try {
            return Integer.parseInt(name, PREFIX.length(), name.length() - SUFFIX.length(), 10);
        } catch (NumberFormatException _) {
            return 0;
        }
    }

    /** Where a server that starts tries all of this. */
    Path warmUp() {
        return directory.resolve("warm-up");
    }

    /** Removes the directory, which has no VM. */
    void delete() throws IOException {
        Files.deleteIfExists(directory.resolve("lock"));
        Files.deleteIfExists(directory);
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
