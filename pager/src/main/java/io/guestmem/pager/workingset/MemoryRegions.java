package io.guestmem.pager.workingset;

import io.guestmem.pager.handshake.GuestMap;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;

/**
 * How a VM's memory lies in its memory file. Two VMs of one snapshot have the same layout, whatever their addresses.
 *
 * @param pageSize of the mappings in bytes, a power of two from 4096 to 1 GiB
 * @param extents the regions, in order of their offsets
 */
public record MemoryRegions(long pageSize, List<Extent> extents) {
    private static final int MOST_EXTENTS = 1024;
    private static final long SMALLEST_PAGE = 4096;
    private static final long LARGEST_PAGE = 1L << 30;
    private static final long MOST_BYTES = 4L << 40;

    /**
     * One region.
     *
     * @param offset in the memory file, in bytes
     * @param bytes its length
     */
    public record Extent(long offset, long bytes) {
        /** The first offset behind it. */
        public long end() {
            return offset + bytes;
        }
    }

    /** Checks that it is whole pages, in order and without overlap. */
    public MemoryRegions {
        extents = List.copyOf(extents);
        if (Long.bitCount(pageSize) != 1 || pageSize < SMALLEST_PAGE || pageSize > LARGEST_PAGE) {
            throw new IllegalArgumentException("a page size of " + pageSize + " bytes");
        }
        if (extents.isEmpty() || extents.size() > MOST_EXTENTS) {
            throw new IllegalArgumentException(extents.size() + " regions");
        }
        long end = 0;
        long bytes = 0;
        for (Extent extent : extents) {
            if (extent.offset < end || extent.bytes <= 0 || extent.offset > Long.MAX_VALUE - extent.bytes) {
                throw new IllegalArgumentException("a region of " + extent.bytes + " bytes at " + hex(extent.offset));
            }
            if (extent.offset % pageSize != 0 || extent.bytes % pageSize != 0) {
                throw new IllegalArgumentException("a region of " + extent.bytes + " bytes at " + hex(extent.offset)
                        + ", which is not whole pages of " + pageSize);
            }
            end = extent.end();
            bytes += extent.bytes;
            if (bytes > MOST_BYTES) {
                throw new IllegalArgumentException("more than " + (MOST_BYTES >> 40) + " TiB of memory");
            }
        }
    }

    /** That of a VM. */
    public static MemoryRegions of(GuestMap map) {
        return new MemoryRegions(
                map.pageSize(),
                map.regions().stream()
                        .map(region -> new Extent(region.offset(), region.size()))
                        .sorted(Comparator.comparingLong(Extent::offset))
                        .toList());
    }

    /** All memory in bytes. */
    public long bytes() {
        return extents.stream().mapToLong(Extent::bytes).sum();
    }

    /** The first page behind the region that a page lies in, -1 if it lies in none. */
    public long regionEnd(long page) {
        int low = 0;
        int high = extents.size() - 1;
        while (low <= high) {
            int middle = (low + high) >>> 1;
            Extent extent = extents.get(middle);
            if (page < extent.offset / pageSize) {
                high = middle - 1;
            } else if (page >= extent.end() / pageSize) {
                low = middle + 1;
            } else {
                return extent.end() / pageSize;
            }
        }
        return -1;
    }

    /**
     * The same memory in pages of another size.
     *
     * @throws IllegalArgumentException if the regions are no whole pages of that size
     */
    public MemoryRegions withPageSize(long other) {
        return new MemoryRegions(other, extents);
    }

    /** Why this is not the memory of the same VM, page sizes apart; empty if it may be. */
    public Optional<String> difference(MemoryRegions other) {
        if (bytes() != other.bytes()) {
            return Optional.of("it is of a memory of " + bytes() + " bytes, not of " + other.bytes());
        }
        if (!extents.equals(other.extents)) {
            return Optional.of("it is of a memory in the regions " + describe() + ", not in " + other.describe());
        }
        return Optional.empty();
    }

    private String describe() {
        StringBuilder text = new StringBuilder();
        for (Extent extent : extents.subList(0, Math.min(4, extents.size()))) {
            text.append(text.isEmpty() ? "" : " ")
                    .append(hex(extent.offset))
                    .append('+')
                    .append(hex(extent.bytes));
        }
        return extents.size() > 4 ? text + " and " + (extents.size() - 4) + " more" : text.toString();
    }

    private static String hex(long value) {
        return "0x" + Long.toHexString(value);
    }
}
