package io.guestmem.bench;

import io.guestmem.abi.HostMemory;
import io.guestmem.abi.HostMemoryKind;
import io.guestmem.abi.Kernel;
import io.guestmem.abi.KvmFile;
import io.guestmem.abi.UserMemory;
import io.guestmem.abi.VcpuThread;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;

/**
 * A kernel, and every file that it was asked to take over, which the typed API keeps to itself; what it hands out is the kernel's
 * own. Not thread-safe.
 */
final class WatchedKernel implements Kernel {
    private final Kernel kernel;
    private final List<KvmFile> adopted = new ArrayList<>();

    WatchedKernel(Kernel kernel) {
        this.kernel = kernel;
    }

    /** The file that was taken over last. */
    KvmFile newest() {
        return adopted.getLast();
    }

    @Override
    public String name() {
        return kernel.name();
    }

    @Override
    public KvmFile open() {
        return kernel.open();
    }

    @Override
    public KvmFile adopt(int descriptor, String name) {
        adopted.add(kernel.adopt(descriptor, name));
        return adopted.getLast();
    }

    @Override
    public HostMemory allocate(HostMemoryKind kind, long length) {
        return kernel.allocate(kind, length);
    }

    @Override
    public UserMemory expose(MemorySegment memory) {
        return kernel.expose(memory);
    }

    @Override
    public VcpuThread currentThread() {
        return kernel.currentThread();
    }
}
