package io.guestmem.pager.source;

import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * A snapshot in files: one raw image of the memory, or one over older ones that have what it leaves out.
 *
 * <pre>{@code
 *   offset      0         64K        128K       192K       256K
 *   snapshot    |  data   |  (hole)  |  (hole)  |  data    |
 *   base 2      |  ...    |  data    |  (hole)  |
 *   base 1      |  ...    |  ...     |  (hole)  |  ...     |
 *   guest       | snapshot|  base 2  |  zero    | snapshot |
 * }</pre>
 *
 * <p>What no file has data for is zero. Holes are found with {@code SEEK_DATA} and {@code SEEK_HOLE}; a file system that has none
 * says that everything is data, and then only one file makes sense.
 */
public final class SnapshotFiles implements PageSource {
    private static final int ZERO = -1;

    private final List<Layer> layers;
    private final long length;
    private final long[] ends;
    private final int[] layerOf;

    private SnapshotFiles(List<Layer> layers, long length, ExtentList extents) {
        this.layers = List.copyOf(layers);
        this.length = length;
        this.ends = extents.ends();
        this.layerOf = extents.layers();
    }

    /**
     * Opens the files.
     *
     * @param snapshot the topmost: its length is that of the memory file
     * @param bases what lies below, from the oldest to the newest
     * @throws SnapshotException if one is no regular file, is empty, or is not whole pages long
     * @throws io.guestmem.linux.LinuxException with the errno of {@code openat(2)} or {@code mmap(2)}
     */
    public static SnapshotFiles open(Path snapshot, List<Path> bases) {
        List<Layer> layers = new ArrayList<>();
        try {
            layers.add(Layer.open(snapshot));
            for (Path base : bases.reversed()) {
                layers.add(Layer.open(base));
            }
            long length = layers.getFirst().length();
            ExtentList extents = new ExtentList();
            fill(extents, layers, 0, 0, length);
            return new SnapshotFiles(layers, length, extents);
        } catch (RuntimeException failed) {
            layers.forEach(Layer::close);
            throw failed;
        }
    }

    /** Adds the extents of {@code [from, to)}, as the layers from {@code top} on have them. */
    private static void fill(ExtentList extents, List<Layer> layers, int top, long from, long to) {
        if (top == layers.size()) {
            extents.add(to, ZERO);
            return;
        }
        Layer layer = layers.get(top);
        long at = from;
        while (at < to) {
            long data = Math.min(layer.dataFrom(at), to);
            if (data >= layer.length()) {
                data = to;
            }
            if (data > at) {
                fill(extents, layers, top + 1, at, data);
            }
            at = data;
            if (at < to) {
                at = Math.min(layer.holeFrom(at), to);
                extents.add(at, top);
            }
        }
    }

    @Override
    public long length() {
        return length;
    }

    @Override
    public int extents() {
        return ends.length;
    }

    @Override
    public int extentAt(long offset) {
        if (offset < 0 || offset >= length) {
            throw new IndexOutOfBoundsException(offset + " of " + length);
        }
        int found = Arrays.binarySearch(ends, offset);
        return found >= 0 ? found + 1 : -found - 1;
    }

    @Override
    public long end(int extent) {
        return ends[extent];
    }

    @Override
    public boolean isZero(int extent) {
        return layerOf[extent] == ZERO;
    }

    @Override
    public long address(int extent, long offset) {
        return layers.get(layerOf[extent]).address(offset);
    }

    @Override
    public long readableEnd(int extent) {
        return isZero(extent)
                ? end(extent)
                : Math.min(end(extent), layers.get(layerOf[extent]).limit());
    }

    @Override
    public boolean refresh() {
        boolean intact = true;
        for (int i = 0; i < layers.size(); i++) {
            intact &= layers.get(i).refresh();
        }
        return intact;
    }

    @Override
    public void prepare(int extent, long from, long to) {
        long end = Math.min(to, readableEnd(extent));
        if (!isZero(extent) && from < end) {
            layers.get(layerOf[extent]).prepare(from, end);
        }
    }

    @Override
    public void announce(int extent, long from, long to) {
        long end = Math.min(to, readableEnd(extent));
        if (!isZero(extent) && from < end) {
            layers.get(layerOf[extent]).announce(from, end);
        }
    }

    @Override
    public long read(long offset, MemorySegment into) {
        long done = 0;
        while (done < into.byteSize() && offset + done < length) {
            long at = offset + done;
            int extent = extentAt(at);
            MemorySegment piece = into.asSlice(done, Math.min(into.byteSize() - done, end(extent) - at));
            long read = piece.byteSize();
            if (isZero(extent)) {
                piece.fill((byte) 0);
            } else {
                read = layers.get(layerOf[extent]).read(at, piece);
            }
            if (read < 0) {
                return read;
            }
            done += read;
            if (read < piece.byteSize()) {
                break;
            }
        }
        return done;
    }

    @Override
    public void close() {
        layers.forEach(Layer::close);
    }

    /** Extents in ascending order as they are found; neighbours of the same layer become one. */
    private static final class ExtentList {
        private long[] ends = new long[16];
        private int[] layers = new int[16];
        private int size;

        void add(long end, int layer) {
            if (size > 0 && layers[size - 1] == layer) {
                ends[size - 1] = end;
                return;
            }
            if (size == ends.length) {
                ends = Arrays.copyOf(ends, size * 2);
                layers = Arrays.copyOf(layers, size * 2);
            }
            ends[size] = end;
            layers[size++] = layer;
        }

        long[] ends() {
            return Arrays.copyOf(ends, size);
        }

        int[] layers() {
            return Arrays.copyOf(layers, size);
        }
    }
}
