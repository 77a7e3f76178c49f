package io.guestmem.diff;

import io.guestmem.abi.KvmFile;
import io.guestmem.abi.StatsDescriptorLayout;
import io.guestmem.abi.StatsHeaderLayout;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** Reads named values of statistics files of one kind, whose layout is the same for all of them. For one thread. */
final class StatisticsReader {
    private final List<String> names;
    private final MemorySegment values;

    /** Where the names are in the file; −1 where this kernel does not count it. Empty until the first file was seen. */
    private long[] offsets = {};

    private long start;
    private long length;

    StatisticsReader(List<String> names, Arena arena) {
        this.names = List.copyOf(names);
        this.values = arena.allocate(1 << 16, Long.BYTES);
    }

    /** Adds every value that this kernel counts. */
    void read(KvmFile file, Looks looks) {
        if (offsets.length == 0) {
            offsets = find(file);
        }
        if (length == 0) {
            return;
        }
        MemorySegment into = values.asSlice(0, length);
        long result = file.readAt(start, into);
        if (result != length) {
            throw new IllegalStateException("statistics at " + start + ": " + result + " of " + length + " bytes");
        }
        for (int i = 0; i < offsets.length; i++) {
            if (offsets[i] >= 0) {
                looks.add(names.get(i), into.get(ValueLayout.JAVA_LONG, offsets[i] - start));
            }
        }
    }

    private long[] find(KvmFile file) {
        Map<String, Long> all = new HashMap<>();
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment header = read(file, 0, arena.allocate(StatsHeaderLayout.STRUCT.size(), Long.BYTES));
            int nameSize = header.get(ValueLayout.JAVA_INT, StatsHeaderLayout.NAME_SIZE);
            int count = header.get(ValueLayout.JAVA_INT, StatsHeaderLayout.NUM_DESC);
            long stride = StatsDescriptorLayout.NAME + (long) nameSize;
            long data = header.get(ValueLayout.JAVA_INT, StatsHeaderLayout.DATA_OFFSET);
            MemorySegment rows = read(
                    file,
                    header.get(ValueLayout.JAVA_INT, StatsHeaderLayout.DESC_OFFSET),
                    arena.allocate(stride * count, Long.BYTES));
            for (int i = 0; i < count; i++) {
                MemorySegment row = rows.asSlice(i * stride, stride);
                all.put(
                        row.getString(StatsDescriptorLayout.NAME),
                        data + Integer.toUnsignedLong(row.get(ValueLayout.JAVA_INT, StatsDescriptorLayout.OFFSET)));
            }
        }
        long[] found = new long[names.size()];
        long first = Long.MAX_VALUE;
        long end = 0;
        for (int i = 0; i < found.length; i++) {
            found[i] = all.getOrDefault(names.get(i), -1L);
            if (found[i] >= 0) {
                first = Math.min(first, found[i]);
                end = Math.max(end, found[i] + Long.BYTES);
            }
        }
        start = end == 0 ? 0 : first;
        length = end - start;
        return found;
    }

    private static MemorySegment read(KvmFile file, long at, MemorySegment into) {
        long result = file.readAt(at, into);
        if (result != into.byteSize()) {
            throw new IllegalStateException("statistics at " + at + ": " + result + " of " + into.byteSize());
        }
        return into;
    }
}
