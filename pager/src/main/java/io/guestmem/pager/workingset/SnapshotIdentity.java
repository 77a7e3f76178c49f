package io.guestmem.pager.workingset;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;

/**
 * Which files a snapshot consists of, as far as can be said without reading them. A file that was changed has another time; so
 * has a copy, unless it was made with its times kept ({@code cp -p}).
 *
 * @param files the snapshot, then its bases from the oldest to the newest
 */
public record SnapshotIdentity(List<Stamp> files) {
    /** Files of one snapshot at most. */
    public static final int MOST_FILES = 256;

    /**
     * One file.
     *
     * @param length in bytes
     * @param modifiedNanos time of the last change, in nanoseconds since 1970
     */
    public record Stamp(long length, long modifiedNanos) {
        @Override
        public String toString() {
            return length + " bytes of " + Instant.EPOCH.plusNanos(modifiedNanos);
        }
    }

    /** Checks the number. */
    public SnapshotIdentity {
        files = List.copyOf(files);
        if (files.isEmpty() || files.size() > MOST_FILES) {
            throw new IllegalArgumentException("a snapshot of " + files.size() + " files");
        }
    }

    /**
     * Looks at the files of a snapshot.
     *
     * @param bases what lies below it, from the oldest to the newest
     * @throws IOException if one is not there
     */
    public static SnapshotIdentity of(Path snapshot, List<Path> bases) throws IOException {
        List<Stamp> files = new ArrayList<>();
        files.add(stamp(snapshot));
        for (Path base : bases) {
            files.add(stamp(base));
        }
        return new SnapshotIdentity(files);
    }

    private static Stamp stamp(Path file) throws IOException {
        BasicFileAttributes attributes = Files.readAttributes(file, BasicFileAttributes.class);
        return new Stamp(attributes.size(), attributes.lastModifiedTime().to(TimeUnit.NANOSECONDS));
    }

    /** Why this is another snapshot, or another state of it; empty if it is the same. */
    public Optional<String> difference(SnapshotIdentity other) {
        if (files.size() != other.files.size()) {
            return Optional.of("its snapshot has " + files.size() + " files, not " + other.files.size());
        }
        for (int i = 0; i < files.size(); i++) {
            if (!files.get(i).equals(other.files.get(i))) {
                return Optional.of(
                        "file " + (i + 1) + " of its snapshot has " + files.get(i) + ", not " + other.files.get(i));
            }
        }
        return Optional.empty();
    }
}
