package io.guestmem.pager.workingset;

import java.util.List;

/**
 * Where the contents of a working set's pages stand in its file.
 *
 * @param offset of the first byte, a multiple of 4096
 * @param length in bytes
 * @param pieces in the order in which they are installed, which is that in the file
 */
public record Contents(long offset, long length, List<Piece> pieces) {
    /**
     * Pages that follow each other in the memory file and here.
     *
     * @param page the first
     * @param pages how many
     * @param checksum CRC-32C of the content, 0 for zeroes
     * @param offset in the file, 0 if the pages are zero and have no content here
     */
    public record Piece(long page, long pages, int checksum, long offset) {
        /** Whether the pages are zero, and not in the file. */
        public boolean isZero() {
            return offset == 0;
        }
    }

    /** Copies the list. */
    public Contents {
        pieces = List.copyOf(pieces);
    }
}
