package io.guestmem.shell;

import io.guestmem.abi.KvmFile;
import io.guestmem.abi.StatsDescriptorLayout;
import io.guestmem.abi.StatsHeaderLayout;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;

/** A statistics file as text, by the names that it carries itself. */
final class StatisticsText {
    private static final int MOST_BYTES = 1 << 20;

    private StatisticsText() {}

    /**
     * The statistics, one a line: {@code pf_taken 17}. Of a histogram, its buckets with commas.
     *
     * @param names those to show; none for all that are not 0
     */
    static Answer of(KvmFile file, List<String> names) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment content = arena.allocate(MOST_BYTES, Long.BYTES);
            long read = file.readAt(0, content);
            return read < 0 ? Answer.of(read) : Answer.of(String.join("\n", lines(content.asSlice(0, read), names)));
        }
    }

    private static List<String> lines(MemorySegment content, List<String> names) {
        StructBuffer header = new StructBuffer(StatsHeaderLayout.STRUCT, content);
        long stride = StatsDescriptorLayout.NAME + header.get("name_size");
        List<String> lines = new ArrayList<>();
        for (long i = 0; i < header.get("num_desc"); i++) {
            MemorySegment at = content.asSlice(header.get("desc_offset") + i * stride, stride);
            StructBuffer descriptor = new StructBuffer(StatsDescriptorLayout.STRUCT, at);
            String name = at.getString(StatsDescriptorLayout.NAME);
            String values =
                    values(content, header.get("data_offset") + descriptor.get("offset"), descriptor.get("size"));
            if (names.isEmpty()
                    ? values.chars().anyMatch(digit -> digit >= '1' && digit <= '9')
                    : names.contains(name)) {
                lines.add(name + " " + values);
            }
        }
        return lines;
    }

    private static String values(MemorySegment content, long offset, long count) {
        List<String> values = new ArrayList<>();
        for (long i = 0; i < count; i++) {
            values.add(Long.toUnsignedString(StructBuffer.scalar(content, offset + i * Long.BYTES, Long.BYTES)));
        }
        return String.join(",", values);
    }
}
