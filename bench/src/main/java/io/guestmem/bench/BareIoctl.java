package io.guestmem.bench;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.StructLayout;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;

/**
 * {@code ioctl(2)} as a program would call it that uses {@code java.lang.foreign} and nothing else: one downcall, errno captured
 * into memory that was allocated before. It checks nothing and keeps nothing open: a yardstick, not an interface.
 *
 * <p>Not thread-safe.
 */
final class BareIoctl {
    private static final StructLayout CAPTURE = Linker.Option.captureStateLayout();
    private static final long ERRNO_OFFSET = CAPTURE.byteOffset(MemoryLayout.PathElement.groupElement("errno"));

    private static final MethodHandle IOCTL = link();

    private final MemorySegment captured = Arena.ofAuto().allocate(CAPTURE);

    @SuppressWarnings("restricted") // what the one downcall of io.guestmem.linux is compared with
    private static MethodHandle link() {
        Linker linker = Linker.nativeLinker();
        return linker.downcallHandle(
                linker.defaultLookup().findOrThrow("ioctl"),
                FunctionDescriptor.of(
                        ValueLayout.JAVA_INT, ValueLayout.JAVA_INT, ValueLayout.JAVA_LONG, ValueLayout.JAVA_LONG),
                Linker.Option.captureCallState("errno"),
                Linker.Option.firstVariadicArg(2));
    }

    /**
     * Makes the call once.
     *
     * @return the result, 0 or more, or a negated errno
     */
    int call(int descriptor, long request, long argument) {
        try {
            int result = (int) IOCTL.invokeExact(captured, descriptor, request, argument);
            return result == -1 ? -captured.get(ValueLayout.JAVA_INT, ERRNO_OFFSET) : result;
        } catch (Error | RuntimeException unexpected) {
            throw unexpected;
        } catch (Throwable impossible) {
            throw new AssertionError("a downcall throws no checked exception", impossible);
        }
    }
}
