package io.guestmem.image;

import io.guestmem.linux.Errno;
import io.guestmem.linux.FileDescriptor;
import io.guestmem.linux.LinuxException;
import io.guestmem.linux.OpenMode;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * A memory file that is a difference to older ones: where it has a hole, the newest file below that has none there counts.
 *
 * <pre>{@code
 *   offset      0         64K        128K       192K       256K
 *   file        |  data   |  (hole)  |  (hole)  |  data    |
 *   base 2      |  ...    |  data    |  (hole)  |  ...     |
 *   base 1      |  ...    |  ...     |  as it is|  ...     |
 * }</pre>
 *
 * <p>All files are mapped, and are as long as each other. The oldest has what no other has, zeros in its holes. Holes are found
 * with {@code SEEK_DATA} and {@code SEEK_HOLE}, in pages of 4096 bytes: a page that has any data is data.
 */
final class LayeredBytes extends ImageBytes {
    private static final long PAGE = 4096;

    private final long size;
    /** Where the parts end, ascending; each lies in one file. */
    private final long[] ends;

    /** Of each part, the file. */
    private final MappedBytes[] files;

    private LayeredBytes(long size, List<Part> parts) {
        this.size = size;
        this.ends = parts.stream().mapToLong(Part::end).toArray();
        this.files = parts.stream().map(Part::file).toArray(MappedBytes[]::new);
    }

    private record Part(long end, MappedBytes file) {}

    /** A file, and where its holes are. */
    private record Layer(Path path, MappedBytes bytes, FileDescriptor file) {}

    /**
     * Opens the files.
     *
     * @param top the newest
     * @param bases what lies below, from the oldest to the newest; one at least
     * @throws ImageException if they are not equally long or not whole pages, or if one without holes hides what lies below
     */
    static LayeredBytes open(Path top, List<Path> bases) throws IOException {
        List<Layer> layers = new ArrayList<>();
        try {
            layers.add(layer(top));
            for (Path base : bases.reversed()) {
                layers.add(layer(base));
            }
            check(layers);
            long size = layers.getFirst().bytes.size();
            List<Part> parts = new ArrayList<>();
            fill(parts, layers, size);
            return new LayeredBytes(size, parts);
        } finally {
            layers.forEach(layer -> layer.file.close());
        }
    }

    private static Layer layer(Path path) throws IOException {
        if (Files.isDirectory(path)) {
            throw new ImageException(path + ": a directory");
        }
        return new Layer(path, MappedBytes.open(path), FileDescriptor.open(path, OpenMode.READ));
    }

    private static void check(List<Layer> layers) throws ImageException {
        Layer oldest = layers.getLast();
        long size = oldest.bytes.size();
        for (Layer layer : layers) {
            long own = layer.bytes.size();
            if (own != size) {
                throw new ImageException(
                        Math.min(own, size),
                        layer.path + " has " + own + " bytes and " + oldest.path + " has " + size
                                + ": they are not of one guest");
            }
            if (size == 0 || size % PAGE != 0) {
                throw new ImageException(
                        size & -PAGE, layer.path + ": " + size + " bytes are no positive number of pages");
            }
        }
        for (Layer layer : layers.subList(0, layers.size() - 1)) {
            if (dataFrom(layer, 0) == 0 && holeFrom(layer, 0) == size) {
                throw new ImageException(
                        0,
                        layer.path + " has no holes, as after a copy that fills them: nothing of what lies below is"
                                + " left");
            }
        }
    }

    /** All parts, as the layers have them from the top down. */
    private static void fill(List<Part> parts, List<Layer> layers, long to) {
        long at = 0;
        while (at < to) {
            int top = 0;
            long end = to;
            // What is data in an upper layer ends a part of a lower one.
            for (; top < layers.size() - 1; top++) {
                long data = dataFrom(layers.get(top), at);
                if (data == at) {
                    end = Math.min(end, holeFrom(layers.get(top), at));
                    break;
                }
                end = Math.min(end, data);
            }
            parts.add(new Part(end, layers.get(top).bytes));
            at = end;
        }
    }

    /** Where data begins at {@code offset} or behind it; the end if only a hole follows. */
    private static long dataFrom(Layer layer, long offset) {
        long found = layer.file.seekData(offset);
        return found == -Errno.ENXIO.number()
                ? layer.bytes.size()
                : Math.max(offset, LinuxException.check(found, "lseek", layer.path, "SEEK_DATA", offset) & -PAGE);
    }

    /** Where the data ends that begins in the page at {@code offset}, which need not be at the page's first byte. */
    private static long holeFrom(Layer layer, long offset) {
        long data = LinuxException.check(layer.file.seekData(offset), "lseek", layer.path, "SEEK_DATA", offset);
        long found = LinuxException.check(layer.file.seekHole(data), "lseek", layer.path, "SEEK_HOLE", data);
        return Math.min(layer.bytes.size(), Math.ceilDiv(found, PAGE) * PAGE);
    }

    @Override
    long size() {
        return size;
    }

    @Override
    MemorySegment slice(long offset, long length, String what) throws ImageException {
        List<MemorySegment> parts = parts(offset, length, what);
        if (parts.size() == 1) {
            return parts.getFirst();
        }
        byte[] copy = new byte[Math.toIntExact(length)];
        int done = 0;
        for (MemorySegment part : parts) {
            MemorySegment.copy(part, ValueLayout.JAVA_BYTE, 0, copy, done, (int) part.byteSize());
            done += (int) part.byteSize();
        }
        return MemorySegment.ofArray(copy);
    }

    @Override
    List<MemorySegment> parts(long offset, long length, String what) throws ImageException {
        check(size, offset, length, what);
        List<MemorySegment> parts = new ArrayList<>();
        int found = Arrays.binarySearch(ends, offset);
        int part = found >= 0 ? found + 1 : -found - 1;
        for (long at = offset; at < offset + length; part++) {
            long end = Math.min(ends[part], offset + length);
            parts.add(files[part].slice(at, end - at, what));
            at = end;
        }
        return parts;
    }
}
