package io.guestmem.lab;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.LongBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.BitSet;
import java.util.List;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * Which pages of a file another process has in its page table: {@code /proc/PID/pagemap}, bit 63 of the 8 bytes of each page
 * (Linux {@code Documentation/admin-guide/mm/pagemap.rst}). Looking touches none of them.
 */
final class ResidentPages implements AutoCloseable {
    private static final Pattern MAPPING = Pattern.compile("([0-9a-f]+)-([0-9a-f]+) .*");
    private static final int PAGE_SIZE = FirstTouchRecording.PAGE_SIZE;

    private final FileChannel pageMap;
    private final long position;
    private final ByteBuffer bytes;
    private final LongBuffer entries;

    private ResidentPages(FileChannel pageMap, long address, int pages) {
        this.pageMap = pageMap;
        this.position = address / PAGE_SIZE * Long.BYTES;
        this.bytes = ByteBuffer.allocateDirect(pages * Long.BYTES).order(ByteOrder.nativeOrder());
        this.entries = bytes.asLongBuffer();
    }

    /**
     * The pages of a file in the one process below a process that has all of it mapped.
     *
     * @param size of the file, in bytes
     * @throws IOException if there is no such process
     */
    static ResidentPages of(Path file, long size, ProcessHandle above) throws IOException {
        try (Stream<ProcessHandle> below = above.descendants()) {
            for (ProcessHandle process : below.toList()) {
                Path directory = Path.of("/proc", Long.toString(process.pid()));
                Optional<Long> address = address(directory.resolve("maps"), file, size);
                if (address.isPresent()) {
                    FileChannel pageMap = FileChannel.open(directory.resolve("pagemap"));
                    return new ResidentPages(pageMap, address.get(), Math.toIntExact(size / PAGE_SIZE));
                }
            }
        }
        throw new IOException("QEMU has not mapped " + file);
    }

    private static Optional<Long> address(Path maps, Path file, long size) {
        for (String line : lines(maps)) {
            Matcher mapping = MAPPING.matcher(line);
            if (line.endsWith(" " + file) && mapping.matches()) {
                long start = Long.parseUnsignedLong(mapping.group(1), 16);
                if (Long.parseUnsignedLong(mapping.group(2), 16) - start == size) {
                    return Optional.of(start);
                }
            }
        }
        return Optional.empty();
    }

    /** None if the process has ended meanwhile, or belongs to somebody else. */
    private static List<String> lines(Path maps) {
        try {
            return Files.readAllLines(maps);
        } catch (IOException _) {
            return List.of();
        }
    }

    /**
     * The pages that are there and not among those known, which they are added to.
     *
     * @return bit n stands for page n of the file
     */
    BitSet addTo(BitSet known) throws IOException {
        bytes.clear();
        int read = 0;
        while (read >= 0 && bytes.hasRemaining()) {
            read = pageMap.read(bytes, position + bytes.position());
        }
        BitSet fresh = new BitSet();
        int pages = bytes.position() / Long.BYTES;
        for (int page = known.nextClearBit(0); page < pages; page = known.nextClearBit(page + 1)) {
            if (entries.get(page) < 0) {
                fresh.set(page);
            }
        }
        known.or(fresh);
        return fresh;
    }

    /** Whether the last look found less than all, as it does when the process has ended. */
    boolean hasEnded() {
        return bytes.hasRemaining();
    }

    @Override
    public void close() throws IOException {
        pageMap.close();
    }
}
