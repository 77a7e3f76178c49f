package io.guestmem.kvm;

import io.guestmem.abi.ErrorNumber;
import io.guestmem.abi.KernelException;
import io.guestmem.abi.KvmFile;
import io.guestmem.abi.KvmIoctl;
import io.guestmem.abi.StatsDescriptorLayout;
import io.guestmem.abi.StatsHeaderLayout;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.OptionalLong;
import java.util.Set;

/**
 * The binary statistics of a VM or a vCPU ({@code KVM_GET_STATS_FD}). Names are looked up, never positions: kernels and
 * out-of-tree modules differ in what they count. Thread-safe.
 */
public final class Statistics implements OwnedFiles.AutoCloseableFile {
    private final Vm vm;
    private final KvmFile file;

    /** Offset in the file of each statistic's first value. */
    private final Map<String, Long> offsets;

    private Statistics(Vm vm, KvmFile file, Map<String, Long> offsets) {
        this.vm = vm;
        this.file = file;
        this.offsets = offsets;
    }

    static Statistics open(Vm vm, KvmFile of) {
        int descriptor = (int) Call.value(of, KvmIoctl.GET_STATS_FD, 0);
        KvmFile file = vm.kernel().adopt(descriptor, "statistics of " + of.name());
        try {
            return new Statistics(vm, file, readDescriptors(file));
        } catch (RuntimeException failed) {
            file.close();
            throw failed;
        }
    }

    private static Map<String, Long> readDescriptors(KvmFile file) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment header = read(file, 0, arena.allocate(StatsHeaderLayout.STRUCT.size(), Long.BYTES));
            int nameSize = header.get(ValueLayout.JAVA_INT, StatsHeaderLayout.NAME_SIZE);
            int count = header.get(ValueLayout.JAVA_INT, StatsHeaderLayout.NUM_DESC);
            long dataOffset = header.get(ValueLayout.JAVA_INT, StatsHeaderLayout.DATA_OFFSET);
            long descOffset = header.get(ValueLayout.JAVA_INT, StatsHeaderLayout.DESC_OFFSET);
            long stride = StatsDescriptorLayout.NAME + (long) nameSize;
            MemorySegment descriptors = read(file, descOffset, arena.allocate(stride * count, Long.BYTES));
            Map<String, Long> offsets = LinkedHashMap.newLinkedHashMap(count);
            for (int i = 0; i < count; i++) {
                MemorySegment descriptor = descriptors.asSlice(i * stride, stride);
                long offset =
                        Integer.toUnsignedLong(descriptor.get(ValueLayout.JAVA_INT, StatsDescriptorLayout.OFFSET));
                offsets.put(descriptor.getString(StatsDescriptorLayout.NAME), dataOffset + offset);
            }
            return offsets;
        }
    }

    /** The names, in the order of the kernel. */
    public Set<String> names() {
        return Collections.unmodifiableSet(offsets.keySet());
    }

    /**
     * The present value of a statistic; of a histogram, its first bucket.
     *
     * @return empty if this kernel does not count it
     */
    public OptionalLong value(String name) {
        Long offset = offsets.get(name);
        if (offset == null) {
            return OptionalLong.empty();
        }
        MemorySegment value = read(file, offset, Call.buffer(Long.BYTES));
        return OptionalLong.of(value.get(ValueLayout.JAVA_LONG, 0));
    }

    private static MemorySegment read(KvmFile file, long offset, MemorySegment into) {
        long result;
        do {
            result = file.readAt(offset, into);
        } while (result == -ErrorNumber.EINTR.number());
        if (result != into.byteSize()) {
            int errno = result < 0 ? Math.toIntExact(-result) : ErrorNumber.EIO.number();
            String what = file.name() + " at " + offset + ", " + result + " of " + into.byteSize() + " bytes";
            throw new KernelException("read", errno, ErrorNumber.symbol(errno), what);
        }
        return into;
    }

    @Override
    public void close() {
        vm.closed(this);
        file.close();
    }
}
