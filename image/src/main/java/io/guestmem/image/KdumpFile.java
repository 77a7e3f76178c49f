package io.guestmem.image;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import org.jspecify.annotations.Nullable;

/**
 * The kdump-compressed format, as makedumpfile and QEMU write it.
 *
 * <pre>{@code
 *   block 0               disk_dump_header: "KDUMP   ", version @8, block_size @428, sub_hdr_size @432, bitmap_blocks @436,
 *                         max_mapnr @440
 *   block 1               kdump_sub_header: dump_level @8, split @12, vmcoreinfo @32 @40, notes @48 @56, max_mapnr_64 @96
 *   1 + sub_hdr_size      two bitmaps by page frame number: what is RAM, what of it is in the dump
 *   behind them           page_desc for each page in the dump: i64 offset, u32 size, u32 flags, u64 page_flags
 * }</pre>
 *
 * <p>Source: makedumpfile 1.7 {@code diskdump_mod.h}; QEMU 11.1 {@code dump/dump.c}.
 */
final class KdumpFile extends CompressedMemory {
    private static final String SIGNATURE = "KDUMP   ";
    private static final int PAGE = 4096;
    private static final int PAGE_SHIFT = 12;
    private static final int DESCRIPTION = 24;
    private static final int CACHED = 4096;
    private static final int VERSION_WITH_NOTES = 4;
    private static final int VERSION_WITH_64_BITS = 6;
    private static final int LEVEL_ZERO_PAGES_ONLY = 1;
    private static final int MOST_COMPRESSED = 2 * PAGE;
    private static final long MOST_FRAMES = 1L << 40;
    private static final ValueLayout.OfLong LONG = ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private final ImageBytes bytes;
    private final int level;
    private final long frames;
    private final MemorySegment ram;
    private final MemorySegment dumped;
    /** Of each 64 page frame numbers, how many pages before them are in the dump. */
    private final int[] before;

    private final long descriptions;
    private final ElfNotes notes;
    private final @Nullable String vmcoreinfo;

    private KdumpFile(ImageBytes bytes) throws ImageException {
        super(CACHED);
        this.bytes = bytes;
        int version = bytes.i32(8, "the version");
        int blockSize = bytes.i32(428, "the block size");
        if (blockSize != PAGE) {
            throw new ImageException(428, "blocks of " + blockSize + " bytes: pages of x86 have " + PAGE);
        }
        long subHeaderBlocks = Integer.toUnsignedLong(bytes.i32(432, "the size of the sub-header"));
        long bitmapBlocks = Integer.toUnsignedLong(bytes.i32(436, "the size of the bitmaps"));
        this.level = bytes.i32(PAGE + 8, "the dump level");
        if (bytes.i32(PAGE + 12, "whether the dump is split") != 0) {
            throw new ImageException(PAGE + 12, "one part of a split dump: put the parts together first");
        }
        this.frames = version >= VERSION_WITH_64_BITS
                ? bytes.i64(PAGE + 96, "the number of pages")
                : Integer.toUnsignedLong(bytes.i32(440, "the number of pages"));
        long bitmap = bitmapBlocks / 2 * PAGE;
        if (frames < 0 || frames > MOST_FRAMES || frames > bitmap * Byte.SIZE) {
            throw new ImageException(436, "bitmaps of " + bitmap + " bytes for " + frames + " pages");
        }
        long at = (1 + subHeaderBlocks) * PAGE;
        this.ram = bytes.slice(at, bitmap, "the first bitmap");
        this.dumped = bytes.slice(at + bitmap, bitmap, "the second bitmap");
        this.before = ranks(dumped);
        this.descriptions = at + 2 * bitmap;
        checkDescriptions(at + bitmap);
        this.notes = new ElfNotes(bytes, true);
        if (version >= VERSION_WITH_NOTES) {
            notes.read(bytes.i64(PAGE + 48, "the place of the notes"), bytes.i64(PAGE + 56, "the size of the notes"));
        }
        this.vmcoreinfo = readVmcoreinfo();
    }

    static boolean isOne(ImageBytes bytes) throws ImageException {
        return GuestImage.startsWith(bytes, SIGNATURE);
    }

    static KdumpFile of(ImageBytes bytes) throws ImageException {
        return new KdumpFile(bytes);
    }

    private static int[] ranks(MemorySegment bitmap) {
        int[] ranks = new int[(int) (bitmap.byteSize() / Long.BYTES) + 1];
        for (int i = 1; i < ranks.length; i++) {
            ranks[i] = ranks[i - 1] + Long.bitCount(bitmap.get(LONG, (i - 1L) * Long.BYTES));
        }
        return ranks;
    }

    private void checkDescriptions(long bitmapOffset) throws ImageException {
        long pages = before[before.length - 1];
        try {
            ImageBytes.check(bytes.size(), descriptions, pages * DESCRIPTION, "the page descriptions");
        } catch (ImageException e) {
            throw new ImageException(bitmapOffset, "the bitmap promises " + pages + " pages: " + e.getMessage());
        }
    }

    private @Nullable String readVmcoreinfo() throws ImageException {
        long size = bytes.i64(PAGE + 40, "the size of VMCOREINFO");
        long at = bytes.i64(PAGE + 32, "the place of VMCOREINFO");
        return size > 0 ? ElfNotes.text(bytes, at, size) : notes.vmcoreinfo();
    }

    ElfNotes notes() {
        return notes;
    }

    @Nullable
    String vmcoreinfo() {
        return vmcoreinfo;
    }

    /** How many page frames the dump speaks of, from 0 on. */
    long frames() {
        return frames;
    }

    private static boolean isSet(MemorySegment bitmap, long frame) {
        return ((bitmap.get(ValueLayout.JAVA_BYTE, frame >>> 3) >>> (frame & 7)) & 1) != 0;
    }

    /** A page frame with its data is a block of the same number. */
    @Override
    long block(long address) {
        long frame = address >>> PAGE_SHIFT;
        if (address < 0 || frame >= frames) {
            return -1;
        }
        boolean zero = level == LEVEL_ZERO_PAGES_ONLY && isSet(ram, frame);
        return zero || isSet(dumped, frame) ? frame : -1;
    }

    @Override
    long start(long block) {
        return block << PAGE_SHIFT;
    }

    @Override
    byte[] decompress(long frame) throws ImageException {
        if (!isSet(dumped, frame)) {
            return new byte[PAGE];
        }
        long word = dumped.get(LONG, (frame >>> 6) * Long.BYTES);
        long rank = (long) before[(int) (frame >>> 6)] + Long.bitCount(word & ((1L << frame) - 1));
        long description = descriptions + rank * DESCRIPTION;
        long offset = bytes.i64(description, "a page's offset");
        int size = bytes.i32(description + 8, "a page's size");
        int flags = bytes.i32(description + 12, "a page's flags");
        if (size <= 0 || size > MOST_COMPRESSED) {
            throw new ImageException(description, "a page of " + size + " bytes");
        }
        byte[] data = bytes.array(offset, size, "a page");
        return (size == PAGE ? Compression.NONE : Compression.of(flags, description)).decompress(data, PAGE, offset);
    }

    @Override
    Presence withoutBlock(long address) {
        long frame = address >>> PAGE_SHIFT;
        return address >= 0 && frame < frames && isSet(ram, frame) ? Presence.EXCLUDED : Presence.NONE;
    }
}
