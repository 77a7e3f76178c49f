package io.guestmem.pager.workingset;

import java.io.IOException;
import java.nio.BufferUnderflowException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** Reads the index of a working-set file and believes nothing. For one file. */
final class WorkingSetReader {
    private static final long CONTENTS_ALIGNMENT = 4096;

    private final Path path;
    private ByteBuffer index = ByteBuffer.allocate(0);

    WorkingSetReader(Path path) {
        this.path = path;
    }

    WorkingSetFile read(FileChannel file) throws IOException {
        long length = file.size();
        ByteBuffer head = bytes(file, Math.min(length, WorkingSetHead.SIZE));
        if (head.limit() < Long.BYTES || head.getLong(0) != WorkingSetHead.MAGIC) {
            throw wrong(0, "no working set: it does not begin with the magic number");
        }
        if (head.limit() < WorkingSetHead.SIZE) {
            throw wrong(length, "the file ends within its head");
        }
        if (head.getInt(WorkingSetHead.VERSION_AT) != WorkingSetHead.VERSION) {
            throw wrong(
                    WorkingSetHead.VERSION_AT,
                    "version " + Integer.toUnsignedString(head.getInt(WorkingSetHead.VERSION_AT)) + ", not "
                            + WorkingSetHead.VERSION);
        }
        long said = head.getLong(WorkingSetHead.FILE_LENGTH);
        if (said != length) {
            throw wrong(
                    WorkingSetHead.FILE_LENGTH,
                    "the file has " + length + " bytes, and says that it has " + Long.toUnsignedString(said));
        }
        long indexLength = head.getLong(WorkingSetHead.INDEX_LENGTH);
        if (indexLength < WorkingSetHead.SIZE || indexLength > Math.min(length, WorkingSetHead.LONGEST_INDEX)) {
            throw wrong(WorkingSetHead.INDEX_LENGTH, "an index of " + Long.toUnsignedString(indexLength) + " bytes");
        }
        index = bytes(file, indexLength);
        if (WorkingSetFile.checksum(index) != index.getInt(WorkingSetHead.CHECKSUM)) {
            throw wrong(WorkingSetHead.CHECKSUM, "the checksum of the index is wrong: the file is damaged");
        }
        return parse(length);
    }

    private ByteBuffer bytes(FileChannel file, long length) throws IOException {
        ByteBuffer bytes = ByteBuffer.allocate(Math.toIntExact(length)).order(ByteOrder.LITTLE_ENDIAN);
        while (bytes.hasRemaining()) {
            if (file.read(bytes, bytes.position()) < 0) {
                throw wrong(bytes.position(), "the file has become shorter");
            }
        }
        return bytes.flip();
    }

    private WorkingSetFile parse(long length) {
        long regions = unsigned(WorkingSetHead.REGIONS) * WorkingSetHead.REGION_SIZE;
        long files = unsigned(WorkingSetHead.SNAPSHOT_FILES) * WorkingSetHead.SNAPSHOT_FILE_SIZE;
        long entries = atMostIndex(WorkingSetHead.ENTRY_BYTES, 1);
        long pieces = atMostIndex(WorkingSetHead.PIECES, WorkingSetHead.PIECE_SIZE) * WorkingSetHead.PIECE_SIZE;
        if (WorkingSetHead.SIZE + regions + files + entries + pieces != index.limit()) {
            throw wrong(WorkingSetHead.INDEX_LENGTH, "the tables do not fill the index");
        }
        if (unsigned(WorkingSetHead.ENTRIES) * EntryCodec.FEWEST_BYTES > entries) {
            throw wrong(WorkingSetHead.ENTRIES, unsigned(WorkingSetHead.ENTRIES) + " entries in " + entries + " bytes");
        }
        index.position(WorkingSetHead.SIZE);
        MemoryRegions memory = memory();
        SnapshotIdentity snapshot = snapshot();
        WorkingSet set = set(memory, snapshot, index.position() + entries);
        return new WorkingSetFile(set, contents(set, length));
    }

    private long unsigned(int at) {
        return Integer.toUnsignedLong(index.getInt(at));
    }

    private long atMostIndex(int at, int size) {
        long count = index.getLong(at);
        if (count < 0 || count > index.limit() / size) {
            throw wrong(at, Long.toUnsignedString(count) + " are more than the index has room for");
        }
        return count;
    }

    private MemoryRegions memory() {
        int at = index.position();
        List<MemoryRegions.Extent> extents = new ArrayList<>();
        for (long i = unsigned(WorkingSetHead.REGIONS); i > 0; i--) {
            extents.add(new MemoryRegions.Extent(index.getLong(), index.getLong()));
        }
        try {
            return new MemoryRegions(index.getLong(WorkingSetHead.PAGE_SIZE), extents);
        } catch (IllegalArgumentException refused) {
            throw wrong(at, String.valueOf(refused.getMessage()));
        }
    }

