package io.guestmem.image;

import io.guestmem.paging.PhysicalMemory;
import io.guestmem.paging.PhysicalRange;
import io.guestmem.paging.PhysicalRanges;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * An image of a guest's memory. Immutable and thread-safe; the file stays mapped as long as somebody holds its memory, and is
 * never written.
 */
public final class GuestImage {
    private static final long FOUR_GIB = 1L << 32;
    private static final long PAGE = 4096;
    /** Firecracker's hole begins here since 1.13. */
    private static final long FIRECRACKER_LOW = 3L << 30;
    /** And in the releases before. */
    private static final long FIRECRACKER_LOW_BEFORE = FOUR_GIB - (768L << 20);

    private final ImageFormat format;
    private final PhysicalMemory memory;
    private final List<Extent> extents;
    private final List<CpuState> cpus;
    private final @Nullable String vmcoreinfo;

    private GuestImage(
            ImageFormat format,
            PhysicalMemory memory,
            List<Extent> extents,
            List<CpuState> cpus,
            @Nullable String vmcoreinfo) {
        this.format = format;
        this.memory = memory;
        this.extents = extents;
        this.cpus = List.copyOf(cpus);
        this.vmcoreinfo = vmcoreinfo;
    }

    /**
     * Opens an image of any format, as its first bytes tell; without any that are known it is raw memory.
     *
     * @throws ImageException if the file contradicts itself
     * @throws IOException if it cannot be read
     */
    public static GuestImage open(Path file, ImageOptions options) throws IOException {
        if (!options.bases().isEmpty()) {
            return layered(file, options);
        }
        MappedBytes bytes = MappedBytes.open(file);
        if (options.state().isPresent()) {
            return firecracker(bytes, MappedBytes.open(options.state().get()), options);
        }
        if (options.raw()) {
            return raw(bytes, options);
        }
        if (ElfCore.isOne(bytes)) {
            ElfCore core = ElfCore.read(bytes);
            return ofRanges(
                    ImageFormat.ELF,
                    core.memory(),
                    core.notes().cpus(),
                    core.notes().vmcoreinfo());
        }
        if (FlattenedBytes.isOne(bytes)) {
            FlattenedBytes made = FlattenedBytes.of(bytes);
            if (!KdumpFile.isOne(made)) {
                throw new ImageException(0, "a flattened dump that is not kdump-compressed: make a file of it first");
            }
            return kdump(ImageFormat.KDUMP_FLATTENED, made);
        }
        if (KdumpFile.isOne(bytes)) {
            return kdump(ImageFormat.KDUMP, bytes);
        }
        if (LimeFile.isOne(bytes)) {
            return ofRanges(ImageFormat.LIME, LimeFile.read(bytes), List.of(), null);
        }
        if (AvmlFile.isOne(bytes)) {
            AvmlFile avml = AvmlFile.of(bytes);
            return new GuestImage(ImageFormat.AVML, avml, avml.extents(), List.of(), null);
        }
        if (FirecrackerState.isOne(bytes)) {
            throw new ImageException(0, "a Firecracker state file: the image is the memory file beside it");
        }
        return raw(bytes, options);
    }

    /** Only memory files have differences: those of other formats would be taken for memory. */
    private static GuestImage layered(Path file, ImageOptions options) throws IOException {
        LayeredBytes bytes = LayeredBytes.open(file, options.bases());
        if (options.state().isPresent()) {
            return firecracker(bytes, MappedBytes.open(options.state().get()), options);
        }
        if (!options.raw()) {
            for (Path path :
                    Stream.concat(Stream.of(file), options.bases().stream()).toList()) {
                MappedBytes alone = MappedBytes.open(path);
                if (ElfCore.isOne(alone)
                        || FlattenedBytes.isOne(alone)
                        || KdumpFile.isOne(alone)
                        || LimeFile.isOne(alone)
                        || AvmlFile.isOne(alone)
                        || FirecrackerState.isOne(alone)) {
                    throw new ImageException(
                            0, path + " is no memory file, and only those are differences or have them");
                }
            }
        }
        return raw(bytes, options);
    }

    private static GuestImage kdump(ImageFormat format, ImageBytes bytes) throws ImageException {
        KdumpFile dump = KdumpFile.of(bytes);
        List<Extent> all = List.of(new Extent(0, dump.frames() * PAGE));
        return new GuestImage(format, dump, all, dump.notes().cpus(), dump.vmcoreinfo());
    }

