package io.guestmem.image;

import io.airlift.compress.v3.Decompressor;
import io.airlift.compress.v3.MalformedInputException;
import io.airlift.compress.v3.lzo.LzoDecompressor;
import io.airlift.compress.v3.snappy.SnappyJavaDecompressor;
import io.airlift.compress.v3.zstd.ZstdJavaDecompressor;
import java.util.zip.DataFormatException;
import java.util.zip.Inflater;

/** How a page of a dump is compressed: {@code dump_desc.flags}. Source: makedumpfile 1.7 {@code diskdump_mod.h}. */
enum Compression {
    NONE,
    ZLIB,
    LZO,
    SNAPPY,
    ZSTD;

    private static final int FLAG_ZLIB = 1;
    private static final int FLAG_LZO = 2;
    private static final int FLAG_SNAPPY = 4;
    private static final int FLAG_INCOMPLETE = 8;
    private static final int FLAG_ZSTD = 0x20;

    /**
     * By a page's flags.
     *
     * @param offset of its description, for the error
     */
    static Compression of(int flags, long offset) throws ImageException {
        return switch (flags & ~FLAG_INCOMPLETE) {
            case 0 -> NONE;
            case FLAG_ZLIB -> ZLIB;
            case FLAG_LZO -> LZO;
            case FLAG_SNAPPY -> SNAPPY;
            case FLAG_ZSTD -> ZSTD;
            default -> throw new ImageException(offset, "a page with flags 0x" + Integer.toHexString(flags));
        };
    }

    /**
     * Decompresses.
     *
     * @param size what must come out
     * @param offset in the file, for the error
     */
    byte[] decompress(byte[] from, int size, long offset) throws ImageException {
        if (this == NONE) {
            if (from.length != size) {
                throw new ImageException(offset, "a block of " + from.length + " bytes, not " + size);
            }
            return from;
        }
        byte[] to = new byte[size];
        int length;
        try {
            length = this == ZLIB ? inflate(from, to) : decompressor().decompress(from, 0, from.length, to, 0, size);
        } catch (DataFormatException
                | MalformedInputException
                | IllegalArgumentException
                | IndexOutOfBoundsException e) {
            throw damaged(offset, e);
        }
        if (length != size) {
            throw new ImageException(offset, "a block that decompresses to " + length + " bytes, not " + size);
        }
        return to;
    }

    private ImageException damaged(long offset, Exception cause) {
        ImageException damaged =
                new ImageException(offset, "a block that does not decompress (" + name() + "): " + cause.getMessage());
        damaged.initCause(cause);
        return damaged;
    }

    private Decompressor decompressor() {
        return switch (this) {
            case LZO -> new LzoDecompressor();
            case SNAPPY -> new SnappyJavaDecompressor();
            case ZSTD -> new ZstdJavaDecompressor();
            case NONE, ZLIB -> throw new IllegalStateException("not by this library");
        };
    }

    private static int inflate(byte[] from, byte[] to) throws DataFormatException {
        Inflater inflater = new Inflater();
        try {
            inflater.setInput(from);
            int length = 0;
            while (length < to.length && !inflater.finished()) {
                int count = inflater.inflate(to, length, to.length - length);
                if (count == 0) {
                    throw new DataFormatException("cut off after " + length + " bytes");
                }
                length += count;
            }
            return length;
        } finally {
            inflater.end();
        }
    }
}
