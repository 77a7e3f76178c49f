package io.guestmem.bench;

import io.guestmem.paging.Mappings;
import io.guestmem.paging.PagingState;
import io.guestmem.paging.PhysicalRanges;
import io.guestmem.paging.WalkPlan;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.foreign.ValueLayout.OfLong;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;

/**
 * An address space that both sides of a benchmark walk: a file with a guest's physical memory from address 0 on, of which only the
 * page tables exist, and a file with addresses to ask for. Both are mapped by both sides. Gone after {@link #close}.
 */
final class GuestSpace implements AutoCloseable {
    private static final OfLong LONG = ValueLayout.JAVA_LONG.withOrder(ByteOrder.LITTLE_ENDIAN);
    /** Where files take no disk; elsewhere they are temporary files like any other. */
    private static final Path SHARED_MEMORY = Path.of("/dev/shm");

    private final Path directory;
    private final Arena arena;
    private final MemorySegment bytes;
    private PagingState state;

    /** Memory without a page. */
    GuestSpace(long size, PagingState state) {
        this.state = state;
        this.arena = Arena.ofShared();
        try {
            this.directory = Files.isWritable(SHARED_MEMORY)
                    ? Files.createTempDirectory(SHARED_MEMORY, "guestmem-bench-")
                    : Files.createTempDirectory("guestmem-bench-");
            try (FileChannel channel = FileChannel.open(
                    memoryFile(), StandardOpenOption.CREATE_NEW, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
                this.bytes = channel.map(FileChannel.MapMode.READ_WRITE, 0, size, arena);
            }
        } catch (IOException failed) {
            arena.close();
            throw new UncheckedIOException(failed);
        }
    }

    void set(long address, long entry) {
        bytes.set(LONG, address, entry);
    }

    void root(PagingState withRoot) {
        state = withRoot;
    }

    /** Its size in bytes. */
    long size() {
        return bytes.byteSize();
    }

    /** Where its first byte is mapped. */
    long hva() {
        return bytes.address();
    }

    /** The physical address of its root table. */
    long root() {
        return state.cr3() & 0x000F_FFFF_FFFF_F000L;
    }

    WalkPlan plan() {
        return WalkPlan.of(state);
    }

    PhysicalRanges memory() {
        return PhysicalRanges.of(bytes.asReadOnly());
    }

    Path memoryFile() {
        return directory.resolve("memory");
    }

    private Path queriesFile() {
        return directory.resolve("queries");
    }

    /**
     * Addresses to ask for, one page as likely as another; the same ones each time.
     *
     * @param sorted whether they ascend
     */
    long[] queries(int count, boolean sorted) {
        Runs runs = new Runs();
        Mappings.of(plan(), memory()).forEach((linear, _, size, _, _) -> runs.add(linear, size >>> 12));
        SplittableRandom random = new SplittableRandom(1);
        long[] queries = new long[count];
        Arrays.setAll(queries, _ -> runs.page(random.nextLong(runs.pages())) + random.nextInt(4096));
        if (sorted) {
            Arrays.sort(queries);
        }
        return queries;
    }

    /**
     * A program that is told where all of this is.
     *
     * @param command the program and its first arguments
     * @param order what it is to do with each line
     */
    WalkPeer peer(List<String> command, String order, long[] queries) {
        try (Arena mapped = Arena.ofConfined();
                FileChannel channel = FileChannel.open(
                        queriesFile(), StandardOpenOption.CREATE, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
            MemorySegment to = channel.map(FileChannel.MapMode.READ_WRITE, 0, queries.length * 8L, mapped);
            MemorySegment.copy(queries, 0, to, LONG, 0, queries.length);
        } catch (IOException failed) {
            throw new UncheckedIOException(failed);
        }
        List<String> words = new ArrayList<>(command);
        words.add(memoryFile().toString());
        words.add("0x" + Long.toHexString(root()));
        words.add(queriesFile().toString());
        return new WalkPeer(words, order);
    }

    @Override
    public void close() {
        arena.close();
        try {
            Files.deleteIfExists(queriesFile());
            Files.deleteIfExists(memoryFile());
            Files.delete(directory);
        } catch (IOException failed) {
            throw new UncheckedIOException(failed);
        }
    }

    /** Runs of pages, by the number of their first page among all. */
    private static final class Runs {
        private long[] starts = new long[64];
        private long[] numbers = new long[64];
        private int count;
        private long pages;

        void add(long linear, long more) {
            if (count == starts.length) {
                starts = Arrays.copyOf(starts, 2 * count);
                numbers = Arrays.copyOf(numbers, 2 * count);
            }
            starts[count] = linear;
            numbers[count++] = pages;
            pages += more;
        }

        long pages() {
            return pages;
        }

        long page(long number) {
            int at = Arrays.binarySearch(numbers, 0, count, number);
            int run = at >= 0 ? at : -at - 2;
            return starts[run] + ((number - numbers[run]) << 12);
        }
    }
}
