package io.guestmem.kvm.populate;

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
 * A kernel that remembers the file of the first VM, which the typed API keeps to itself.
 *
 * @param below does everything
 * @param adopted files in order
 */
record VmWatch(Kernel below, List<KvmFile> adopted) implements Kernel {
    VmWatch(Kernel below) {
        this(below, new ArrayList<>());
    }

    KvmFile file() {
        return adopted.getFirst();
    }

    int vm() {
        return file().descriptor();
    }

    @Override
    public String name() {
        return below.name();
    }

    @Override
    public KvmFile open() {
        return below.open();
    }

    @Override
    public KvmFile adopt(int descriptor, String name) {
        adopted.add(below.adopt(descriptor, name));
        return adopted.getLast();
    }

    @Override
    public HostMemory allocate(HostMemoryKind kind, long length) {
        return below.allocate(kind, length);
    }

    @Override
    public UserMemory expose(MemorySegment memory) {
        return below.expose(memory);
    }

    @Override
    public VcpuThread currentThread() {
        return below.currentThread();
    }
}
