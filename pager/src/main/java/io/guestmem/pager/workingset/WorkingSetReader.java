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
    private static final long LONGEST_INDEX = 1L << 30;
    private static final long CONTENTS_ALIGNMENT = 4096;

    private final Path path;
    private ByteBuffer index = ByteBuffer.allocate(0);

    WorkingSetReader(Path path) {
        this.path = path;
    }

    WorkingSetFile read(FileChannel file) throws IOException {
        long length = file.size();
        ByteBuffer head = bytes(file, Math.min(length, HeadLayout.SIZE));
        if (head.limit() < Long.BYTES || head.getLong(0) != HeadLayout.MAGIC) {
            throw wrong(0, "no working set: it does not begin with the magic number");
        }
        if (head.limit() < HeadLayout.SIZE) {
            throw wrong(length, "the file ends within its head");
        }
        if (head.getInt(HeadLayout.VERSION_AT) != HeadLayout.VERSION) {
            throw wrong(
                    HeadLayout.VERSION_AT,
                    "version " + Integer.toUnsignedString(head.getInt(HeadLayout.VERSION_AT)) + ", not "
                            + HeadLayout.VERSION);
        }
        long said = head.getLong(HeadLayout.FILE_LENGTH);
        if (said != length) {
            throw wrong(
                    HeadLayout.FILE_LENGTH,
                    "the file has " + length + " bytes, and says that it has " + Long.toUnsignedString(said));
        }
        long indexLength = head.getLong(HeadLayout.INDEX_LENGTH);
        if (indexLength < HeadLayout.SIZE || indexLength > Math.min(length, LONGEST_INDEX)) {
            throw wrong(HeadLayout.INDEX_LENGTH, "an index of " + Long.toUnsignedString(indexLength) + " bytes");
        }
        index = bytes(file, indexLength);
        if (WorkingSetFile.checksum(index) != index.getInt(HeadLayout.CHECKSUM)) {
            throw wrong(HeadLayout.CHECKSUM, "the checksum of the index is wrong: the file is damaged");
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
        long regions = unsigned(HeadLayout.REGIONS) * HeadLayout.REGION_SIZE;
        long files = unsigned(HeadLayout.SNAPSHOT_FILES) * HeadLayout.SNAPSHOT_FILE_SIZE;
        long entries = atMostIndex(HeadLayout.ENTRY_BYTES, 1);
        long pieces = atMostIndex(HeadLayout.PIECES, HeadLayout.PIECE_SIZE) * HeadLayout.PIECE_SIZE;
        if (HeadLayout.SIZE + regions + files + entries + pieces != index.limit()) {
            throw wrong(HeadLayout.INDEX_LENGTH, "the tables do not fill the index");
        }
        if (unsigned(HeadLayout.ENTRIES) * EntryCodec.FEWEST_BYTES > entries) {
            throw wrong(HeadLayout.ENTRIES, unsigned(HeadLayout.ENTRIES) + " entries in " + entries + " bytes");
        }
        index.position(HeadLayout.SIZE);
        MemoryLayout layout = layout();
        SnapshotIdentity snapshot = snapshot();
        WorkingSet set = set(layout, snapshot, index.position() + entries);
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

    private MemoryLayout layout() {
        int at = index.position();
        List<MemoryLayout.Extent> extents = new ArrayList<>();
        for (long i = unsigned(HeadLayout.REGIONS); i > 0; i--) {
            extents.add(new MemoryLayout.Extent(index.getLong(), index.getLong()));
        }
        try {
            return new MemoryLayout(index.getLong(HeadLayout.PAGE_SIZE), extents);
        } catch (IllegalArgumentException refused) {
            throw wrong(at, String.valueOf(refused.getMessage()));
        }
    }

    private SnapshotIdentity snapshot() {
        int at = index.position();
        List<SnapshotIdentity.Stamp> files = new ArrayList<>();
        for (long i = unsigned(HeadLayout.SNAPSHOT_FILES); i > 0; i--) {
            files.add(new SnapshotIdentity.Stamp(index.getLong(), index.getLong()));
        }
        try {
            return new SnapshotIdentity(files);
        } catch (IllegalArgumentException refused) {
            throw wrong(at, String.valueOf(refused.getMessage()));
        }
    }

    private WorkingSet set(MemoryLayout layout, SnapshotIdentity snapshot, long end) {
        int start = index.position();
        int runs = index.getInt(HeadLayout.RUNS);
        List<PageRun> order = new ArrayList<>();
        EntryCodec codec = new EntryCodec();
        ByteBuffer table = index.duplicate().limit((int) end);
        for (long i = unsigned(HeadLayout.ENTRIES); i > 0; i--) {
            int at = table.position();
            try {
                PageRun run = codec.read(table);
                WorkingSet.check(run, layout, runs);
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
        return checked(layout, snapshot, runs, order, start);
    }

    private WorkingSet checked(
            MemoryLayout layout, SnapshotIdentity snapshot, int runs, List<PageRun> order, int start) {
        WorkingSet set;
        try {
            set = new WorkingSet(layout, snapshot, runs, order);
        } catch (IllegalArgumentException refused) {
            throw wrong(start, String.valueOf(refused.getMessage()));
        }
        if (set.pages() != index.getLong(HeadLayout.PAGES)) {
            throw wrong(
                    HeadLayout.PAGES,
                    "it says that it has " + Long.toUnsignedString(index.getLong(HeadLayout.PAGES)) + " pages, and has "
                            + set.pages());
        }
        return set;
    }

    private Optional<Contents> contents(WorkingSet set, long fileLength) {
        long offset = index.getLong(HeadLayout.CONTENTS_OFFSET);
        long length = index.getLong(HeadLayout.CONTENTS_LENGTH);
        if (offset == 0) {
            if (length != 0 || index.hasRemaining() || fileLength != index.limit()) {
                throw wrong(HeadLayout.CONTENTS_OFFSET, "contents that are nowhere");
            }
            return Optional.empty();
        }
        if (offset < index.limit()
                || offset % CONTENTS_ALIGNMENT != 0
                || offset > fileLength
                || length != fileLength - offset) {
            throw wrong(HeadLayout.CONTENTS_OFFSET, "contents that do not reach to the end of the file");
        }
        List<Contents.Piece> pieces = pieces(set, offset, fileLength);
        List<ReplayOrder.Span> there = pieces.stream()
                .map(piece -> new ReplayOrder.Span(piece.page(), piece.pages(), 0))
                .toList();
        List<ReplayOrder.Span> wanted = set.order().stream()
                .map(run -> new ReplayOrder.Span(run.page(), run.pages(), 0))
                .toList();
        if (!ReplayOrder.joined(there, set.layout()).equals(ReplayOrder.joined(wanted, set.layout()))) {
            throw wrong(HeadLayout.PIECES, "the contents are of other pages than the entries");
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
            long end = piece.page() < 0 ? -1 : set.layout().regionEnd(piece.page());
            if (piece.pages() == 0 || end < 0 || piece.pages() > end - piece.page()) {
                throw wrong(at, "content of pages that do not lie in one region");
            }
            if (!piece.isZero()) {
                if (piece.offset() != expected) {
                    throw wrong(at, "content that does not follow the piece before");
                }
                expected += piece.pages() * set.layout().pageSize();
            }
            pieces.add(piece);
        }
        if (expected != fileLength) {
            throw wrong(HeadLayout.CONTENTS_LENGTH, "the pieces end at " + expected + ", the file at " + fileLength);
        }
        return pieces;
    }

    private WorkingSetException wrong(long at, String what) {
        return new WorkingSetException(path + ": byte " + at + ": " + what);
    }
}
