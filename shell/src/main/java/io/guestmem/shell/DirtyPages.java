package io.guestmem.shell;

import io.guestmem.abi.UserMemory;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;

/** A dirty bitmap as people write it: {@code 0-3,7}. */
record DirtyPages(MemorySegment bitmap, UserMemory exposed) implements AutoCloseable {
    /** The bytes of a bitmap for so many pages, as KVM rounds them. */
    static long bytes(long pages) {
        return Math.ceilDiv(Math.max(pages, 1), Long.SIZE) * Long.BYTES;
    }

    /** Whether a value is a list of pages, and not a pointer. */
    static boolean isList(String text) {
        return text.equals("all") || text.matches("[0-9]+(-[0-9]+)?(,[0-9]+(-[0-9]+)?)*");
    }

    /** Sets the bits of a list. */
    void set(String list) {
        if (list.equals("all")) {
            bitmap.fill((byte) -1);
            return;
        }
        for (String range : list.split(",", -1)) {
            int dash = range.indexOf('-');
            long first = Values.number(dash < 0 ? range : range.substring(0, dash));
            long last = dash < 0 ? first : Values.number(range.substring(dash + 1));
            if (first > last || last >= bitmap.byteSize() * Byte.SIZE) {
                throw new CommandException("'" + range + "' is not a range of pages of this slot");
            }
            for (long page = first; page <= last; page++) {
                long at = page / Byte.SIZE;
                bitmap.set(ValueLayout.JAVA_BYTE, at, (byte)
                        (bitmap.get(ValueLayout.JAVA_BYTE, at) | 1 << page % Byte.SIZE));
            }
        }
    }

    /** The pages whose bits are set, {@code none} if there are none. */
    String text() {
        List<String> ranges = new ArrayList<>();
        long pages = bitmap.byteSize() * Byte.SIZE;
        for (long page = 0; page < pages; page++) {
            if (isSet(page)) {
                long first = page;
                while (page + 1 < pages && isSet(page + 1)) {
                    page++;
                }
                ranges.add(first == page ? Long.toString(first) : first + "-" + page);
            }
        }
        return ranges.isEmpty() ? "none" : String.join(",", ranges);
    }

    private boolean isSet(long page) {
        return (bitmap.get(ValueLayout.JAVA_BYTE, page / Byte.SIZE) >> page % Byte.SIZE & 1) != 0;
    }

    @Override
    public void close() {
        exposed.close();
    }
}
