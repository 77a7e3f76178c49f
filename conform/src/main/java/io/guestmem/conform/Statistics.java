package io.guestmem.conform;

import io.guestmem.abi.KvmFile;
import io.guestmem.abi.KvmIoctl;
import io.guestmem.abi.StatsDescriptorLayout;
import io.guestmem.abi.StatsHeaderLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.LinkedHashMap;
import java.util.Map;

/** A statistics file, read as it is: header, id, descriptors, values. */
final class Statistics {
    private final Trial trial;
    private final KvmFile file;
    private final MemorySegment header;
    private final Map<String, Descriptor> descriptors;

    /**
     * A row.
     *
     * @param flags type, unit and base
     * @param offset of the value in the file
     */
    record Descriptor(int flags, long offset) {
        int type() {
            return flags & StatsDescriptorLayout.TYPE_MASK;
        }
    }

    private Statistics(Trial trial, KvmFile file, MemorySegment header, Map<String, Descriptor> descriptors) {
        this.trial = trial;
        this.file = file;
        this.header = header;
        this.descriptors = descriptors;
    }

    /** {@code KVM_GET_STATS_FD}, which must work. */
    static Statistics open(Trial trial, KvmFile of) {
        KvmFile file = trial.adopt("KVM_GET_STATS_FD", Trial.request(of, KvmIoctl.GET_STATS_FD, 0));
        MemorySegment header = read(trial, file, 0, StatsHeaderLayout.STRUCT.size());
        int count = header.get(ValueLayout.JAVA_INT, StatsHeaderLayout.NUM_DESC);
        long stride = StatsDescriptorLayout.NAME + (long) header.get(ValueLayout.JAVA_INT, StatsHeaderLayout.NAME_SIZE);
        long at = header.get(ValueLayout.JAVA_INT, StatsHeaderLayout.DESC_OFFSET);
        long data = header.get(ValueLayout.JAVA_INT, StatsHeaderLayout.DATA_OFFSET);
        MemorySegment rows = read(trial, file, at, stride * count);
        Map<String, Descriptor> descriptors = LinkedHashMap.newLinkedHashMap(count);
        for (int i = 0; i < count; i++) {
            MemorySegment row = rows.asSlice(i * stride, stride);
            descriptors.put(
                    row.getString(StatsDescriptorLayout.NAME),
                    new Descriptor(
                            row.get(ValueLayout.JAVA_INT, StatsDescriptorLayout.FLAGS),
                            data
                                    + Integer.toUnsignedLong(
                                            row.get(ValueLayout.JAVA_INT, StatsDescriptorLayout.OFFSET))));
        }
        return new Statistics(trial, file, header, descriptors);
    }

    private static MemorySegment read(Trial trial, KvmFile file, long offset, long size) {
        MemorySegment into = trial.struct(size);
        long result = file.readAt(offset, into);
        if (result != size) {
            throw new MismatchException("pread of statistics at " + offset, Long.toString(size), Trial.answer(result));
        }
        return into;
    }

    /** A field of the header, by its offset in {@link StatsHeaderLayout}. */
    int header(int field) {
        return header.get(ValueLayout.JAVA_INT, field);
    }

    /** The id string. */
    String id() {
        return read(trial, file, header(StatsHeaderLayout.ID_OFFSET), header(StatsHeaderLayout.NAME_SIZE))
                .getString(0);
    }

    Map<String, Descriptor> descriptors() {
        return descriptors;
    }

    /** The present value of a row. */
    long value(String name) {
        Descriptor row = descriptors.get(name);
        if (row == null) {
            throw new SkippedException("this kernel does not count " + name);
        }
        return read(trial, file, row.offset(), Long.BYTES).get(ValueLayout.JAVA_LONG, 0);
    }

    /** Leaves of the stage-2 tables, in pages of 4 KiB each: pages_4k, pages_2m and pages_1g by their number. */
    long mappedPages() {
        return value("pages_4k") + value("pages_2m") + value("pages_1g");
    }
}
