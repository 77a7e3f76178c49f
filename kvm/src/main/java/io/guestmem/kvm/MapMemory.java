package io.guestmem.kvm;

import io.guestmem.abi.KvmIoctl;
import io.guestmem.abi.MapMemoryV3Layout;
import io.guestmem.abi.MemoryMappingV1Layout;
import io.guestmem.abi.MemoryMappingV2Layout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * A request of {@code KVM_MAP_MEMORY}, which was proposed three times before it became {@code KVM_PRE_FAULT_MEMORY}. Nothing is
 * checked here: a request that is refused can be written down.
 */
public sealed interface MapMemory {
    /**
     * As first proposed, 1 March 2024.
     *
     * @param baseGfn the first page
     * @param pages their number
     * @param flags of {@link MemoryMappingV1Layout}: WRITE, EXEC, USER, PRIVATE
     * @param source 0, or the address of content
     */
    record V1(long baseGfn, long pages, long flags, long source) implements MapMemory {}

    /**
     * As proposed second, 10 April 2024.
     *
     * @param base gpa in bytes
     * @param size in bytes
     * @param flags 0
     */
    record V2(long base, long size, long flags) implements MapMemory {}

    /**
     * As proposed third, 17 April 2024.
     *
     * @param base gpa in bytes
     * @param size in bytes
     * @param flags 0
     */
    record V3(long base, long size, long flags) implements MapMemory {}

    /**
     * How a request ended.
     *
     * @param result 0 or a negated errno
     * @param left the struct as it was written back: what is left to do
     */
    record Answer(long result, MapMemory left) {}

    /** The request. */
    default KvmIoctl code() {
        return switch (this) {
            case V1 _ -> KvmIoctl.MAP_MEMORY_V1;
            case V2 _ -> KvmIoctl.MAP_MEMORY_V2;
            case V3 _ -> KvmIoctl.MAP_MEMORY_V3;
        };
    }

    /** The size of its struct in bytes. */
    default int structSize() {
        return switch (this) {
            case V1 _ -> MemoryMappingV1Layout.STRUCT.size();
            case V2 _ -> MemoryMappingV2Layout.STRUCT.size();
            case V3 _ -> MapMemoryV3Layout.STRUCT.size();
        };
    }

    /** Fills a zeroed struct. */
    default void write(MemorySegment struct) {
        switch (this) {
            case V1(long baseGfn, long pages, long flags, long source) -> {
                struct.set(ValueLayout.JAVA_LONG, MemoryMappingV1Layout.BASE_GFN, baseGfn);
                struct.set(ValueLayout.JAVA_LONG, MemoryMappingV1Layout.NR_PAGES, pages);
                struct.set(ValueLayout.JAVA_LONG, MemoryMappingV1Layout.FLAGS, flags);
                struct.set(ValueLayout.JAVA_LONG, MemoryMappingV1Layout.SOURCE, source);
            }
            case V2(long base, long size, long flags) -> {
                struct.set(ValueLayout.JAVA_LONG, MemoryMappingV2Layout.BASE_ADDRESS, base);
                struct.set(ValueLayout.JAVA_LONG, MemoryMappingV2Layout.SIZE, size);
                struct.set(ValueLayout.JAVA_LONG, MemoryMappingV2Layout.FLAGS, flags);
            }
            case V3(long base, long size, long flags) -> {
                struct.set(ValueLayout.JAVA_LONG, MapMemoryV3Layout.BASE_ADDRESS, base);
                struct.set(ValueLayout.JAVA_LONG, MapMemoryV3Layout.SIZE, size);
                struct.set(ValueLayout.JAVA_LONG, MapMemoryV3Layout.FLAGS, flags);
            }
        }
    }

    /** The same proposal's request from a struct. */
    default MapMemory read(MemorySegment struct) {
        return switch (this) {
            case V1 _ ->
                new V1(
                        struct.get(ValueLayout.JAVA_LONG, MemoryMappingV1Layout.BASE_GFN),
                        struct.get(ValueLayout.JAVA_LONG, MemoryMappingV1Layout.NR_PAGES),
                        struct.get(ValueLayout.JAVA_LONG, MemoryMappingV1Layout.FLAGS),
                        struct.get(ValueLayout.JAVA_LONG, MemoryMappingV1Layout.SOURCE));
            case V2 _ ->
                new V2(
                        struct.get(ValueLayout.JAVA_LONG, MemoryMappingV2Layout.BASE_ADDRESS),
                        struct.get(ValueLayout.JAVA_LONG, MemoryMappingV2Layout.SIZE),
                        struct.get(ValueLayout.JAVA_LONG, MemoryMappingV2Layout.FLAGS));
            case V3 _ ->
                new V3(
                        struct.get(ValueLayout.JAVA_LONG, MapMemoryV3Layout.BASE_ADDRESS),
                        struct.get(ValueLayout.JAVA_LONG, MapMemoryV3Layout.SIZE),
                        struct.get(ValueLayout.JAVA_LONG, MapMemoryV3Layout.FLAGS));
        };
    }
}
