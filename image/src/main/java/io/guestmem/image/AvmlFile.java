package io.guestmem.image;

import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.zip.CRC32C;

/**
 * AVML, version 2: ranges as in {@link LimeFile}, each a stream of Snappy frames, and behind it how long that is.
 *
 * <pre>{@code
 *   u32 magic 0x4C4D5641, version 2; u64 start, end (itself included), 8 bytes reserved
 *   frames: u8 type, u24 length; type 0xFF the stream's name, 0x00 u32 CRC and compressed, 0x01 u32 CRC and plain, from 0x80 padding
 *   u64 the frames' length                                                                                 repeated
 * }</pre>
 *
 * <p>Only the frames' headers are read; a frame has 64 KiB at most and is decompressed, and its checksum compared, when it is asked for.
 */
final class AvmlFile extends CompressedMemory {
    private static final int MAGIC = 0x4C4D_5641;
    private static final int FRAME_HEADER = 4;
    private static final int CRC = 4;
    private static final int CRC_MASK = 0xA282_EAD8;
    private static final int COMPRESSED = 0x00;
    private static final int PLAIN = 0x01;
    private static final int FIRST_SKIPPABLE = 0x80;
    private static final int MOST_PLAIN = 1 << 16;
    private static final int CACHED = 256;

    /**
     * A frame that holds memory.
     *
     * @param start physical
     * @param size decompressed
     * @param offset of the data in the file
     * @param length of the data in the file
     * @param crc masked, of the decompressed data
     */
    private record Frame(long start, int size, long offset, int length, boolean compressed, int crc) {}

    private final ImageBytes bytes;
    private final List<Frame> frames = new ArrayList<>();
    private final long[] starts;

    private AvmlFile(ImageBytes bytes) throws ImageException {
        super(CACHED);
        this.bytes = bytes;
        long at = 0;
        while (at < bytes.size()) {
            at = readRange(at);
        }
        frames.sort(Comparator.comparingLong(Frame::start));
        if (frames.isEmpty()) {
            throw new ImageException(0, "there is no memory in this image");
        }
        this.starts = frames.stream().mapToLong(Frame::start).toArray();
        for (int i = 1; i < starts.length; i++) {
            if (starts[i] < starts[i - 1] + frames.get(i - 1).size) {
                throw new ImageException(
                        frames.get(i).offset, "two parts overlap at address 0x" + Long.toHexString(starts[i]));
            }
        }
    }

    static boolean isOne(ImageBytes bytes) throws ImageException {
        return bytes.size() >= Integer.BYTES && bytes.i32(0, "the magic number") == MAGIC;
    }

    static AvmlFile of(ImageBytes bytes) throws ImageException {
        return new AvmlFile(bytes);
    }

    private long readRange(long at) throws ImageException {
        if (bytes.i32(at, "the magic number") != MAGIC || bytes.i32(at + 4, "the version") != 2) {
            throw new ImageException(at, "no AVML header, or one of an unknown version");
        }
        long start = bytes.i64(at + 8, "a range's start");
        long length = LimeFile.length(start, bytes.i64(at + 16, "a range's end"), at);
        long frame = at + LimeFile.HEADER;
        long done = 0;
        while (done < length) {
            int header = bytes.i32(frame, "a frame");
            int type = header & 0xFF;
            int size = header >>> 8;
            ImageBytes.check(bytes.size(), frame + FRAME_HEADER, size, "a frame");
            if (type == COMPRESSED || type == PLAIN) {
                Frame found = frame(type == COMPRESSED, start + done, frame, size);
                frames.add(found);
                done += found.size;
            } else if (type < FIRST_SKIPPABLE) {
                throw new ImageException(frame, "a frame of unknown type " + type);
            }
            frame += FRAME_HEADER + size;
        }
        long promised = bytes.i64(frame, "the frames' length");
        if (done > length || promised != frame - at - LimeFile.HEADER) {
            throw new ImageException(frame, "frames of " + promised + " bytes that hold " + done + " of " + length);
        }
        return frame + Long.BYTES;
    }

    private Frame frame(boolean compressed, long start, long frame, int size) throws ImageException {
        long data = frame + FRAME_HEADER + CRC;
        int length = size - CRC;
        int plain = compressed ? plainSize(data, length) : length;
        if (plain <= 0 || plain > MOST_PLAIN || plain % Long.BYTES != 0 || start % Long.BYTES != 0) {
            throw new ImageException(frame, "a frame of " + plain + " bytes");
        }
        return new Frame(start, plain, data, length, compressed, bytes.i32(frame + FRAME_HEADER, "a frame"));
    }

    /** The number that Snappy data begins with, seven bits a byte. */
    private int plainSize(long data, int length) throws ImageException {
        int size = 0;
        for (int i = 0; i < Math.min(3, length); i++) {
            int next = bytes.slice(data + i, 1, "a frame").get(ValueLayout.JAVA_BYTE, 0);
            size |= (next & 0x7F) << (7 * i);
            if (next >= 0) {
                return size;
            }
        }
        return -1;
    }

    @Override
    long block(long address) {
        int at = Arrays.binarySearch(starts, address);
        if (at < 0) {
            at = -at - 2;
        }
        return at >= 0 && address - starts[at] < frames.get(at).size ? at : -1;
    }

    @Override
    long start(long block) {
        return starts[(int) block];
    }

    @Override
    byte[] decompress(long block) throws ImageException {
        Frame frame = frames.get((int) block);
        byte[] data = bytes.array(frame.offset, frame.length, "a frame");
        byte[] plain =
                (frame.compressed ? Compression.SNAPPY : Compression.NONE).decompress(data, frame.size, frame.offset);
        if (masked(plain) != frame.crc) {
            throw new ImageException(frame.offset - CRC, "a frame whose checksum is not that of its data");
        }
        return plain;
    }

    /** As Snappy's framing format has it: the CRC-32C, turned by 15 bits, and a number added. */
    static int masked(byte[] plain) {
        CRC32C crc = new CRC32C();
        crc.update(plain);
        return Integer.rotateRight((int) crc.getValue(), 15) + CRC_MASK;
    }

    /** Blocks of zeros are not in the file, and neither is what is no memory: nothing tells them apart. */
    @Override
    Presence withoutBlock(long address) {
        return address >= starts[0] && address < frames.getLast().start + frames.getLast().size
                ? Presence.EXCLUDED
                : Presence.NONE;
    }

    /** What the file has, ascending. */
    List<Extent> extents() {
        return frames.stream()
                .map(frame -> new Extent(frame.start, frame.start + frame.size))
                .toList();
    }
}
