package io.guestmem.image;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/**
 * A file, mapped as long as somebody uses it. A file that somebody else cuts off meanwhile is an {@link InternalError} where it is
 * touched.
 */
final class MappedBytes extends ImageBytes {
    private final MemorySegment file;

    private MappedBytes(MemorySegment file) {
        this.file = file;
    }

    static MappedBytes open(Path path) throws IOException {
        try (FileChannel channel = FileChannel.open(path, StandardOpenOption.READ)) {
            return new MappedBytes(channel.map(FileChannel.MapMode.READ_ONLY, 0, channel.size(), Arena.ofAuto()));
        }
    }

    @Override
    long size() {
        return file.byteSize();
    }

    @Override
    MemorySegment slice(long offset, long length, String what) throws ImageException {
        check(size(), offset, length, what);
        return file.asSlice(offset, length);
    }
}
