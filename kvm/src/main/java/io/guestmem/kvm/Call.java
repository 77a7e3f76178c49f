package io.guestmem.kvm;

import io.guestmem.abi.ErrorNumber;
import io.guestmem.abi.KernelException;
import io.guestmem.abi.KvmFile;
import io.guestmem.abi.KvmIoctl;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/** How the typed API makes requests: structs live in a buffer of the thread, errnos that nobody expects are exceptions. */
final class Call {
    private static final int EINTR = ErrorNumber.EINTR.number();

    /** Large enough for every struct without a flexible array; sregs2 is the largest. */
    private static final long BUFFER_SIZE = 512;

    private static final ThreadLocal<MemorySegment> BUFFER =
            ThreadLocal.withInitial(() -> Arena.ofAuto().allocate(BUFFER_SIZE, Long.BYTES));

    private Call() {}

    /**
     * The calling thread's buffer, zeroed, for one struct. It is valid until the thread asks for the next one: a method that
     * uses it calls no other method of this package in between.
     */
    static MemorySegment buffer(long size) {
        return BUFFER.get().asSlice(0, size).fill((byte) 0);
    }

    /** Makes a request with a value, again while it is interrupted; any errno is an exception. */
    static long value(KvmFile file, KvmIoctl request, long argument) {
        long result;
        do {
            result = file.ioctl(request.code(), argument);
        } while (result == -EINTR);
        return result >= 0 ? result : fail(file, request, result, "0x" + Long.toHexString(argument));
    }

    /** Makes a request with a struct, again while it is interrupted; any errno is an exception. */
    static long struct(KvmFile file, KvmIoctl request, MemorySegment argument, Object what) {
        long result = tryStruct(file, request, argument);
        return result >= 0 ? result : fail(file, request, result, what);
    }

    /** Makes a request with a struct, again while it is interrupted. */
    static long tryStruct(KvmFile file, KvmIoctl request, MemorySegment argument) {
        long result;
        do {
            result = file.ioctl(request.code(), argument);
        } while (result == -EINTR);
        return result;
    }

    /** Throws what a negative result says. */
    static long fail(KvmFile file, KvmIoctl request, long result, Object what) {
        throw exception(file, request, result, what);
    }

    /** The exception for a negative result. */
    static KernelException exception(KvmFile file, KvmIoctl request, long result, Object what) {
        int errno = Math.toIntExact(-result);
        return new KernelException(request.request(), errno, ErrorNumber.symbol(errno), file.name() + " " + what);
    }
}
