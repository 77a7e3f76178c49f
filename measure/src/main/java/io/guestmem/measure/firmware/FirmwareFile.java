package io.guestmem.measure.firmware;

import io.guestmem.measure.layout.LittleEndian;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/**
 * The bytes of a firmware file. Every access says which field it reads, for the message if it does not lie in the file.
 *
 * @param bytes all of them
 */
public record FirmwareFile(MemorySegment bytes) {
    /** Larger files are mapped and not read: hashing them is what takes the time. */
    private static final long MAPPED_FROM = 256 << 20;

    /**
     * Reads or maps a file. A mapped file must not become shorter while it is used.
     *
     * @throws IOException if it cannot be read
     */
    public static FirmwareFile read(Path path) throws IOException {
        if (Files.isRegularFile(path) && Files.size(path) >= MAPPED_FROM) {
            try (FileChannel channel = FileChannel.open(path, StandardOpenOption.READ)) {
                return new FirmwareFile(channel.map(FileChannel.MapMode.READ_ONLY, 0, channel.size(), Arena.ofAuto()));
            }
        }
        return of(Files.readAllBytes(path));
    }

    /** The bytes of an array, which nobody may change. */
    public static FirmwareFile of(byte[] bytes) {
        return new FirmwareFile(MemorySegment.ofArray(bytes));
    }

    /** Its length in bytes. */
    public long size() {
        return bytes.byteSize();
    }

    /**
     * A part of the file.
     *
     * @throws MalformedFirmwareException if it does not lie in the file
     */
    public MemorySegment slice(String field, long offset, long length) throws MalformedFirmwareException {
        check(field, offset, length);
        return bytes.asSlice(offset, length);
    }

    /**
     * A copy of a part of the file.
     *
     * @throws MalformedFirmwareException if it does not lie in the file
     */
    public byte[] copy(String field, long offset, int length) throws MalformedFirmwareException {
        check(field, offset, length);
        byte[] copy = new byte[length];
        MemorySegment.copy(bytes, offset, MemorySegment.ofArray(copy), 0, length);
        return copy;
    }

    /**
     * The unsigned 32 bits at an offset.
     *
     * @throws MalformedFirmwareException if they do not lie in the file
     */
    public long u32(String field, long offset) throws MalformedFirmwareException {
        return LittleEndian.u32(copy(field, offset, 4), 0);
    }

    private void check(String field, long offset, long length) throws MalformedFirmwareException {
        if (offset < 0 || length < 0 || offset > size() || length > size() - offset) {
            throw new MalformedFirmwareException(
                    field,
                    offset,
                    "0x" + Long.toHexString(length) + " bytes do not lie in a file of 0x" + Long.toHexString(size()));
        }
    }
}
