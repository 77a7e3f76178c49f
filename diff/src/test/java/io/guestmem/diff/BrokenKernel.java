package io.guestmem.diff;

import io.guestmem.abi.HostMemory;
import io.guestmem.abi.HostMemoryKind;
import io.guestmem.abi.Kernel;
import io.guestmem.abi.KvmFile;
import io.guestmem.abi.UserMemory;
import io.guestmem.abi.VcpuThread;
import java.lang.foreign.MemorySegment;

/** A kernel with a defect: the answers of requests with a struct pass a hand that may change them. */
public record BrokenKernel(Kernel kernel, Defect defect) implements Kernel {
    /** Changes an answer. */
    @FunctionalInterface
    public interface Defect {
        /** What the broken kernel answers; the struct may be changed as well. */
        long answer(int request, MemorySegment struct, long result);
    }

    @Override
    public String name() {
        return "broken";
    }

    @Override
    public KvmFile open() {
        return new BrokenFile(kernel.open(), defect);
    }

    @Override
    public KvmFile adopt(int descriptor, String name) {
        return new BrokenFile(kernel.adopt(descriptor, name), defect);
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

    private record BrokenFile(KvmFile file, Defect defect) implements KvmFile {
        @Override
        public int descriptor() {
            return file.descriptor();
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
            return defect.answer(request, argument, file.ioctl(request, argument));
        }

        @Override
        public long readAt(long offset, MemorySegment into) {
            return file.readAt(offset, into);
        }

        @Override
        public long allocate(int mode, long offset, long length) {
            return file.allocate(mode, offset, length);
        }

        @Override
        public HostMemory map(long offset, long length) {
            return file.map(offset, length);
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
}
