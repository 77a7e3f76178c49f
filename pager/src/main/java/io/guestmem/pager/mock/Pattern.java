package io.guestmem.pager.mock;

import io.guestmem.linux.FileDescriptor;
import io.guestmem.linux.LinuxException;
import io.guestmem.linux.MappedMemory;
import io.guestmem.linux.OpenMode;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.function.LongPredicate;

/** Content of pages that tells which page it is of, and which version of it: every long of a page differs. */
public final class Pattern {
    /** The version of the snapshot's own content. */
    public static final int SNAPSHOT = 1;

    /** The version of a page of zeroes. */
    public static final int ZERO = 0;

    private static final long PAGE = MappedMemory.PAGE_SIZE;

    private Pattern() {}

    /** Fills a page. */
    public static void fill(MemorySegment page, long number, int version) {
        for (long at = 0; at < PAGE; at += Long.BYTES) {
            page.set(ValueLayout.JAVA_LONG, at, word(number, version, at));
        }
    }

    /** Whether a page has this content. */
    public static boolean matches(MemorySegment page, long number, int version) {
        for (long at = 0; at < PAGE; at += Long.BYTES) {
            if (page.get(ValueLayout.JAVA_LONG, at) != word(number, version, at)) {
                return false;
            }
        }
        return true;
    }

    private static long word(long number, int version, long at) {
        if (version == ZERO) {
            return 0;
        }
        long mixed = (number * 0x9e3779b97f4a7c15L) ^ (version * 0xc2b2ae3d27d4eb4fL) ^ (at * 0x165667b19e3779f9L);
        return (mixed ^ (mixed >>> 29)) | 1;
    }

    /**
     * Writes a snapshot: pages with content, and holes.
     *
     * @param path is created, or overwritten
     * @param hasContent by page number
     */
    public static void write(Path path, long pages, LongPredicate hasContent) throws IOException {
        Files.deleteIfExists(path);
        Files.createFile(path);
        try (FileDescriptor file = FileDescriptor.open(path, OpenMode.READ_WRITE);
                Arena arena = Arena.ofConfined()) {
            file.truncate(pages * PAGE);
            MemorySegment page = arena.allocate(PAGE, Long.BYTES);
            for (long number = 0; number < pages; number++) {
                if (hasContent.test(number)) {
                    fill(page, number, SNAPSHOT);
                    LinuxException.check(file.writeAt(number * PAGE, page), "pwrite", path);
                }
            }
        }
    }
}
