package io.guestmem.kvm.populate;

import io.guestmem.linux.FileDescriptor;
import io.guestmem.linux.LinuxException;
import io.guestmem.linux.OpenMode;
import java.lang.foreign.MemorySegment;

/** Reads a step's source for all threads. */
sealed interface ContentReader extends AutoCloseable {
    /**
     * Reads a piece.
     *
     * @param offset from the start of the content
     * @param buffer native memory of the calling thread; its size is the length
     * @return the piece, in the buffer or elsewhere, shorter than wanted only where the source ends
     * @throws io.guestmem.linux.LinuxException if it cannot be read
     */
    MemorySegment read(long offset, MemorySegment buffer);

    @Override
    default void close() {}

    /** Opens the source of a step with content of its own. */
    static ContentReader open(Content content) {
        return switch (content) {
            case Content.Buffer(MemorySegment memory) -> new OfBuffer(memory);
            case Content.Descriptor(FileDescriptor file, long offset) -> new OfFile(file, offset, false);
            case Content.File file -> new OfFile(FileDescriptor.open(file.path(), OpenMode.READ), file.offset(), true);
            case Content.MapOnly _, Content.Zero _ -> new OfBuffer(MemorySegment.NULL);
        };
    }

    /** Memory; native memory is not copied. */
    record OfBuffer(MemorySegment memory) implements ContentReader {
        @Override
        public MemorySegment read(long offset, MemorySegment buffer) {
            long start = Math.min(offset, memory.byteSize());
            MemorySegment piece = memory.asSlice(start, Math.min(buffer.byteSize(), memory.byteSize() - start));
            return piece.isNative()
                    ? piece
                    : buffer.asSlice(0, piece.byteSize()).copyFrom(piece);
        }
    }

    /** A file. */
    record OfFile(FileDescriptor file, long base, boolean owned) implements ContentReader {
        @Override
        public MemorySegment read(long offset, MemorySegment buffer) {
            long got = 0;
            while (got < buffer.byteSize()) {
                long result = file.readAt(base + offset + got, buffer.asSlice(got));
                if (result == 0) {
                    break;
                }
                got += LinuxException.check(result, "pread", file.name());
            }
            return buffer.asSlice(0, got);
        }

        @Override
        public void close() {
            if (owned) {
                file.close();
            }
        }
    }
}
