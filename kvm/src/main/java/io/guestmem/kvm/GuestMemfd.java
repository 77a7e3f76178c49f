package io.guestmem.kvm;

import io.guestmem.abi.ErrorNumber;
import io.guestmem.abi.HostMemory;
import io.guestmem.abi.KernelException;
import io.guestmem.abi.KvmFile;
import io.guestmem.linux.FileDescriptor;
import java.lang.foreign.MemorySegment;
import java.util.EnumSet;
import java.util.Objects;
import java.util.Set;

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
    private final Set<Flag> flags;
    private final GuestMemfdContent content;

    GuestMemfd(Vm vm, KvmFile file, long size, Set<Flag> flags) {
        this.vm = vm;
        this.file = file;
        this.size = size;
        this.flags = Set.copyOf(flags);
        this.content = new GuestMemfdContent(file, size, isMappable());
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

    /** The VM that it belongs to. */
    public Vm vm() {
        return vm;
    }

    /** What it was made for. */
    public Set<Flag> flags() {
        return flags;
    }

    private boolean isMappable() {
        return flags.containsAll(EnumSet.of(Flag.MMAP, Flag.INIT_SHARED));
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
        if (!isMappable()) {
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
        content.forget(offset, length);
    }

    /**
     * Puts content in from outside of the guest, by what this kernel has for that: a mapping, if the file was made for it, else
     * {@code pwrite(2)} (proposed for guest_memfd, in no release up to 7.2).
     *
     * @param offset in bytes, a multiple of 4096
     * @param from native memory, a positive multiple of 4096 bytes; not behind the end of the file
     * @return bytes written, or a negated errno: {@code -ENOTTY} if this kernel has neither
     */
    public long write(long offset, MemorySegment from) {
        return content.write(offset, from);
    }

    /**
     * As {@link #write}, into pages that have no content yet: what {@code KVM_GUEST_MEMFD_POPULATE} does, without that request. A
     * page has content if {@code populate} or {@code populateZeroes} put it there and no hole was punched since; what a guest or
     * another process wrote is not seen.
     *
     * @return bytes written, fewer than wanted before a page that has content, or a negated errno: {@code -EEXIST} if the first
     *     page has content
     */
    public long populate(long offset, MemorySegment from) {
        return content.populate(offset, from);
    }

    /**
     * As {@link #populate}, with zeroes; where neither a mapping nor {@code pwrite(2)} helps, by punching a hole: the next touch
     * finds zeroes.
     *
     * @param offset in bytes, a multiple of 4096
     * @param length in bytes, a positive multiple of 4096
     * @return as {@link #populate}
     */
    public long populateZeroes(long offset, long length) {
        long free = content.free(offset, length);
        if (free == 0) {
            return -ErrorNumber.EEXIST.number();
        }
        punchHole(offset, free);
        content.remember(offset, free);
        return free;
    }

    /**
     * A second descriptor of the same file, to be passed to another process: fallocate, mmap and stores work there, for nobody
     * compares processes on a guest_memfd.
     *
     * @throws UnsupportedOperationException if the kernel is not Linux, whose descriptors can be passed
     */
    public FileDescriptor duplicate() {
        if (file instanceof LinuxKvmFile linux) {
            return linux.file().duplicate();
        }
        throw new UnsupportedOperationException(
                "a descriptor of the kernel " + vm.kernel().name() + " cannot be passed");
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
        content.close();
        file.close();
    }
}
