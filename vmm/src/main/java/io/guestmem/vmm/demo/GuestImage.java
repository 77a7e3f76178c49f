package io.guestmem.vmm.demo;

import io.guestmem.linux.FileDescriptor;
import io.guestmem.linux.FileStatus;
import io.guestmem.linux.LinuxException;
import io.guestmem.linux.MappedMemory;
import io.guestmem.linux.Memfd;
import io.guestmem.linux.OpenMode;
import io.guestmem.vmm.Checksum;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;

/** A file as the content of guest memory: cut to its size, or padded with zeroes. */
final class GuestImage implements AutoCloseable {
    private static final long CHUNK = 1 << 20;

    private final FileDescriptor file;
    private final long content;
    private final long memory;

    private GuestImage(FileDescriptor file, long content, long memory) {
        this.file = file;
        this.content = content;
        this.memory = memory;
    }

    /**
     * Opens a file.
     *
     * @param memory the size of guest memory in bytes, a positive multiple of 4096
     * @throws LinuxException if it cannot be opened
     * @throws UnusableImageException if it is not a regular file, or empty
     */
    static GuestImage open(Path path, long memory) {
        FileDescriptor file = FileDescriptor.open(path, OpenMode.READ);
        try {
            FileStatus status = file.status();
            if (!status.isRegular()) {
                throw new UnusableImageException(path + ": not a regular file");
            }
            if (status.size() == 0) {
                throw new UnusableImageException(path + ": the file is empty");
            }
            return new GuestImage(file, Math.min(status.size(), memory), memory);
        } catch (RuntimeException failed) {
            file.close();
            throw failed;
        }
    }

    /**
     * Zeroes, which need no file that has room for them.
     *
     * @param memory the size of guest memory in bytes, a positive multiple of 4096
     */
    static GuestImage zeroes(long memory) {
        return new GuestImage(Memfd.create("zeroes", memory), memory, memory);
    }

    FileDescriptor file() {
        return file;
    }

    /** The size of guest memory in bytes. */
    long memory() {
        return memory;
    }

    /** The bytes that come from the file. */
    long content() {
        return content;
    }

    /** The bytes of guest memory that come from the file, up to the end of its last page. */
    long contentPages() {
        return Math.ceilDiv(content, MappedMemory.PAGE_SIZE) * MappedMemory.PAGE_SIZE;
    }

    /**
     * What a guest with this memory computes.
     *
     * @throws UnusableImageException if the file has become shorter
     */
    Checksum checksum() {
        Checksum checksum = Checksum.EMPTY;
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment buffer = arena.allocate(CHUNK, Long.BYTES);
            for (long at = 0; at < content; at += CHUNK) {
                buffer.fill((byte) 0);
                long length = Math.min(CHUNK, content - at);
                read(at, buffer);
                checksum = checksum.and(buffer.asSlice(0, Math.ceilDiv(length, Long.BYTES) * Long.BYTES));
            }
        }
        long padding = memory - Math.ceilDiv(content, Long.BYTES) * Long.BYTES;
        return checksum.andZeroes(padding);
    }

    /**
     * Reads a part of guest memory; what is behind the file's content stays as it is.
     *
     * @param into native memory; its size is the length
     * @throws UnusableImageException if the file has become shorter
     */
    void read(long offset, MemorySegment into) {
        read(offset, into.address(), Math.clamp(content - offset, 0, into.byteSize()));
    }

    /**
     * Reads exactly a range of the file to an address.
     *
     * @throws UnusableImageException if the file has become shorter
     */
    void read(long offset, long address, long length) {
        for (long done = 0; done < length; ) {
            long read = LinuxException.check(
                    file.readAt(offset + done, address + done, length - done), "pread", file.name(), offset + done);
            if (read == 0) {
                throw new UnusableImageException(
                        file.name() + ": ends at " + (offset + done) + ", its size was at least " + (offset + length));
            }
            done += read;
        }
    }

    /**
     * Looks whether the file is still as long as it was: what was mapped of it is not there any more otherwise.
     *
     * @throws UnusableImageException if it has become shorter
     */
    void checkSize() {
        long now = file.status().size();
        if (now < content) {
            throw new UnusableImageException(
                    file.name() + ": has become shorter: " + now + " bytes, it had at least " + content);
        }
    }

    @Override
    public void close() {
        file.close();
    }
}