    private static GuestImage raw(ImageBytes bytes, ImageOptions options) throws ImageException {
        long low = options.lowMemory() == 0 ? bytes.size() : options.lowMemory();
        return ofRanges(ImageFormat.RAW, split(bytes, low), List.of(), null);
    }

    private static GuestImage firecracker(ImageBytes bytes, ImageBytes state, ImageOptions options)
            throws ImageException {
        List<CpuState> cpus = FirecrackerState.cpus(state);
        if (options.lowMemory() != 0) {
            return ofRanges(ImageFormat.FIRECRACKER, split(bytes, options.lowMemory()), cpus, null);
        }
        PhysicalRanges memory = split(bytes, FIRECRACKER_LOW);
        long root = FirecrackerState.root(cpus.getFirst().cr3());
        if (bytes.size() > FIRECRACKER_LOW && !isRoot(memory, root)) {
            PhysicalRanges before = split(bytes, FIRECRACKER_LOW_BEFORE);
            memory = isRoot(before, root) ? before : memory;
        }
        return ofRanges(ImageFormat.FIRECRACKER, memory, cpus, null);
    }

    /** Whether all that a table's entries say lies in memory, and they say something. */
    private static boolean isRoot(PhysicalRanges memory, long root) {
        if (!memory.presence(root).isReadable()) {
            return false;
        }
        boolean some = false;
        for (long at = root; at < root + PAGE; at += Long.BYTES) {
            long entry = memory.read64(at);
            if ((entry & 1) != 0) {
                some = true;
                if (!memory.presence(FirecrackerState.root(entry)).isReadable()) {
                    return false;
                }
            }
        }
        return some;
    }

    private static PhysicalRanges split(ImageBytes bytes, long low) throws ImageException {
        MemoryPieces pieces = new MemoryPieces(bytes);
        pieces.add(0, Math.min(low, bytes.size()), 0, 0);
        if (bytes.size() > low) {
            pieces.add(FOUR_GIB, bytes.size() - low, low, 0);
        }
        return pieces.memory();
    }

    private static GuestImage ofRanges(
            ImageFormat format, PhysicalRanges memory, List<CpuState> cpus, @Nullable String vmcoreinfo) {
        return new GuestImage(format, memory, extents(memory), cpus, vmcoreinfo);
    }

    /** Neighbours are one extent: they may be parts of different files. */
    private static List<Extent> extents(PhysicalRanges memory) {
        List<Extent> extents = new ArrayList<>();
        for (PhysicalRange range : memory.ranges()) {
            boolean continues = !extents.isEmpty() && extents.getLast().end() == range.start();
            long start = continues ? extents.removeLast().start() : range.start();
            extents.add(new Extent(start, range.end()));
        }
        return extents;
    }

    static boolean startsWith(ImageBytes bytes, String signature) throws ImageException {
        byte[] expected = signature.getBytes(StandardCharsets.ISO_8859_1);
        return bytes.size() >= expected.length
                && Arrays.equals(bytes.array(0, expected.length, "the signature"), expected);
    }

    /** What kind of image it is. */
    public ImageFormat format() {
        return format;
    }

    /** The guest's memory; read-only. */
    public PhysicalMemory memory() {
        return memory;
    }

    /** Behind the highest physical address that the image speaks of. */
    public long end() {
        return extents.getLast().end();
    }

    /** The registers that the image carries; empty for most formats. */
    public List<CpuState> cpus() {
        return cpus;
    }

    /** The first part of a compressed image that could not be decompressed, if one was met. */
    public Optional<ImageException> damage() {
        return memory instanceof CompressedMemory compressed ? compressed.damage() : Optional.empty();
    }

    /**
     * Finds page tables without registers, for Linux guests: by VMCOREINFO in the image's notes, then in its memory, then blind. Goes
     * through all of memory.
     */
    public Optional<PageTableRoot> findRoot() {
        RootSearch search = new RootSearch(memory, extents);
        Optional<PageTableRoot> named = vmcoreinfo == null
                ? Optional.empty()
                : search.root(new VmcoreInfo(vmcoreinfo), "VMCOREINFO in the image's notes");
        return named.or(search::byVmcoreinfo).or(search::blind);
    }
}
