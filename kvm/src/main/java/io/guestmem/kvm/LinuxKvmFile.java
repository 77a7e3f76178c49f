package io.guestmem.kvm;

import io.guestmem.abi.HostMemory;
import io.guestmem.abi.KernelException;
import io.guestmem.abi.KvmFile;
import io.guestmem.linux.FileDescriptor;
import io.guestmem.linux.LinuxException;
import io.guestmem.linux.Mapping;
import io.guestmem.linux.Protection;
import io.guestmem.linux.Sharing;
import java.lang.foreign.MemorySegment;

/** A KVM descriptor of the real kernel. */
record LinuxKvmFile(FileDescriptor file) implements KvmFile {
    @Override
    public int descriptor() {
        if (file.isClosed()) {
            // The number may mean another file by now, and a memslot would be bound to that one.
            throw new IllegalStateException(name() + " is closed");
        }
        return file.number();
    }

    @Override
    public String name() {
        return file.name();
    }

    @Override
    public long ioctl(int request, long argument) {
        return file.ioctl(request, argument);
    }

    @Override
    public long ioctl(int request, MemorySegment argument) {
        return file.ioctl(request, argument);
    }

    @Override
    public long readAt(long offset, MemorySegment into) {
        return file.readAt(offset, into);
    }

    @Override
    public long writeAt(long offset, MemorySegment from) {
        return file.writeAt(offset, from);
    }

    @Override
    public long allocate(int mode, long offset, long length) {
        return file.allocate(mode, offset, length);
    }

    @Override
    public HostMemory map(long offset, long length) {
        try {
            return new MappedHostMemory(Mapping.of(file, offset, length, Protection.READ_WRITE, Sharing.SHARED));
        } catch (LinuxException failed) {
            throw new KernelException(
                    "mmap", failed.errno().number(), failed.errno().toString(), name());
        }
    }

    @Override
    public KvmFile closeOnExec() {
        file.closeOnExec();
        return this;
    }

    @Override
    public void close() {
        file.close();
    }
}
