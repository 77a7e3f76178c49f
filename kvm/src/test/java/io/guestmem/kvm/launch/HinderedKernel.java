package io.guestmem.kvm.launch;

import io.guestmem.abi.HostMemory;
import io.guestmem.abi.HostMemoryKind;
import io.guestmem.abi.Kernel;
import io.guestmem.abi.KvmFile;
import io.guestmem.abi.KvmIoctl;
import io.guestmem.abi.UserMemory;
import io.guestmem.abi.VcpuThread;
import io.guestmem.soft.SoftKernel;
import java.lang.foreign.MemorySegment;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;

/** A software kernel whose next commands for confidential guests are answered before it sees them. For one thread. */
final class HinderedKernel implements Kernel {
    private final SoftKernel soft;
    private final Deque<Long> answers = new ArrayDeque<>();

    /** Commands that were made, hindered or not. */
    int commands;

    HinderedKernel(SoftKernel soft) {
        this.soft = soft;
    }

    /** The next commands get these answers, negated errnos. */
    void next(Long... errnos) {
        answers.addAll(List.of(errnos));
    }

    @Override
    public String name() {
        return soft.name();
    }

    @Override
    public KvmFile open() {
        return new File(soft.open());
    }

    @Override
    public KvmFile adopt(int descriptor, String name) {
        return new File(soft.adopt(descriptor, name));
    }

    @Override
    public HostMemory allocate(HostMemoryKind kind, long length) {
        return soft.allocate(kind, length);
    }

    @Override
    public UserMemory expose(MemorySegment memory) {
        return soft.expose(memory);
    }

    @Override
    public VcpuThread currentThread() {
        return soft.currentThread();
    }

    private final class File implements KvmFile {
        private final KvmFile file;

        File(KvmFile file) {
            this.file = file;
        }

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
            if (request == KvmIoctl.MEMORY_ENCRYPT_OP.code()) {
                commands++;
                Long answer = answers.poll();
                if (answer != null) {
                    return answer;
                }
            }
            return file.ioctl(request, argument);
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
