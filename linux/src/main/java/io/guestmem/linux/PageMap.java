package io.guestmem.linux;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.BitSet;

/**
 * {@code /proc/self/pagemap}: which pages of this process are mapped right now. Looking changes nothing, and touches no page.
 *
 * <p>Source: Linux 6.12 {@code Documentation/admin-guide/mm/pagemap.rst}: 8 bytes a page, bit 63 is "present". Without
 * privileges the kernel hides frame numbers, not this bit.
 */
public final class PageMap {
    private static final Path FILE = Path.of("/proc/self/pagemap");
    private static final int ENTRIES_AT_ONCE = 8192;

    private PageMap() {}

    /**
     * The present pages of a mapping.
     *
     * @return bit n stands for page n of the mapping
     * @throws LinuxException with the errno of {@code open(2)} or {@code pread(2)}
     */
    public static BitSet present(MappedMemory memory) {
        long pages = memory.length() / MappedMemory.PAGE_SIZE;
        BitSet present = new BitSet(Math.toIntExact(pages));
        try (FileDescriptor file = FileDescriptor.open(FILE, OpenMode.READ);
                Arena arena = Arena.ofConfined()) {
            MemorySegment entries = arena.allocate(ValueLayout.JAVA_LONG, ENTRIES_AT_ONCE);
            for (long first = 0; first < pages; first += ENTRIES_AT_ONCE) {
                long count = Math.min(ENTRIES_AT_ONCE, pages - first);
                MemorySegment piece = entries.asSlice(0, count * Long.BYTES);
                long offset = (memory.address() / MappedMemory.PAGE_SIZE + first) * Long.BYTES;
                long read = LinuxException.check(file.readAt(offset, piece), "pread", FILE, offset);
                if (read != piece.byteSize()) {
                    throw new LinuxException("pread", Errno.EIO, FILE, read, "of", piece.byteSize(), "bytes");
                }
                for (int i = 0; i < count; i++) {
                    if (piece.getAtIndex(ValueLayout.JAVA_LONG, i) < 0) {
                        present.set((int) first + i);
                    }
                }
            }
        }
        return present;
    }
}
