package io.guestmem.pager;

import io.guestmem.linux.MappedMemory;
import io.guestmem.pager.handshake.GuestMap;
import io.guestmem.pager.handshake.Region;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;

/**
 * The host's pages of one size for hugetlbfs.
 *
 * @param free pages that nobody has
 * @param reserved those of them that are promised to somebody
 * @param more pages that the kernel may add to the pool: {@code nr_overcommit_hugepages} without {@code surplus_hugepages}
 */
record HugePagePool(long free, long reserved, long more) {
    private static final int KILO = 1024;

    /**
     * Reads it.
     *
     * @param system where {@code /sys} is
     * @throws IOException if the host has no pages of that size
     */
    static HugePagePool read(Path system, long pageSize) throws IOException {
        Path pool = system.resolve("kernel/mm/hugepages/hugepages-" + pageSize / KILO + "kB");
        return new HugePagePool(
                number(pool.resolve("free_hugepages")),
                number(pool.resolve("resv_hugepages")),
                Math.max(
                        0,
                        number(pool.resolve("nr_overcommit_hugepages")) - number(pool.resolve("surplus_hugepages"))));
    }

    private static long number(Path file) throws IOException {
        return Long.parseLong(Files.readString(file).strip());
    }

    /** Pages that can be had without a promise. */
    long available() {
        return free - reserved + more;
    }

    /**
     * What a VM that has just connected will lack, if it ever touches all of its memory.
     *
     * @param proc where {@code /proc} is
     * @param system where {@code /sys} is
     * @return one line; empty if its memory is not on hugetlbfs, if its pages are promised to it, or if there are enough
     */
    static Optional<String> shortage(Path proc, Path system, int pid, GuestMap map) {
        if (map.pageSize() == MappedMemory.PAGE_SIZE) {
            return Optional.empty();
        }
        try {
            HugePagePool pool = read(system, map.pageSize());
            if (pool.available() >= map.pages()
                    || !isWithoutReserve(proc, pid, map.regions().getFirst())) {
                return Optional.empty();
            }
            return Optional.of("its memory is " + map.pages() + " huge pages of " + map.pageSize() + " bytes, and "
                    + pool.available() + " can be had (free " + pool.free + ", promised to others " + pool.reserved
                    + ", more " + pool.more + ")");
        } catch (IOException | NumberFormatException unknown) {
            return Optional.of("whether there are huge pages enough is not known: " + unknown.getMessage());
        }
    }

    /** Whether a region is mapped with {@code MAP_NORESERVE}, so that no pages are kept for it: flag nr in smaps. */
    private static boolean isWithoutReserve(Path proc, int pid, Region region) throws IOException {
        String start = Long.toHexString(region.hostAddress());
        boolean inRegion = false;
        for (String line : Files.readAllLines(proc.resolve(pid + "/smaps"))) {
            if (line.matches("[0-9a-f]+-[0-9a-f]+ .*")) {
                inRegion = line.startsWith(start + "-");
            } else if (inRegion && line.startsWith("VmFlags:")) {
                return line.contains(" nr");
            }
        }
        // The region begins inside of a mapping.
        return true;
    }
}
