package io.guestmem.pager.source;

import io.guestmem.linux.Advice;
import io.guestmem.linux.Errno;
import io.guestmem.linux.FileDescriptor;
import io.guestmem.linux.FileStatus;
import io.guestmem.linux.LinuxException;
import io.guestmem.linux.MappedMemory;
import io.guestmem.linux.Mapping;
import io.guestmem.linux.OpenMode;
import io.guestmem.linux.Protection;
import io.guestmem.linux.Sharing;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;

/** One file of a snapshot, open and mapped. */
final class Layer implements AutoCloseable {
    private static final long PAGE = MappedMemory.PAGE_SIZE;

    private final FileDescriptor file;
    private final Mapping mapping;
    private final long length;

    /** Whether {@code mincore(2)} tells the truth: of a file of others that this process may not write it says that all is there. */
    private final boolean residencyIsTold;

    /** Up to where the file can be read; only ever becomes less. */
    private volatile long limit;

    private Layer(FileDescriptor file, Mapping mapping, long length, boolean residencyIsTold) {
        this.file = file;
        this.mapping = mapping;
        this.length = length;
        this.residencyIsTold = residencyIsTold;
        this.limit = length;
    }

    static Layer open(Path path) {
        FileDescriptor file = FileDescriptor.open(path, OpenMode.READ);
        try {
            FileStatus status = file.status();
            if (!status.isRegular()) {
                throw new SnapshotException(path + ": not a regular file");
            }
            if (status.size() == 0 || status.size() % PAGE != 0) {
                throw new SnapshotException(
                        path + ": " + status.size() + " bytes, which is not a positive multiple of the page size");
            }
            Mapping mapping = Mapping.of(file, 0, status.size(), Protection.READ, Sharing.SHARED);
            return new Layer(file, mapping, status.size(), Files.isWritable(path));
        } catch (RuntimeException failed) {
            file.close();
            throw failed;
        }
    }

    long length() {
        return length;
    }

    long limit() {
        return limit;
    }

    long address(long offset) {
        return mapping.address() + offset;
    }

    /** Where data begins at {@code offset} or behind it; the length if only a hole follows. */
    long dataFrom(long offset) {
        if (offset >= length) {
            return length;
        }
        long found = file.seekData(offset);
        if (found == -Errno.ENXIO.number()) {
            return length;
        }
        return Math.max(offset, LinuxException.check(found, "lseek", file, "SEEK_DATA", offset) & -PAGE);
    }

    /** Where the data ends that begins in the page at {@code offset}, which need not be at the page's first byte. */
    long holeFrom(long offset) {
        long data = LinuxException.check(file.seekData(offset), "lseek", file, "SEEK_DATA", offset);
        long found = LinuxException.check(file.seekHole(data), "lseek", file, "SEEK_HOLE", data);
        return Math.min(length, Math.ceilDiv(found, PAGE) * PAGE);
    }

    /** Whether the file is as long as it was at least. */
    boolean refresh() {
        long now = file.seekEnd();
        if (now < limit) {
            limit = Math.max(0, now & -PAGE);
        }
        return limit == length;
    }

    /** Reads what is not in memory yet; to populate what is there already costs a seventh of copying it. */
    void prepare(long from, long to) {
        if (residencyIsTold && mapping.residentPages(from, to - from) == (to - from) / PAGE) {
            return;
        }
        mapping.advise(Advice.POPULATE_READ, from, to - from);
    }

    void announce(long from, long to) {
        mapping.advise(Advice.WILL_NEED, from, to - from);
    }

    /** Bytes read, fewer than wanted only at the end of the file, or a negated errno. */
    long read(long offset, MemorySegment into) {
        long done = 0;
        while (done < into.byteSize()) {
            long read = file.readAt(offset + done, into.asSlice(done));
            if (read < 0) {
                return read;
            }
            if (read == 0) {
                break;
            }
            done += read;
        }
        return done;
    }

    @Override
    public void close() {
        mapping.close();
        file.close();
    }
}
