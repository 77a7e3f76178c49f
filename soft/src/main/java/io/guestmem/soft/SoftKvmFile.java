package io.guestmem.soft;

import io.guestmem.abi.ErrorNumber;
import io.guestmem.abi.HostMemory;
import io.guestmem.abi.KernelException;
import io.guestmem.abi.KvmFile;
import io.guestmem.soft.vm.OpenFile;
import io.guestmem.soft.vm.UserArgument;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jspecify.annotations.Nullable;

/** A descriptor of a simulated process. */
final class SoftKvmFile implements KvmFile {
    private static final long EBADF = -ErrorNumber.EBADF.number();

    private final SoftProcess process;
    private final int descriptor;
    private final String name;
    private final AtomicBoolean closed = new AtomicBoolean();

    SoftKvmFile(SoftProcess process, int descriptor, String name) {
        this.process = process;
        this.descriptor = descriptor;
        this.name = name;
    }

    @Override
    public int descriptor() {
        return descriptor;
    }

    @Override
    public String name() {
        return name;
    }

    @Override
    public long ioctl(int request, long argument) {
        return ioctl(request, new PointerArgument(argument, process.pointers()));
    }

    @Override
    public long ioctl(int request, MemorySegment argument) {
        return ioctl(request, new SegmentArgument(argument));
    }

    private long ioctl(int request, UserArgument argument) {
        OpenFile file = begin();
        if (file == null) {
            return EBADF;
        }
        try {
            return file.request(process.caller(), request, argument);
        } finally {
            end(file);
        }
    }

    @Override
    public long readAt(long offset, MemorySegment into) {
        OpenFile file = begin();
        if (file == null) {
            return EBADF;
        }
        try {
            return file.readAt(offset, into);
        } finally {
            end(file);
        }
    }

    @Override
    public long allocate(int mode, long offset, long length) {
        OpenFile file = begin();
        if (file == null) {
            return EBADF;
        }
        try {
            return file.allocate(process.caller(), mode, offset, length);
        } finally {
            end(file);
        }
    }

    @Override
    public HostMemory map(long offset, long length) {
        OpenFile file = begin();
        if (file == null) {
            throw new KernelException(
                    "mmap", ErrorNumber.EBADF.number(), ErrorNumber.symbol(ErrorNumber.EBADF.number()), name);
        }
        try {
            return file.map(process.caller(), offset, length);
        } finally {
            end(file);
        }
    }

    @Override
    public KvmFile closeOnExec() {
        process.files().closeOnExec(descriptor);
        return this;
    }

    /** The open file, with a reference for the caller. */
    @Nullable
    OpenFile file() {
        return begin();
    }

    private @Nullable OpenFile begin() {
        if (closed.get()) {
            throw new IllegalStateException(name + " is closed");
        }
        return process.files().get(descriptor);
    }

    /** The call is over: a file that was closed meanwhile goes now, and signal handlers run. */
    private void end(OpenFile file) {
        file.put();
        process.currentThread().deliver();
    }

    @Override
    public void close() {
        if (closed.compareAndSet(false, true)) {
            process.files().close(descriptor);
        }
    }

    @Override
    public String toString() {
        return name + " (descriptor " + descriptor + " of process " + process.pid() + ")";
    }
}
