package io.guestmem.pager.workingset;

import io.guestmem.linux.Errno;
import io.guestmem.linux.LinuxException;
import io.guestmem.linux.MappedMemory;
import io.guestmem.linux.Mapping;
import io.guestmem.linux.Sharing;
import io.guestmem.pager.source.PageSource;
import io.guestmem.pager.source.SnapshotFiles;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** Makes a working-set file that has the contents of its pages, in the order in which they are installed. */
public final class Packing {
    private static final long LONGEST_PIECE = 2 << 20;

    private final WorkingSet set;
    private final PageSource source;
    private final long pageSize;

    private Packing(WorkingSet set, PageSource source) {
        this.set = set;
        this.source = source;
        this.pageSize = set.memory().pageSize();
    }

    /**
     * Writes the file, so that it is there as a whole or not at all.
     *
     * @param to is replaced
     * @param set the pages; need not have been recorded on this snapshot, but on one of this layout
     * @param snapshot where the contents are from
     * @param bases what lies below it, from the oldest to the newest
     * @throws WorkingSetException if the snapshot has no such pages, or is changed meanwhile
     * @throws IOException if the file cannot be written
     */
    public static WorkingSetFile write(Path to, WorkingSet set, Path snapshot, List<Path> bases) throws IOException {
        SnapshotIdentity before = SnapshotIdentity.of(snapshot, bases);
        WorkingSet here = new WorkingSet(set.memory(), before, set.runs(), set.order());
        try (SnapshotFiles source = SnapshotFiles.open(snapshot, bases)) {
            long end = set.memory().extents().getLast().end();
            if (end > source.length()) {
                throw new WorkingSetException(snapshot + ": the snapshot has " + source.length()
                        + " bytes, the memory of the set reaches to " + end);
            }
            WorkingSetFile.write(to, here, file -> {
                Contents contents = new Packing(here, source).contents(file, snapshot);
                Optional<String> changed = SnapshotIdentity.of(snapshot, bases).difference(before);
                if (changed.isPresent()) {
                    throw new WorkingSetException(snapshot + ": it was changed meanwhile: " + changed.get());
                }
                return Optional.of(contents);
            });
        }
        return WorkingSetFile.read(to);
    }

    private Contents contents(FileChannel file, Path snapshot) throws IOException {
        List<Contents.Piece> plan = plan();
        long start = Math.ceilDiv(
                        WorkingSetFile.indexLength(set) + (long) plan.size() * WorkingSetHead.PIECE_SIZE,
                        MappedMemory.PAGE_SIZE)
                * MappedMemory.PAGE_SIZE;
        long at = start;
        List<Contents.Piece> written = new ArrayList<>();
        try (Mapping buffer = Mapping.anonymous(Math.max(LONGEST_PIECE, pageSize), Sharing.PRIVATE)) {
            for (Contents.Piece piece : plan) {
                if (piece.isZero()) {
                    written.add(piece);
                    continue;
                }
                MemorySegment content = buffer.segment().asSlice(0, piece.pages() * pageSize);
                read(content, piece.page() * pageSize, snapshot);
                write(file, at, content.asByteBuffer());
                written.add(new Contents.Piece(piece.page(), piece.pages(), PackedContents.checksum(content), at));
                at += content.byteSize();
            }
        }
        return new Contents(start, at - start, written);
    }

    private void read(MemorySegment into, long offset, Path snapshot) {
        long read = source.read(offset, into);
        if (read < 0) {
            throw new LinuxException("pread", Errno.ofResult(read), snapshot, offset);
        }
        if (read < into.byteSize()) {
            throw new WorkingSetException(snapshot + ": byte " + (offset + read) + ": it has become shorter");
        }
    }

    private static void write(FileChannel file, long at, ByteBuffer content) throws IOException {
        long done = 0;
        while (content.hasRemaining()) {
            done += file.write(content, at + done);
        }
    }

    /** The pieces: holes apart, and none longer than 2 MiB, unless a page is. Those with content are at 1 for now. */
    private List<Contents.Piece> plan() {
        long most = Math.max(1, LONGEST_PIECE / pageSize);
        List<Contents.Piece> plan = new ArrayList<>();
        for (ReplayOrder.Span span : ReplayOrder.of(set)) {
            for (long page = span.page(); page < span.end(); ) {
                boolean zero = isZero(page);
                long end = page + 1;
                while (end < span.end() && (zero || end - page < most) && isZero(end) == zero) {
                    end++;
                }
                plan.add(new Contents.Piece(page, end - page, 0, zero ? 0 : 1));
                page = end;
            }
        }
        return plan;
    }

    private boolean isZero(long page) {
        long offset = page * pageSize;
        int extent = source.extentAt(offset);
        return source.isZero(extent) && source.end(extent) >= offset + pageSize;
    }
}
