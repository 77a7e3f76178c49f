package io.guestmem.kvm;

import io.guestmem.abi.ErrorNumber;
import io.guestmem.abi.HostMemory;
import io.guestmem.abi.KvmFile;
import java.lang.foreign.MemorySegment;
import java.util.BitSet;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** Content of a guest_memfd as the host puts it in, and which pages have got some. Thread-safe. */
final class GuestMemfdContent {
    private static final int PAGE_BITS = 12;
    private static final long PAGE = 1 << PAGE_BITS;

    private final KvmFile file;
    private final long size;
    private final boolean mappable;

    /** Pages that were populated; guarded by this object, as is the mapping. */
    private final BitSet populated = new BitSet();

    /** All of the file, made when it is needed. */
    private @Nullable HostMemory mapping;

    GuestMemfdContent(KvmFile file, long size, boolean mappable) {
        this.file = file;
        this.size = size;
        this.mappable = mappable;
    }

    private synchronized HostMemory mapping() {
        HostMemory made = mapping;
        if (made == null) {
            made = file.map(0, size);
            mapping = made;
        }
        return made;
    }

    long write(long offset, MemorySegment from) {
        Objects.checkFromIndexSize(offset, from.byteSize(), size);
        if (mappable) {
            long result = mapping().store(offset, from);
            return result == 0 ? from.byteSize() : result;
        }
        long result = file.writeAt(offset, from);
        if (result == -ErrorNumber.ESPIPE.number()
                || result == -ErrorNumber.EINVAL.number()
                || result == -ErrorNumber.ENODEV.number()) {
            return -ErrorNumber.ENOTTY.number();
        }
        // The proposal's errno for a page that has content.
        return result == -ErrorNumber.ENOSPC.number()
                ? -ErrorNumber.EEXIST.number()
                : result < 0 ? result : result & -PAGE;
    }

    long populate(long offset, MemorySegment from) {
        long free = free(offset, from.byteSize());
        if (free == 0) {
            return -ErrorNumber.EEXIST.number();
        }
        long written = write(offset, from.asSlice(0, free));
        remember(offset, Math.max(written, 0));
        return written;
    }

    /** Bytes from an offset on that have no content. */
    synchronized long free(long offset, long length) {
        Objects.checkFromIndexSize(offset, length, size);
        int next = populated.nextSetBit(page(offset));
        return next < 0 ? length : Math.min(length, ((long) next << PAGE_BITS) - offset);
    }

    synchronized void remember(long offset, long length) {
        populated.set(page(offset), page(offset + length));
    }

    synchronized void forget(long offset, long length) {
        populated.clear(page(Math.min(offset, size)), page(Math.min(offset + length, size)));
    }

    private static int page(long offset) {
        return Math.toIntExact(offset >> PAGE_BITS);
    }

    synchronized void close() {
        if (mapping != null) {
            mapping.close();
            mapping = null;
        }
    }
}
