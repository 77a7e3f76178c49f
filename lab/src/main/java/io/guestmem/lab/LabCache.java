package io.guestmem.lab;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.locks.ReentrantLock;
import java.util.stream.Stream;

/**
 * Directories that are made once. An entry is complete or absent: it is made in {@code .NAME-*} beside its place, under the
 * file lock {@code NAME.lock}, and renamed. What a killed process left half-made is deleted by the next one that makes the
 * same entry. Safe among threads and among processes on one machine.
 */
final class LabCache {
    /** Raised whenever what lies in an entry changes its shape. */
    private static final String FORMAT = "lab-2";

    /** File locks are per process, so threads of this one take turns here first. */
    private static final Map<Path, ReentrantLock> THREADS = new ConcurrentHashMap<>();

    private final Path directory;

    /** Makes an entry in an empty directory. */
    @FunctionalInterface
    interface Making {
        /** Fills the directory, or throws. */
        void make(Path empty) throws IOException, InterruptedException, LabUnavailableException;
    }

    LabCache(Path cacheDirectory) {
        this.directory = cacheDirectory.resolve(FORMAT);
    }

    /** The entry if it is there. */
    Optional<Path> find(String name) {
        Path entry = directory.resolve(name);
        return Files.isDirectory(entry) ? Optional.of(entry) : Optional.empty();
    }

    /** Where a file that is no entry may be kept, such as the last console log; its directory exists. */
    Path file(String name) throws IOException {
        Files.createDirectories(directory);
        return directory.resolve(name);
    }

    /**
     * The entry; made now if it is not there.
     *
     * @param bytesNeeded what making it takes at most, checked before
     * @throws LabUnavailableException from {@code making}, or when the disk has not that much room
     */
    Path obtain(String name, long bytesNeeded, Making making)
            throws IOException, InterruptedException, LabUnavailableException {
        Optional<Path> ready = find(name);
        if (ready.isPresent()) {
            return ready.get();
        }
        createDirectory();
        return locked(name, () -> {
            Path entry = directory.resolve(name);
            if (!Files.isDirectory(entry)) {
                deleteRemains(name);
                requireRoom(bytesNeeded);
                makeAndRename(name, entry, making);
            }
            return entry;
        });
    }

    /** Removes an entry, so that it is made anew. Runs that already opened its files keep them. */
    void forget(String name) throws IOException, InterruptedException, LabUnavailableException {
        createDirectory();
        locked(name, () -> {
            Path entry = directory.resolve(name);
            if (Files.isDirectory(entry)) {
                Path removed =
                        Files.createTempDirectory(directory, "." + name + "-").resolve("removed");
                Files.move(entry, removed, StandardCopyOption.ATOMIC_MOVE);
            }
            deleteRemains(name);
            return entry;
        });
    }

    /** Deletes a file or a directory with all below it; nothing happens if it is not there. Links are not followed. */
    static void delete(Path root) throws IOException {
        if (Files.isDirectory(root, LinkOption.NOFOLLOW_LINKS)) {
            try (DirectoryStream<Path> children = Files.newDirectoryStream(root)) {
                for (Path child : children) {
                    delete(child);
                }
            }
        }
        Files.deleteIfExists(root);
    }

    @FunctionalInterface
    private interface Locked {
        Path run() throws IOException, InterruptedException, LabUnavailableException;
    }

    private Path locked(String name, Locked action) throws IOException, InterruptedException, LabUnavailableException {
        Path lockFile = directory.resolve(name + ".lock").toAbsolutePath().normalize();
        ReentrantLock threads = THREADS.computeIfAbsent(lockFile, _ -> new ReentrantLock());
        threads.lockInterruptibly();
        try (FileChannel channel = FileChannel.open(lockFile, StandardOpenOption.CREATE, StandardOpenOption.WRITE);
                FileLock _ = channel.lock()) {
            return action.run();
        } finally {
            threads.unlock();
        }
    }

    private void makeAndRename(String name, Path entry, Making making)
            throws IOException, InterruptedException, LabUnavailableException {
        Path unfinished = Files.createTempDirectory(directory, "." + name + "-");
        try {
            making.make(unfinished);
            Files.move(unfinished, entry, StandardCopyOption.ATOMIC_MOVE);
        } finally {
            delete(unfinished);
        }
    }

    private void deleteRemains(String name) throws IOException {
        try (Stream<Path> all = Files.list(directory)) {
            String remains = "\\.\\Q" + name + "\\E-[0-9]+";
            for (Path path : all.filter(path -> path.getFileName().toString().matches(remains))
                    .toList()) {
                delete(path);
            }
        }
    }

    private void createDirectory() throws LabUnavailableException {
        try {
            Files.createDirectories(directory);
        } catch (IOException failed) {
            throw new LabUnavailableException(
                    "the lab's cache " + directory + " cannot be made: " + failed,
                    "set GUESTMEM_CACHE to a directory that can be written");
        }
    }

    private void requireRoom(long bytes) throws IOException, LabUnavailableException {
        long room = Files.getFileStore(directory).getUsableSpace();
        if (room < bytes) {
            throw new LabUnavailableException(
                    "the lab's cache " + directory + " has room for " + (room >> 20) + " MiB, needs " + (bytes >> 20),
                    "free some space or set GUESTMEM_CACHE to another directory");
        }
    }
}