    private SnapshotIdentity snapshot() {
        int at = index.position();
        List<SnapshotIdentity.Stamp> files = new ArrayList<>();
        for (long i = unsigned(WorkingSetHead.SNAPSHOT_FILES); i > 0; i--) {
            files.add(new SnapshotIdentity.Stamp(index.getLong(), index.getLong()));
        }
        try {
            return new SnapshotIdentity(files);
        } catch (IllegalArgumentException refused) {
            throw wrong(at, String.valueOf(refused.getMessage()));
        }
    }

    private WorkingSet set(MemoryRegions memory, SnapshotIdentity snapshot, long end) {
        int start = index.position();
        int runs = index.getInt(WorkingSetHead.RUNS);
        List<PageRun> order = new ArrayList<>();
        EntryCodec codec = new EntryCodec();
        ByteBuffer table = index.duplicate().limit((int) end);
        for (long i = unsigned(WorkingSetHead.ENTRIES); i > 0; i--) {
            int at = table.position();
            try {
                PageRun run = codec.read(table);
                WorkingSet.check(run, memory, runs);
                order.add(run);
            } catch (IllegalArgumentException | ArithmeticException refused) {
                throw wrong(at, String.valueOf(refused.getMessage()));
            } catch (BufferUnderflowException _) {
                throw wrong(at, "the table ends within an entry");
            }
        }
        if (table.hasRemaining()) {
            throw wrong(table.position(), "something stands behind the last entry");
        }
        index.position((int) end);
        return checked(memory, snapshot, runs, order, start);
    }

    private WorkingSet checked(
            MemoryRegions memory, SnapshotIdentity snapshot, int runs, List<PageRun> order, int start) {
        WorkingSet set;
        try {
            set = new WorkingSet(memory, snapshot, runs, order);
        } catch (IllegalArgumentException refused) {
            throw wrong(start, String.valueOf(refused.getMessage()));
        }
        if (set.pages() != index.getLong(WorkingSetHead.PAGES)) {
            throw wrong(
                    WorkingSetHead.PAGES,
                    "it says that it has " + Long.toUnsignedString(index.getLong(WorkingSetHead.PAGES))
                            + " pages, and has " + set.pages());
        }
        return set;
    }

    private Optional<Contents> contents(WorkingSet set, long fileLength) {
        long offset = index.getLong(WorkingSetHead.CONTENTS_OFFSET);
        long length = index.getLong(WorkingSetHead.CONTENTS_LENGTH);
        if (offset == 0) {
            if (length != 0 || index.hasRemaining() || fileLength != index.limit()) {
                throw wrong(WorkingSetHead.CONTENTS_OFFSET, "contents that are nowhere");
            }
            return Optional.empty();
        }
        if (offset < index.limit()
                || offset % CONTENTS_ALIGNMENT != 0
                || offset > fileLength
                || length != fileLength - offset) {
            throw wrong(WorkingSetHead.CONTENTS_OFFSET, "contents that do not reach to the end of the file");
        }
        List<Contents.Piece> pieces = pieces(set, offset, fileLength);
        List<ReplayOrder.Span> there = pieces.stream()
                .map(piece -> new ReplayOrder.Span(piece.page(), piece.pages(), 0))
                .toList();
        List<ReplayOrder.Span> wanted = set.order().stream()
                .map(run -> new ReplayOrder.Span(run.page(), run.pages(), 0))
                .toList();
        if (!ReplayOrder.joined(there, set.memory()).equals(ReplayOrder.joined(wanted, set.memory()))) {
            throw wrong(WorkingSetHead.PIECES, "the contents are of other pages than the entries");
        }
        return Optional.of(new Contents(offset, length, pieces));
    }

    private List<Contents.Piece> pieces(WorkingSet set, long offset, long fileLength) {
        long expected = offset;
        List<Contents.Piece> pieces = new ArrayList<>();
        while (index.hasRemaining()) {
            int at = index.position();
            Contents.Piece piece = new Contents.Piece(
                    index.getLong(), Integer.toUnsignedLong(index.getInt()), index.getInt(), index.getLong());
            long end = piece.page() < 0 ? -1 : set.memory().regionEnd(piece.page());
            if (piece.pages() == 0 || end < 0 || piece.pages() > end - piece.page()) {
                throw wrong(at, "content of pages that do not lie in one region");
            }
            if (!piece.isZero()) {
                if (piece.offset() != expected) {
                    throw wrong(at, "content that does not follow the piece before");
                }
                expected += piece.pages() * set.memory().pageSize();
            }
            pieces.add(piece);
        }
        if (expected != fileLength) {
            throw wrong(
                    WorkingSetHead.CONTENTS_LENGTH, "the pieces end at " + expected + ", the file at " + fileLength);
        }
        return pieces;
    }

    private WorkingSetException wrong(long at, String what) {
        return new WorkingSetException(path + ": byte " + at + ": " + what);
    }
}
