package io.guestmem.kvm.populate;

import io.guestmem.linux.FileDescriptor;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;

/** What a step puts into memory. Where there is a source, it must have a byte for every byte of the range. */
public sealed interface Content {
    /** Nothing: what is there is mapped, so that the guest's first touch does not fault. */
    record MapOnly() implements Content {}

    /** Zeroes. */
    record Zero() implements Content {}

    /**
     * The bytes of a buffer.
     *
     * @param memory read while the population runs, by several threads: memory of a shared, automatic or global arena, or of the
     *     heap
     */
    record Buffer(MemorySegment memory) implements Content {
        private static final Thread ANYBODY = Thread.ofPlatform().unstarted(() -> {});

        /**
         * Checks that other threads may read it.
         *
         * @throws IllegalArgumentException if they may not
         */
        public Buffer {
            if (!memory.isAccessibleBy(ANYBODY)) {
                throw new IllegalArgumentException("only one thread may read " + memory);
            }
        }
    }

    /**
     * The bytes of a file, which is opened for the population and closed after it.
     *
     * @param offset of the first byte, 0 or more
     */
    record File(Path path, long offset) implements Content {}

    /**
     * The bytes of an open file that answers {@code pread(2)}.
     *
     * @param file stays owned by the caller, open while the population runs
     * @param offset of the first byte, 0 or more
     */
    record Descriptor(FileDescriptor file, long offset) implements Content {}

    /** The same content without its first bytes: for what is left of a step. */
    default Content from(long bytes) {
        return switch (this) {
            case MapOnly _, Zero _ -> this;
            case Buffer(MemorySegment memory) -> new Buffer(memory.asSlice(Math.min(bytes, memory.byteSize())));
            case File(Path path, long offset) -> new File(path, offset + bytes);
            case Descriptor(FileDescriptor file, long offset) -> new Descriptor(file, offset + bytes);
        };
    }
}
