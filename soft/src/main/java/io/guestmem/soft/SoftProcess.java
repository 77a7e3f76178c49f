package io.guestmem.soft;

import io.guestmem.abi.ErrorNumber;
import io.guestmem.abi.HostMemory;
import io.guestmem.abi.HostMemoryKind;
import io.guestmem.abi.Kernel;
import io.guestmem.abi.KernelException;
import io.guestmem.abi.KvmFile;
import io.guestmem.abi.UserMemory;
import io.guestmem.soft.host.AddressSpace;
import io.guestmem.soft.host.HostRun;
import io.guestmem.soft.host.MapRequest;
import io.guestmem.soft.host.SharedFile;
import io.guestmem.soft.vm.Caller;
import io.guestmem.soft.vm.OpenFile;
import io.guestmem.soft.vm.SystemFile;
import io.guestmem.soft.vm.ThreadSignals;
import io.guestmem.soft.vm.UserMapping;
import java.lang.foreign.MemorySegment;
import java.util.BitSet;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * A simulated process: memory and descriptors. What is done through it is done by that process: a VM answers {@code EIO} to any
 * other process than the one that made it. Threads belong to whichever process they use. Thread-safe.
 */
public final class SoftProcess implements Kernel, AutoCloseable {
    private static final long PAGE = 4096;

    private final SoftKernel kernel;
    private final int pid;
    private final AddressSpace memory;
    private final FileTable files;
    private final UserPointers pointers;
    private final Caller caller = new ProcessCaller();

    SoftProcess(SoftKernel kernel, int pid, AddressSpace memory, FileTable files) {
        this.kernel = kernel;
        this.pid = pid;
        this.memory = memory;
        this.files = files;
        this.pointers = new UserPointers(memory);
    }

    @Override
    public String name() {
        return kernel.name();
    }

    @Override
    public KvmFile open() {
        SystemFile system = new SystemFile(kernel.host());
        int descriptor = files.install(system, true);
        if (descriptor < 0) {
            system.put();
            throw failure("open", descriptor);
        }
        return new SoftKvmFile(this, descriptor, "/dev/kvm");
    }

    /**
     * {@inheritDoc}
     *
     * <p>Also a descriptor that a forked process has inherited.
     */
    @Override
    public KvmFile adopt(int descriptor, String name) {
        return new SoftKvmFile(this, descriptor, name);
    }

    /**
     * Passes an open file of another process to this one, as over a Unix socket.
     *
     * @return a descriptor of this process
     */
    public KvmFile receive(KvmFile other) {
        if (!(other instanceof SoftKvmFile sent)) {
            throw new IllegalArgumentException("not a file of this kernel: " + other.name());
        }
        OpenFile file = sent.file();
        if (file == null) {
            throw failure("receive", -ErrorNumber.EBADF.number());
        }
        int descriptor = files.install(file, false);
        if (descriptor < 0) {
            file.put();
            throw failure("receive", descriptor);
        }
        return new SoftKvmFile(this, descriptor, other.name());
    }

    @Override
    public HostMemory allocate(HostMemoryKind kind, long length) {
        if (length <= 0 || (length & 4095) != 0) {
            throw new IllegalArgumentException("length is not a positive multiple of the page size: " + length);
        }
        return switch (kind) {
            case PRIVATE_ANONYMOUS -> map(MapRequest.anonymous(length));
            case SHARED_MEMFD -> mapFile(length, file -> MapRequest.shared(file, 0, length));
            case PRIVATE_FILE -> mapFile(length, file -> MapRequest.privateFile(file, 0, length));
        };
    }

    /** The mapping keeps the file. */
    private HostMemory mapFile(long length, Function<SharedFile, MapRequest> request) {
        try (SharedFile file = SharedFile.memfd(kernel.host().frames(), length)) {
            return map(request.apply(file));
        }
    }

    /**
     * Maps a file with content, privately ({@code MAP_PRIVATE}), and zeroed memory behind it: as a VMM does that resumes a
     * snapshot.
     *
     * @param content of the file
     * @param size of the file in bytes, positive
     * @param length of the memory in bytes, a multiple of 4096, not less than the file's size
     */
    public HostMemory map(FileContent content, long size, long length) {
        if (size <= 0 || size > length) {
            throw new IllegalArgumentException("a file of " + size + " bytes in memory of " + length);
        }
        HostMemory mapped = map(MapRequest.anonymous(length));
        try (SharedFile file = new SharedFile(kernel.host().frames(), size, 1, content::read)) {
            MapRequest request = MapRequest.privateFile(file, 0, Math.ceilDiv(size, PAGE) * PAGE);
            long result = memory.map(request.at(mapped.hva()));
            if (result < 0) {
                mapped.close();
                throw failure("mmap", result);
            }
            return mapped;
        }
    }

