package io.guestmem.kvm;

import io.guestmem.abi.HostMemory;
import io.guestmem.abi.HostMemoryKind;
import io.guestmem.abi.Kernel;
import io.guestmem.abi.KernelUnavailableException;
import io.guestmem.abi.KvmFile;
import io.guestmem.abi.UserMemory;
import io.guestmem.abi.VcpuThread;
import io.guestmem.linux.FileDescriptor;
import io.guestmem.linux.LinuxException;
import io.guestmem.linux.Mapping;
import io.guestmem.linux.Memfd;
import io.guestmem.linux.OpenMode;
import io.guestmem.linux.Protection;
import io.guestmem.linux.Sharing;
import io.guestmem.linux.ThreadSignal;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;

/** The real kernel: KVM behind {@code /dev/kvm}. Thread-safe. */
public final class LinuxKernel implements Kernel {
    private static final Path DEVICE = Path.of("/dev/kvm");

    /** What a thread that runs vCPUs needs is made once a thread. */
    private final ThreadLocal<VcpuThread> currentThread =
            ThreadLocal.withInitial(() -> new SignalledThread(ThreadSignal.blockInCurrentThread()));

    private final Path device;

    /** The kernel behind {@code /dev/kvm}. */
    public LinuxKernel() {
        this(DEVICE);
    }

    /**
     * The kernel behind another device node.
     *
     * @param device a character device that answers KVM's system ioctls
     */
    public LinuxKernel(Path device) {
        this.device = device;
    }

    @Override
    public String name() {
        return "linux";
    }

    @Override
    public KvmFile open() {
        try {
            return new LinuxKvmFile(FileDescriptor.open(device, OpenMode.READ_WRITE));
        } catch (LinuxException failed) {
            throw new KernelUnavailableException(
                    failed.errno().number(), failed.errno().toString(), device.toString());
        }
    }

    @Override
    public KvmFile adopt(int descriptor, String name) {
        return new LinuxKvmFile(FileDescriptor.adopt(descriptor, name));
    }

    @Override
    public HostMemory allocate(HostMemoryKind kind, long length) {
        return new MappedHostMemory(
                switch (kind) {
                    case PRIVATE_ANONYMOUS -> Mapping.anonymous(length, Sharing.PRIVATE);
                    case SHARED_MEMFD -> memoryFile(length, Sharing.SHARED);
                    case PRIVATE_FILE -> memoryFile(length, Sharing.PRIVATE);
                });
    }

    /** The mapping keeps the file. */
    private static Mapping memoryFile(long length, Sharing sharing) {
        try (FileDescriptor file = Memfd.create("guestmem", length)) {
            return Mapping.of(file, 0, length, Protection.READ_WRITE, sharing);
        }
    }

    @Override
    public UserMemory expose(MemorySegment memory) {
        return new ProcessUserMemory(memory.address());
    }

    @Override
    public VcpuThread currentThread() {
        return currentThread.get();
    }

    /** The kernel sees all memory of the process: there is nothing to show and nothing to take back. */
    private record ProcessUserMemory(long address) implements UserMemory {
        @Override
        public void close() {}
    }

    private record SignalledThread(ThreadSignal signal) implements VcpuThread {
        @Override
        public long maskWhileRunning() {
            return signal.maskWithoutSignal();
        }

        @Override
        public void interrupt() {
            signal.send();
        }

        @Override
        public void clearInterrupt() {
            signal.consume();
        }
    }
}
