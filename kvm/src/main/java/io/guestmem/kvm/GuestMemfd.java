package io.guestmem.kvm;

import io.guestmem.abi.ErrorNumber;
import io.guestmem.abi.HostMemory;
import io.guestmem.abi.KernelException;
import io.guestmem.abi.KvmFile;
import java.util.Objects;

/**
 * A guest_memfd: memory of a guest that lives in a file of its own. Thread-safe.
 *
 * <p>It carries {@code FD_CLOEXEC} (the kernel makes it without).
 */
public final class GuestMemfd implements OwnedFiles.AutoCloseableFile {
    private static final int FALLOC_FL_KEEP_SIZE = 1;
    private static final int FALLOC_FL_PUNCH_HOLE = 2;

    private final Vm vm;
    private final KvmFile file;
    private final long size;
    private final boolean mappable;

    GuestMemfd(Vm vm, KvmFile file, long size, boolean mappable) {
        this.vm = vm;
        this.file = file;
        this.size = size;
        this.mappable = mappable;
    }

    /** What a guest_memfd is made for. */
    public enum Flag {
        /** {@code GUEST_MEMFD_FLAG_MMAP}: the host may map it. */
        MMAP,
        /**
         * {@code GUEST_MEMFD_FLAG_INIT_SHARED}: pages are shared with the host from the start. A mapping without it is
         * SIGBUS at the first touch.
         */
        INIT_SHARED
    }

    /** The size in bytes. */
    public long size() {
        return size;
    }

    /**
     * The descriptor's number; it stays owned by this object.
     *
     * @throws IllegalStateException if it is closed
     */
    public int descriptor() {
        return file.descriptor();
    }

    /**
     * Maps a part of the file for the host.
     *
     * @param offset in bytes, a multiple of 4096
     * @param length in bytes, a positive multiple of 4096; not behind the end of the file
     * @throws IllegalStateException if it was not made with {@link Flag#MMAP} and {@link Flag#INIT_SHARED}: touching it would
     *     be SIGBUS, which ends the JVM
     * @throws IllegalArgumentException if the range is not inside the file
     */
    public HostMemory map(long offset, long length) {
        if (!mappable) {
            throw new IllegalStateException("this guest_memfd was not made to be mapped (MMAP and INIT_SHARED)");
        }
        Objects.checkFromIndexSize(offset, length, size);
        return file.map(offset, length);
    }

    /**
     * Allocates pages, not zeroed yet ({@code FALLOC_FL_KEEP_SIZE}).
     *
     * @param offset in bytes, a multiple of 4096
     * @param length in bytes, a positive multiple of 4096
     */
    public void allocate(long offset, long length) {
        fallocate(FALLOC_FL_KEEP_SIZE, offset, length);
    }

    /**
     * Frees pages ({@code FALLOC_FL_PUNCH_HOLE}): the guest's mappings go, the next touch finds zeroes.
     *
     * @param offset in bytes, a multiple of 4096
     * @param length in bytes, a positive multiple of 4096
     */
    public void punchHole(long offset, long length) {
        fallocate(FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE, offset, length);
    }

    private void fallocate(int mode, long offset, long length) {
        long result;
        do {
            result = file.allocate(mode, offset, length);
        } while (result == -ErrorNumber.EINTR.number());
        if (result < 0) {
            int errno = Math.toIntExact(-result);
            String range = "guest_memfd 0x" + Long.toHexString(offset) + "+0x" + Long.toHexString(length);
            throw new KernelException("fallocate", errno, ErrorNumber.symbol(errno), range);
        }
    }

    @Override
    public void close() {
        vm.closed(this);
        file.close();
    }
}