    /**
     * The pages of memory that are in the process's page table: {@code /proc/PID/pagemap}. Looking touches nothing.
     *
     * @return bit n stands for page n of the memory
     */
    public BitSet presentPages(HostMemory of) {
        BitSet present = new BitSet();
        for (HostRun run : memory.describe(of.hva(), of.length())) {
            if (run.state().isPresent()) {
                present.set(page(of, run.start()), page(of, run.end()));
            }
        }
        return present;
    }

    private static int page(HostMemory of, long hva) {
        return Math.toIntExact((hva - of.hva()) / PAGE);
    }

    /** How many page faults it took so far, those on behalf of its VMs included: {@code getrusage(2)}. */
    public long pageFaults() {
        return memory.pageFaults();
    }

    /**
     * Maps hugetlb pages ({@code MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB}), of which this host has as many as are wanted.
     *
     * @param level 2 for pages of 2 MiB, 3 for 1 GiB
     * @param length in bytes, a positive multiple of the page size
     * @throws KernelException with EINVAL for another length
     */
    public HostMemory allocateHugePages(int level, long length) {
        return map(MapRequest.hugetlb(level, length));
    }

    private HostMemory map(MapRequest request) {
        long hva = memory.map(request);
        if (hva < 0) {
            throw failure("mmap", hva);
        }
        return new UserMapping(memory, hva, request.length(), null);
    }

    private static KernelException failure(String call, long errno) {
        return new KernelException(call, (int) -errno, ErrorNumber.symbol((int) -errno), "simulated process");
    }

    @Override
    public UserMemory expose(MemorySegment segment) {
        return pointers.expose(segment);
    }

    @Override
    public SoftThread currentThread() {
        return kernel.thread();
    }

    /**
     * Anonymous private memory under a userfaultfd.
     *
     * @param length in bytes, a positive multiple of 4096
     */
    public GuardedMemory guarded(long length) {
        return new GuardedMemory(kernel, memory, allocate(HostMemoryKind.PRIVATE_ANONYMOUS, length));
    }

    /**
     * What {@code UFFDIO_REGISTER} answers for all of some memory. Nothing is registered: memory that somebody serves is
     * {@link #guarded}.
     *
     * @return 0, or {@code -EINVAL}: mappings of a guest_memfd and private mappings of files cannot be guarded
     */
    public long registerUserfaultfd(HostMemory of, UserfaultfdMode mode) {
        return memory.mayGuard(of.hva(), of.length(), mode == UserfaultfdMode.MINOR);
    }

    /**
     * The system calls of an open file that the seam does not have.
     *
     * @throws IllegalArgumentException if the descriptor is not open
     */
    public FileCalls calls(KvmFile of) {
        FileTable.Descriptor found = files.descriptor(of.descriptor());
        if (found == null) {
            throw new IllegalArgumentException("not open: " + of.name());
        }
        return new FileCalls(this, of.descriptor(), found.file());
    }

    /**
     * {@code MADV_HWPOISON}: a page of memory breaks.
     *
     * @param offset in bytes, in the memory
     * @return 0 or a negated errno
     */
    public long breakPage(HostMemory of, long offset) {
        return memory.hwpoison(of.hva() + offset);
    }

    /**
     * A page of a guest_memfd breaks.
     *
     * @param offset in bytes, in the file
     * @return 0 or a negated errno
     */
    public long breakPage(KvmFile guestMemfd, long offset) {
        OpenFile file = files.get(guestMemfd.descriptor());
        if (file == null) {
            return -ErrorNumber.EBADF.number();
        }
        try {
            return file.breakPage(offset);
        } finally {
            file.put();
        }
    }

    /** {@code fork(2)}: the same descriptors, and the same memory until one of the two writes. */
    public SoftProcess fork() {
        return kernel.add(memory.fork(), files.fork());
    }

    FileTable files() {
        return files;
    }

    UserPointers pointers() {
        return pointers;
    }

    Caller caller() {
        return caller;
    }

    AddressSpace memory() {
        return memory;
    }

    /** Its number. */
    public int pid() {
        return pid;
    }

    /** The process as the kernel's code sees it in a system call. */
    private final class ProcessCaller implements Caller {
        @Override
        public AddressSpace memory() {
            return memory;
        }

        @Override
        public int pid() {
            return pid;
        }

        @Override
        public int install(OpenFile file, boolean closeOnExec) {
            return files.install(file, closeOnExec);
        }

        @Override
        public @Nullable OpenFile file(int descriptor) {
            return files.get(descriptor);
        }

        @Override
        public boolean read(long pointer, MemorySegment into) {
            return pointers.read(pointer, into);
        }

        @Override
        public boolean write(long pointer, MemorySegment from) {
            return pointers.write(pointer, from);
        }

        @Override
        public ThreadSignals signals() {
            return kernel.thread().signals();
        }
    }

    /** The process ends: its descriptors are closed and its memory is unmapped. */
    @Override
    public void close() {
        files.closeAll();
        memory.close();
        kernel.remove(this);
    }
}
