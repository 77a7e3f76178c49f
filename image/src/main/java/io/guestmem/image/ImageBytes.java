package io.guestmem.image;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.foreign.ValueLayout.OfInt;
import java.lang.foreign.ValueLayout.OfLong;
import java.lang.foreign.ValueLayout.OfShort;
import java.nio.ByteOrder;
import java.util.List;

/** The bytes of an image, little-endian, where a place that is not there is an error with its offset. Thread-safe. */
abstract sealed class ImageBytes permits MappedBytes, FlattenedBytes, LayeredBytes {
    private static final OfShort SHORT = ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final OfInt INT = ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final OfLong LONG = ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    /** How many bytes there are, holes included. */
    abstract long size();

    /**
     * A part of the bytes, all of which are there; it may be a copy.
     *
     * @param what it is, for the error
     */
    abstract MemorySegment slice(long offset, long length, String what) throws ImageException;

    /** The same as the parts that it is made of, none of them copied if the bytes are those of files. */
    List<MemorySegment> parts(long offset, long length, String what) throws ImageException {
        return List.of(slice(offset, length, what));
    }

    final byte[] array(long offset, int length, String what) throws ImageException {
        return slice(offset, length, what).toArray(ValueLayout.JAVA_BYTE);
    }

    final int u16(long offset, String what) throws ImageException {
        return Short.toUnsignedInt(slice(offset, Short.BYTES, what).get(SHORT, 0));
    }

    final int i32(long offset, String what) throws ImageException {
        return slice(offset, Integer.BYTES, what).get(INT, 0);
    }

    final long i64(long offset, String what) throws ImageException {
        return slice(offset, Long.BYTES, what).get(LONG, 0);
    }

    /** Checks that a part is there without looking at it. */
    static void check(long size, long offset, long length, String what) throws ImageException {
        if (offset < 0 || length < 0 || offset > size || length > size - offset) {
            throw new ImageException(
                    Math.clamp(offset, 0, size),
                    what + " of " + length + " bytes at 0x" + Long.toHexString(offset) + " reaches behind the end of "
                            + size + " bytes");
        }
    }
}
