package io.guestmem.conform;

import io.guestmem.abi.HostMemory;
import io.guestmem.abi.KvmFile;
import java.util.List;
import java.util.Optional;

/**
 * What the host of a kernel can be made to do beside KVM's requests. Each answer is empty where the host cannot; the checks
 * that need it are skipped then, with a reason.
 */
public interface HostActions {
    /**
     * A process that is not the VMs' own, with some files of theirs open in it.
     *
     * @param files at most 16
     */
    Optional<OtherProcess> otherProcess(List<KvmFile> files);

    /**
     * Forks the VMs' process; the child does nothing but live until it is closed. Its memory is copy-on-write with the parent's.
     */
    Optional<AutoCloseable> fork();

    /**
     * Anonymous private memory of the VMs' process under a userfaultfd: a touch blocks until the page is put in.
     *
     * @param length in bytes, a positive multiple of 4096
     */
    Optional<GuardedMemory> guarded(long length);

    /**
     * A signal for the calling thread that is not blocked, and that does no harm.
     *
     * @return sends it; any thread may
     */
    Optional<Runnable> unblockedSignal();

    /**
     * Makes the host's entries of memory read-only: a write makes one writable again in place, and no mmu notifier is called
     * then. Closing the answer ends it.
     */
    Optional<AutoCloseable> writeProtect(HostMemory memory);

    /** Makes a page of memory broken, as the hardware would report it; empty where that would cost the host real memory. */
    Optional<Runnable> poison(HostMemory memory, long offset);

    /** The same for a page of a guest_memfd. */
    Optional<Runnable> poison(KvmFile guestMemfd, long offset);

    /** Whether huge pages of a guest are not executable ({@code nx_huge_pages}); empty where nobody knows. */
    Optional<Boolean> nxHugePages();

    /** Whether the processor sets accessed and dirty bits in stage-2 entries; empty where nobody knows. */
    Optional<Boolean> accessedDirtyBits();

    /** System calls on a file of KVM that it has no requests for. */
    Optional<FileActions> fileActions(KvmFile file);

    /** {@code userfaultfd(2)}'s registration of a mapping: 0 or a negated errno. */
    Optional<Long> registerUserfaultfd(HostMemory memory, UserfaultfdMode mode);

    /** What a userfaultfd is to hear of. */
    enum UserfaultfdMode {
        /** {@code UFFDIO_REGISTER_MODE_MISSING}. */
        MISSING,
        /** {@code UFFDIO_REGISTER_MODE_MINOR}. */
        MINOR,
        /** {@code UFFDIO_REGISTER_MODE_WP}, synchronous. */
        WRITE_PROTECT
    }

    /** System calls on a file; each answers as the kernel does, with a negated errno if it refuses. */
    interface FileActions {
        /** {@code read(2)} of 8 bytes. */
        long read();

        /** {@code write(2)} of 8 bytes. */
        long write();

        /** {@code pwrite(2)} of 8 bytes at 0. */
        long writeAt();

        /** {@code ftruncate(2)}. */
        long truncate(long length);

        /** {@code mmap(2)} of the first page with {@code MAP_PRIVATE}. */
        long mapPrivate();

        /** {@code fstat(2)}. */
        Status status();

        /** Whether it has {@code FD_CLOEXEC}. */
        boolean closesOnExec();
    }

    /**
     * What {@code fstat(2)} says.
     *
     * @param size st_size
     * @param blockSize st_blksize
     * @param inode st_ino
     */
    record Status(long size, long blockSize, long inode) {}

    /** A process that is not the VMs' own. Not thread-safe. */
    interface OtherProcess extends AutoCloseable {
        /**
         * {@code ioctl(2)} there.
         *
         * @param file its place in the list that was given
         * @param request the code
         * @param struct the argument's bytes; nothing for a null pointer
         * @return 0 or more, or a negated errno
         */
        long ioctl(int file, int request, byte[] struct);

        /** {@code fallocate(2)} there. */
        long allocate(int file, int mode, long offset, long length);

        /** {@code mmap(2)} of the first page, shared, and a store of 8 bytes at its beginning; 0 or a negated errno. */
        long mapAndStore(int file, long value);

        @Override
        void close();
    }

    /** Memory under a userfaultfd. No Java code may touch it. */
    interface GuardedMemory extends AutoCloseable {
        /** The host-virtual address of the first byte. */
        long hva();

        /** Waits until somebody is blocked on a page, and returns its offset. */
        long awaitFault();

        /** Puts in a page that begins with a value, and wakes whoever waits for it. */
        void resolve(long offset, long value);

        @Override
        void close();
    }
}
