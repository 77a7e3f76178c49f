package io.guestmem.pager;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Assumptions;

/**
 * The host's pool of pages of 2 MiB, as large as a test needs it; afterwards it is as it was.
 *
 * @param before pages in the pool
 */
record HugePages(long before) implements AutoCloseable {
    static final long SIZE = 2 << 20;

    /** Pages of 4096 bytes in one. */
    static final int SMALL = 512;

    private static final Path POOL = Path.of("/sys/kernel/mm/hugepages/hugepages-2048kB");

    /** Makes so many pages free, neither more nor less; where that cannot be, the test is skipped. */
    static HugePages free(int pages) throws IOException {
        Path size = POOL.resolve("nr_hugepages");
        Assumptions.assumeTrue(Files.isWritable(size), "the pool of huge pages cannot be changed: " + size);
        HugePages pool = new HugePages(number(size));
        long inUse = pool.before - free();
        Files.writeString(size, String.valueOf(inUse + pages));
        if (free() != pages || number(POOL.resolve("nr_overcommit_hugepages")) > 0) {
            pool.close();
            Assumptions.abort(
                    "the host cannot make " + pages + " huge pages free, or makes more when they are asked for");
        }
        return pool;
    }

    private static long number(Path file) throws IOException {
        return Long.parseLong(Files.readString(file).strip());
    }

    /** Pages that nobody has now. */
    static long free() throws IOException {
        return number(POOL.resolve("free_hugepages"));
    }

    @Override
    public void close() throws IOException {
        Files.writeString(POOL.resolve("nr_hugepages"), String.valueOf(before));
    }
}
