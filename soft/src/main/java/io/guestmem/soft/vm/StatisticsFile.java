package io.guestmem.soft.vm;

import io.guestmem.abi.KvmFileKind;
import io.guestmem.abi.StatsDescriptorLayout;
import io.guestmem.abi.StatsHeaderLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.function.Supplier;

/**
 * The binary statistics of a VM or a vCPU: a header, an id, descriptors, then the values as they are now. Source: Linux 7.2
 * {@code kvm_main.c:kvm_stats_read}.
 */
final class StatisticsFile extends OpenFile {
    private static final int NAME_SIZE = 48;

    private final OpenFile owner;
    private final byte[] description;
    private final int values;
    private final Supplier<long[]> current;

    /**
     * A row.
     *
     * @param flags of {@link StatsDescriptorLayout}: type, unit and base
     * @param size values
     */
    record Row(String name, int flags, int exponent, int size) {
        static Row cumulative(String name) {
            return new Row(name, StatsDescriptorLayout.TYPE_CUMULATIVE, 0, 1);
        }

        static Row instant(String name) {
            return new Row(name, StatsDescriptorLayout.TYPE_INSTANT, 0, 1);
        }

        static Row peak(String name) {
            return new Row(name, StatsDescriptorLayout.TYPE_PEAK, 0, 1);
        }

        Row unit(int unit, int exponentOfTen, int count) {
            return new Row(name, flags | unit, exponentOfTen, count);
        }
    }

    /**
     * A file.
     *
     * @param owner whose statistics they are; the caller has taken a reference for this file
     * @param current the values of all rows, one row after the other
     */
    StatisticsFile(OpenFile owner, String id, List<Row> rows, Supplier<long[]> current) {
        this.owner = owner;
        this.current = current;
        this.values = rows.stream().mapToInt(Row::size).sum();
        this.description = describe(id, rows);
    }

    private static byte[] describe(String id, List<Row> rows) {
        int idOffset = StatsHeaderLayout.STRUCT.size();
        int descriptors = idOffset + NAME_SIZE;
        int descriptorSize = StatsDescriptorLayout.STRUCT.size() + NAME_SIZE;
        int data = descriptors + rows.size() * descriptorSize;
        MemorySegment bytes = MemorySegment.ofArray(new byte[data]);
        set(bytes, StatsHeaderLayout.NAME_SIZE, NAME_SIZE);
        set(bytes, StatsHeaderLayout.NUM_DESC, rows.size());
        set(bytes, StatsHeaderLayout.ID_OFFSET, idOffset);
        set(bytes, StatsHeaderLayout.DESC_OFFSET, descriptors);
        set(bytes, StatsHeaderLayout.DATA_OFFSET, data);
        bytes.setString(idOffset, id, StandardCharsets.US_ASCII);
        int offset = 0;
        for (int i = 0; i < rows.size(); i++) {
            Row row = rows.get(i);
            MemorySegment each = bytes.asSlice(descriptors + (long) i * descriptorSize, descriptorSize);
            set(each, StatsDescriptorLayout.FLAGS, row.flags());
            each.set(ValueLayout.JAVA_SHORT_UNALIGNED, StatsDescriptorLayout.EXPONENT, (short) row.exponent());
            each.set(ValueLayout.JAVA_SHORT_UNALIGNED, StatsDescriptorLayout.SIZE, (short) row.size());
            set(each, StatsDescriptorLayout.OFFSET, offset);
            each.setString(StatsDescriptorLayout.NAME, row.name(), StandardCharsets.US_ASCII);
            offset += row.size() * Long.BYTES;
        }
        return bytes.toArray(ValueLayout.JAVA_BYTE);
    }

    private static void set(MemorySegment bytes, long offset, int value) {
        bytes.set(ValueLayout.JAVA_INT_UNALIGNED, offset, value);
    }

    @Override
    public KvmFileKind kind() {
        return KvmFileKind.STATS;
    }

    @Override
    public long readAt(long offset, MemorySegment into) {
        if (offset < 0) {
            return Failure.EINVAL;
        }
        long size = description.length + (long) values * Long.BYTES;
        long length = Math.min(into.byteSize(), Math.max(0, size - offset));
        if (length == 0) {
            return 0;
        }
        MemorySegment all = MemorySegment.ofArray(new byte[(int) size]);
        MemorySegment.copy(MemorySegment.ofArray(description), 0, all, 0, description.length);
        long[] now = current.get();
        MemorySegment.copy(MemorySegment.ofArray(now), 0, all, description.length, (long) now.length * Long.BYTES);
        MemorySegment.copy(all, offset, into, 0, length);
        return length;
    }

    @Override
    protected void released() {
        owner.put();
    }
}
