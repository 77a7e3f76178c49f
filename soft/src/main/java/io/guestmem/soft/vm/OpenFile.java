package io.guestmem.soft.vm;

import io.guestmem.abi.ErrorNumber;
import io.guestmem.abi.HostMemory;
import io.guestmem.abi.KernelException;
import io.guestmem.abi.KvmFileKind;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;

/**
 * An open file: what descriptors refer to. It lives as long as something has a reference: a descriptor, a mapping, a call that
 * is under way, another file. Thread-safe.
 */
public abstract class OpenFile {
    private static final AtomicLong INODES = new AtomicLong();

    private final long inode = INODES.incrementAndGet();
    private final AtomicInteger references = new AtomicInteger(1);

    /** A file with one reference, the creator's. */
    protected OpenFile() {}

    /** What it is. */
    public abstract KvmFileKind kind();

    /** Takes a reference; false if the file is gone. */
    public final boolean get() {
        return references.getAndUpdate(count -> count == 0 ? 0 : count + 1) != 0;
    }

    /** Gives a reference back; the last one ends the file. */
    public final void put() {
        if (references.decrementAndGet() == 0) {
            released();
        }
    }

    /** The last reference is gone. */
    protected abstract void released();

    /** {@code ioctl(2)}: 0 or more, or a negated errno. */
    public long request(Caller caller, int code, UserArgument argument) {
        return Failure.ENOTTY;
    }

    /** {@code pread(2)}: the bytes read, or a negated errno. */
    public long readAt(long offset, MemorySegment into) {
        return Failure.ESPIPE;
    }

    /** {@code fallocate(2)}: 0 or a negated errno. */
    public long allocate(Caller caller, int mode, long offset, long length) {
        return Failure.ENODEV;
    }

    /** {@code read(2)}: no file of KVM but statistics can be read. */
    public long read() {
        return Failure.EINVAL;
    }

    /** {@code write(2)}: no file of KVM can be written. */
    public long write() {
        return Failure.EINVAL;
    }

    /** {@code pwrite(2)}: no file of KVM has positions to write at. */
    public long writeAt() {
        return Failure.ESPIPE;
    }

    /** {@code ftruncate(2)}: no file of KVM changes its size. */
    public long truncate() {
        return Failure.EINVAL;
    }

    /** {@code mmap(2)} with {@code MAP_PRIVATE}. */
    public long mapPrivate() {
        return Failure.EINVAL;
    }

    /** Its size in bytes; 0 for what is no regular file. */
    public long size() {
        return 0;
    }

    /** The block size of the file systems that KVM's files live in: a page. */
    public final long blockSize() {
        return 4096;
    }

    /** A number of its own. */
    public final long inode() {
        return inode;
    }

    /** The memory of a page breaks: 0 or a negated errno. */
    public long breakPage(long offset) {
        return Failure.EINVAL;
    }

    /**
     * {@code mmap(2)}, shared, readable and writable.
     *
     * @throws KernelException with the errno
     */
    public HostMemory map(Caller caller, long offset, long length) {
        throw refused(ErrorNumber.ENODEV, "mmap");
    }

    /** The exception for a system call that has no other way to tell its errno. */
    protected final KernelException refused(ErrorNumber errno, String call) {
        return new KernelException(call, errno.number(), ErrorNumber.symbol(errno.number()), kind().toString());
    }
}
