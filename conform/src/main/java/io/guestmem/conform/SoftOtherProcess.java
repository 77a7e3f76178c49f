package io.guestmem.conform;

import io.guestmem.abi.HostMemory;
import io.guestmem.abi.KernelException;
import io.guestmem.abi.KvmFile;
import io.guestmem.soft.SoftProcess;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;

/**
 * Another process of the software kernel.
 *
 * @param process ends with this
 * @param files that it received
 */
record SoftOtherProcess(SoftProcess process, List<KvmFile> files) implements HostActions.OtherProcess {
    /** Hands files of the first process over. */
    static SoftOtherProcess with(SoftProcess process, List<KvmFile> files) {
        return new SoftOtherProcess(
                process, files.stream().map(process::receive).toList());
    }

    @Override
    public long ioctl(int file, int request, byte[] struct) {
        if (struct.length == 0) {
            return files.get(file).ioctl(request, 0);
        }
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment argument = arena.allocate(struct.length, Long.BYTES);
            MemorySegment.copy(struct, 0, argument, ValueLayout.JAVA_BYTE, 0, struct.length);
            return files.get(file).ioctl(request, argument);
        }
    }

    @Override
    public long allocate(int file, int mode, long offset, long length) {
        return files.get(file).allocate(mode, offset, length);
    }

    @Override
    public long mapAndStore(int file, long value) {
        try (HostMemory page = files.get(file).map(0, Numbers.PAGE);
                Arena arena = Arena.ofConfined()) {
            return page.store(0, arena.allocateFrom(ValueLayout.JAVA_LONG, value));
        } catch (KernelException refused) {
            return -refused.errno();
        }
    }

    @Override
    public void close() {
        process.close();
    }
}
