package io.guestmem.linux;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.StructLayout;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;

/**
 * The one native handle: {@code long syscall(long number, ...)} with errno captured.
 *
 * <p>Results follow the kernel's own convention: a value of 0 or more is the result, a value in {@code [-4095, -1]} is a
 * negated errno. Pointers are passed as plain addresses; whoever passes one keeps its segment alive with
 * {@link java.lang.ref.Reference#reachabilityFence} until the call has returned.
 */
final class SystemCall {
    private static final long EINTR = 4;

    private static final StructLayout CAPTURE = Linker.Option.captureStateLayout();
    private static final long ERRNO_OFFSET = CAPTURE.byteOffset(MemoryLayout.PathElement.groupElement("errno"));

    /** One capture segment a thread: errno must be read by the thread that made the call, and no call allocates. */
    private static final ThreadLocal<MemorySegment> CAPTURED =
            ThreadLocal.withInitial(() -> Arena.ofAuto().allocate(CAPTURE));

    private static final MethodHandle SYSCALL = link();

    private SystemCall() {}

    @SuppressWarnings("restricted") // the only downcall of this package
    private static MethodHandle link() {
        if (!System.getProperty("os.arch").equals("amd64")
                || !System.getProperty("os.name").equals("Linux")) {
            throw new UnsupportedOperationException("guestmem speaks to Linux on x86-64, this is "
                    + System.getProperty("os.name") + " on " + System.getProperty("os.arch"));
        }
        Linker linker = Linker.nativeLinker();
        ValueLayout.OfLong word = ValueLayout.JAVA_LONG;
        return linker.downcallHandle(
                linker.defaultLookup().findOrThrow("syscall"),
                FunctionDescriptor.of(word, word, word, word, word, word, word, word),
                Linker.Option.captureCallState("errno"),
                Linker.Option.firstVariadicArg(1));
    }

    /** Makes the call once; {@code -EINTR} is a result like any other. */
    static long once(SystemCallNumber number, long a, long b, long c, long d, long e, long f) {
        MemorySegment captured = CAPTURED.get();
        try {
            long result = (long) SYSCALL.invokeExact(captured, number.value(), a, b, c, d, e, f);
            return result == -1 ? -captured.get(ValueLayout.JAVA_INT, ERRNO_OFFSET) : result;
        } catch (Error | RuntimeException unexpected) {
            throw unexpected;
        } catch (Throwable impossible) {
            throw new AssertionError("a downcall throws no checked exception", impossible);
        }
    }

    static long once(SystemCallNumber number, long a, long b, long c) {
        return once(number, a, b, c, 0, 0, 0);
    }

    /** Makes the call until it is not interrupted. Only for calls that may be repeated as they are. */
    static long restarting(SystemCallNumber number, long a, long b, long c, long d, long e, long f) {
        long result;
        do {
            result = once(number, a, b, c, d, e, f);
        } while (result == -EINTR);
        return result;
    }

    static long restarting(SystemCallNumber number, long a, long b, long c) {
        return restarting(number, a, b, c, 0, 0, 0);
    }
}
