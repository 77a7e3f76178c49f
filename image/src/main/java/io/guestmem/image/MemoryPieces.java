package io.guestmem.image;

import io.guestmem.paging.PhysicalMemory;
import io.guestmem.paging.PhysicalRange;
import io.guestmem.paging.PhysicalRanges;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/** Pieces of a file that are physical memory, as its headers say. They may repeat each other, and not contradict. */
final class MemoryPieces {
    private static final long MOST_ADDRESS = 1L << 52;

    /**
     * A piece.
     *
     * @param start physical
     * @param offset in the file
     * @param said where in the file this is said
     */
    private record Piece(long start, long length, long offset, long said) {
        long end() {
            return start + length;
        }
    }

    private final ImageBytes bytes;
    private final List<Piece> pieces = new ArrayList<>();

    MemoryPieces(ImageBytes bytes) {
        this.bytes = bytes;
    }

    /**
     * Adds a piece.
     *
     * @param said where in the file this is said, for errors
     */
    void add(long start, long length, long offset, long said) throws ImageException {
        if (length == 0) {
            return;
        }
        if (start < 0 || start % Long.BYTES != 0 || length < 0 || start > MOST_ADDRESS - length) {
            throw new ImageException(
                    said, "no physical range: " + length + " bytes at address 0x" + Long.toHexString(start));
        }
        try {
            ImageBytes.check(bytes.size(), offset, length, "memory");
        } catch (ImageException e) {
            throw new ImageException(said, "the header promises more than there is: " + e.getMessage());
        }
        pieces.add(new Piece(start, length, offset, said));
    }

    /** All of it; read-only. */
    PhysicalRanges memory() throws ImageException {
        if (pieces.isEmpty()) {
            throw new ImageException(0, "there is no memory in this image");
        }
        pieces.sort(Comparator.comparingLong(Piece::start));
        List<PhysicalRange> ranges = new ArrayList<>();
        Piece last = pieces.getFirst();
        for (Piece next : pieces.subList(1, pieces.size())) {
            boolean sameBytes = next.offset - next.start == last.offset - last.start;
            if (next.start < last.end() && !sameBytes) {
                throw new ImageException(next.said, "two parts overlap at address 0x" + Long.toHexString(next.start));
            }
            if (next.start <= last.end() && sameBytes) {
                long end = Math.max(last.end(), next.end());
                last = new Piece(last.start, end - last.start, last.offset, last.said);
            } else {
                addRanges(ranges, last);
                last = next;
            }
        }
        addRanges(ranges, last);
        return new PhysicalRanges(ranges);
    }

    private void addRanges(List<PhysicalRange> ranges, Piece piece) throws ImageException {
        long start = piece.start;
        for (MemorySegment part : bytes.parts(piece.offset, piece.length, "memory")) {
            ranges.add(new PhysicalRange(start, part, PhysicalMemory.Presence.READ_ONLY));
            start += part.byteSize();
        }
    }
}
