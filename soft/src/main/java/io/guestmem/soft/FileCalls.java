package io.guestmem.soft;

import io.guestmem.soft.vm.OpenFile;

/**
 * The system calls that an open file of the software kernel answers beside those of the seam. Each answers 0 or more, or a
 * negated errno.
 */
public final class FileCalls {
    private final SoftProcess process;
    private final int descriptor;
    private final OpenFile file;

    FileCalls(SoftProcess process, int descriptor, OpenFile file) {
        this.process = process;
        this.descriptor = descriptor;
        this.file = file;
    }

    /** {@code read(2)}. */
    public long read() {
        return file.read();
    }

    /** {@code write(2)}. */
    public long write() {
        return file.write();
    }

    /** {@code pwrite(2)}. */
    public long writeAt() {
        return file.writeAt();
    }

    /** {@code ftruncate(2)}. */
    public long truncate() {
        return file.truncate();
    }

    /** {@code mmap(2)} with {@code MAP_PRIVATE}. */
    public long mapPrivate() {
        return file.mapPrivate();
    }

    /** {@code fstat(2)}: st_size in bytes. */
    public long size() {
        return file.size();
    }

    /** {@code fstat(2)}: st_blksize in bytes. */
    public long blockSize() {
        return file.blockSize();
    }

    /** {@code fstat(2)}: st_ino. */
    public long inode() {
        return file.inode();
    }

    /** Whether the descriptor has {@code FD_CLOEXEC}. */
    public boolean closesOnExec() {
        FileTable.Descriptor found = process.files().descriptor(descriptor);
        return found != null && found.closeOnExec();
    }
}
