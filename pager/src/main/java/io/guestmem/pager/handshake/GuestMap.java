package io.guestmem.pager.handshake;

import java.util.Comparator;
import java.util.List;

/**
 * Where the pages of a guest are: a number for each page, its address in the VMM, its offset in the memory file.
 *
 * <p>Pages are numbered from 0 over all regions in order of their address; a page is as large as the mapping's. Looking up
 * allocates nothing. Immutable.
 */
public final class GuestMap {
    private static final int MOST_REGIONS = 1024;
    private static final long MOST_BYTES = 4L << 40;

    private final List<Region> regions;
    private final long pageSize;
    private final int pageShift;
    private final long pages;
    private final long[] addresses;
    private final long[] ends;
    private final long[] offsets;
    private final long[] firstPages;

    /**
     * Checks and sorts the regions.
     *
     * @throws HandshakeException if there is none, if two overlap in addresses or in the file, or if their pages differ in size
     */
    public GuestMap(List<Region> unsorted) {
        if (unsorted.isEmpty() || unsorted.size() > MOST_REGIONS) {
            throw new HandshakeException(unsorted.size() + " regions");
        }
        regions = unsorted.stream()
                .sorted(Comparator.comparingLong(Region::hostAddress))
                .toList();
        checkOverlaps();
        pageSize = regions.getFirst().pageSize();
        if (regions.stream().anyMatch(region -> region.pageSize() != pageSize)) {
            throw new HandshakeException("regions with pages of different sizes");
        }
        pageShift = Long.numberOfTrailingZeros(pageSize);
        addresses = regions.stream().mapToLong(Region::hostAddress).toArray();
        ends = regions.stream().mapToLong(Region::hostEnd).toArray();
        offsets = regions.stream().mapToLong(Region::offset).toArray();
        firstPages = new long[addresses.length];
        long bytes = 0;
        for (int i = 0; i < addresses.length; i++) {
            firstPages[i] = bytes >> pageShift;
            bytes += ends[i] - addresses[i];
            if (bytes > MOST_BYTES) {
                throw new HandshakeException("more than " + (MOST_BYTES >> 40) + " TiB of memory");
            }
        }
        pages = bytes >> pageShift;
    }

    private void checkOverlaps() {
        for (int i = 1; i < regions.size(); i++) {
            if (regions.get(i).hostAddress() < regions.get(i - 1).hostEnd()) {
                throw new HandshakeException("regions that overlap: " + regions.get(i - 1) + " and " + regions.get(i));
            }
        }
        List<Region> byOffset = regions.stream()
                .sorted(Comparator.comparingLong(Region::offset))
                .toList();
        for (int i = 1; i < byOffset.size(); i++) {
            if (byOffset.get(i).offset() < byOffset.get(i - 1).offsetEnd()) {
                throw new HandshakeException(
                        "regions that overlap in the file: " + byOffset.get(i - 1) + " and " + byOffset.get(i));
            }
        }
    }

    /** In order of their addresses. */
    public List<Region> regions() {
        return regions;
    }

    /** In bytes. */
    public long pageSize() {
        return pageSize;
    }

    /** How many pages there are. */
    public long pages() {
        return pages;
    }

    /** All memory in bytes. */
    public long bytes() {
        return pages << pageShift;
    }

    /** The highest offset in the memory file that a page ends at. */
    public long fileEnd() {
        return regions.stream().mapToLong(Region::offsetEnd).max().orElseThrow();
    }

    /** The page that an address lies in, -1 if none. */
    public long pageAt(long address) {
        for (int i = 0; i < addresses.length; i++) {
            if (address >= addresses[i] && address < ends[i]) {
                return firstPages[i] + ((address - addresses[i]) >> pageShift);
            }
        }
        return -1;
    }

    /** The address of a page in the VMM. */
    public long address(long page) {
        int region = regionOf(page);
        return addresses[region] + ((page - firstPages[region]) << pageShift);
    }

    /** The offset of a page in the memory file. */
    public long offset(long page) {
        int region = regionOf(page);
        return offsets[region] + ((page - firstPages[region]) << pageShift);
    }

    /** The page whose content is at an offset of the memory file, -1 if none. */
    public long pageAtOffset(long offset) {
        for (int i = 0; i < offsets.length; i++) {
            if (offset >= offsets[i] && offset - offsets[i] < ends[i] - addresses[i]) {
                return firstPages[i] + ((offset - offsets[i]) >> pageShift);
            }
        }
        return -1;
    }

    /** The first page behind the region that a page lies in. */
    public long regionEnd(long page) {
        int region = regionOf(page);
        return firstPages[region] + ((ends[region] - addresses[region]) >> pageShift);
    }

    private int regionOf(long page) {
        if (page < 0 || page >= pages) {
            throw new IndexOutOfBoundsException(page + " of " + pages);
        }
        int region = firstPages.length - 1;
        while (firstPages[region] > page) {
            region--;
        }
        return region;
    }
}
