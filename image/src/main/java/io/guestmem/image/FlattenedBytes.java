package io.guestmem.image;

import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Map;
import java.util.TreeMap;

/**
 * makedumpfile's flattened stream: a dump file as the list of writes that make it, so that it goes through a pipe.
 *
 * <pre>{@code
 *   0     "makedumpfile" and 4 zeros, type 1, version 1         big-endian, 64 bits each; to 4096
 *   4096  offset, size, bytes                                   once for each write
 *         offset -1                                             the end
 * }</pre>
 *
 * <p>Later writes win, as in a file. Source: makedumpfile 1.7 {@code makedumpfile.c:rearrange_dumpdata}.
 */
final class FlattenedBytes extends ImageBytes {
    private static final String SIGNATURE = "makedumpfile\0\0\0\0";
    private static final int VERSION_OFFSET = 24;
    private static final int TYPE_OFFSET = 16;
    private static final int HEADER = 4096;
    private static final int RECORD = 16;
    private static final long END = -1;
    /** The bitmap of 8 TiB. */
    private static final long MOST_COPIED = 1L << 28;

    /**
     * Bytes of the file that is made.
     *
     * @param end in that file
     * @param at in the stream
     */
    private record Piece(long end, long at) {}

    private final MappedBytes stream;
    private final TreeMap<Long, Piece> pieces = new TreeMap<>();
    private long size;

    private FlattenedBytes(MappedBytes stream) {
        this.stream = stream;
    }

    static boolean isOne(MappedBytes stream) throws ImageException {
        return GuestImage.startsWith(stream, SIGNATURE);
    }

    static FlattenedBytes of(MappedBytes stream) throws ImageException {
        if (bigEndian(stream, TYPE_OFFSET) != 1 || bigEndian(stream, VERSION_OFFSET) != 1) {
            throw new ImageException(TYPE_OFFSET, "a flattened dump of an unknown type or version");
        }
        FlattenedBytes bytes = new FlattenedBytes(stream);
        bytes.index();
        return bytes;
    }

    private void index() throws ImageException {
        long at = HEADER;
        while (true) {
            long offset = bigEndian(stream, at);
            if (offset == END) {
                return;
            }
            long length = bigEndian(stream, at + Long.BYTES);
            if (offset < 0 || length <= 0 || offset + length < 0) {
                throw new ImageException(at, "a record of " + length + " bytes for 0x" + Long.toHexString(offset));
            }
            check(stream.size(), at + RECORD, length, "a record");
            put(offset, offset + length, at + RECORD);
            at += RECORD + length;
        }
    }

    private void put(long from, long to, long at) {
        cut(from);
        cut(to);
        pieces.subMap(from, to).clear();
        pieces.put(from, new Piece(to, at));
        size = Math.max(size, to);
    }

    /** Divides the piece that an offset is inside of. */
    private void cut(long offset) {
        Map.Entry<Long, Piece> entry = pieces.lowerEntry(offset);
        if (entry != null && entry.getValue().end > offset) {
            Piece piece = entry.getValue();
            pieces.put(entry.getKey(), new Piece(offset, piece.at));
            pieces.put(offset, new Piece(piece.end, piece.at + (offset - entry.getKey())));
        }
    }

    private static long bigEndian(MappedBytes stream, long offset) throws ImageException {
        return ByteBuffer.wrap(stream.array(offset, Long.BYTES, "a number of the flattened stream"))
                .order(ByteOrder.BIG_ENDIAN)
                .getLong();
    }

    @Override
    long size() {
        return size;
    }

    @Override
    MemorySegment slice(long offset, long length, String what) throws ImageException {
        check(size, offset, length, what);
        Map.Entry<Long, Piece> entry = pieces.floorEntry(offset);
        if (entry != null && entry.getValue().end - offset >= length) {
            return stream.slice(entry.getValue().at + (offset - entry.getKey()), length, what);
        }
        if (length > MOST_COPIED) {
            throw new ImageException(offset, what + " of " + length + " bytes lies in pieces");
        }
        MemorySegment copy = MemorySegment.ofArray(new byte[(int) length]);
        for (Map.Entry<Long, Piece> each : pieces.subMap(entry == null ? offset : entry.getKey(), offset + length)
                .entrySet()) {
            long from = Math.max(offset, each.getKey());
            long count = Math.min(offset + length, each.getValue().end) - from;
            if (count > 0) {
                MemorySegment part = stream.slice(each.getValue().at + (from - each.getKey()), count, what);
                copy.asSlice(from - offset, count).copyFrom(part);
            }
        }
        return copy;
    }
}
