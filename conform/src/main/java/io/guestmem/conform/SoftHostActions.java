package io.guestmem.conform;

import io.guestmem.abi.HostMemory;
import io.guestmem.abi.KvmFile;
import io.guestmem.soft.FileCalls;
import io.guestmem.soft.SoftKernel;
import io.guestmem.soft.SoftProcess;
import io.guestmem.soft.SoftThread;
import java.util.List;
import java.util.Optional;

/** What the software kernel's host can be made to do: everything, and it is simulated. */
final class SoftHostActions implements HostActions {
    private static final int SIGUSR2 = 12;

    private final SoftKernel kernel;

    /** The host of a kernel. */
    SoftHostActions(SoftKernel kernel) {
        this.kernel = kernel;
    }

    @Override
    public Optional<OtherProcess> otherProcess(List<KvmFile> files) {
        return Optional.of(SoftOtherProcess.with(kernel.createProcess(), files));
    }

    @Override
    public Optional<AutoCloseable> fork() {
        return Optional.of(kernel.process().fork());
    }

    @Override
    public Optional<GuardedMemory> guarded(long length) {
        return Optional.of(new SoftGuardedMemory(kernel.process().guarded(length)));
    }

    @Override
    public Optional<Runnable> unblockedSignal() {
        SoftThread self = kernel.currentThread();
        return Optional.of(() -> self.send(SIGUSR2));
    }

    /** By a fork whose child ends at once: then the pages are the parent's own again, behind read-only entries. */
    @Override
    public Optional<AutoCloseable> writeProtect(HostMemory memory) {
        SoftProcess child = kernel.process().fork();
        child.close();
        return Optional.of(child);
    }

    @Override
    public Optional<Runnable> poison(HostMemory memory, long offset) {
        return Optional.of(() -> mustBreak(kernel.process().breakPage(memory, offset)));
    }

    @Override
    public Optional<Runnable> poison(KvmFile guestMemfd, long offset) {
        return Optional.of(() -> mustBreak(kernel.process().breakPage(guestMemfd, offset)));
    }

    private static void mustBreak(long result) {
        if (result != 0) {
            throw new MismatchException("the page breaks", "0", Trial.answer(result));
        }
    }

    @Override
    public Optional<Boolean> nxHugePages() {
        return Optional.of(kernel.options().nxHugePages());
    }

    @Override
    public Optional<Boolean> accessedDirtyBits() {
        return Optional.of(kernel.options().accessedDirtyBits());
    }

    @Override
    public Optional<FileActions> fileActions(KvmFile file) {
        return Optional.of(new SoftFileActions(kernel.process().calls(file)));
    }

    @Override
    public Optional<Long> registerUserfaultfd(HostMemory memory, UserfaultfdMode mode) {
        return Optional.of(kernel.process()
                .registerUserfaultfd(
                        memory,
                        switch (mode) {
                            case MISSING -> io.guestmem.soft.UserfaultfdMode.MISSING;
                            case MINOR -> io.guestmem.soft.UserfaultfdMode.MINOR;
                            case WRITE_PROTECT -> io.guestmem.soft.UserfaultfdMode.WRITE_PROTECT;
                        }));
    }

    private record SoftFileActions(FileCalls calls) implements FileActions {
        @Override
        public long read() {
            return calls.read();
        }

        @Override
        public long write() {
            return calls.write();
        }

        @Override
        public long writeAt() {
            return calls.writeAt();
        }

        /** {@inheritDoc} To no length at all. */
        @Override
        public long truncate(long length) {
            return calls.truncate();
        }

        @Override
        public long mapPrivate() {
            return calls.mapPrivate();
        }

        @Override
        public Status status() {
            return new Status(calls.size(), calls.blockSize(), calls.inode());
        }

        @Override
        public boolean closesOnExec() {
            return calls.closesOnExec();
        }
    }
}
