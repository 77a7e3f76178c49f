package io.guestmem.linux;

import java.io.Serial;
import java.util.StringJoiner;

/**
 * A system call failed in a way that its caller did not have to expect.
 *
 * <p>The message names the call, the errno and the arguments, for example
 * {@code openat: EACCES (13): /dev/kvm}.
 */
public final class LinuxException extends RuntimeException {
    @Serial
    private static final long serialVersionUID = 1;

    private final String call;
    private final int errno;
    private final String arguments;

    /**
     * Makes the exception.
     *
     * @param call the call as its manual page spells it, or the ioctl's name
     * @param errno what the kernel said
     * @param arguments what helps to see why: paths, ranges in hexadecimal, flags
     */
    public LinuxException(String call, Errno errno, Object... arguments) {
        this(call, errno, join(arguments));
    }

    private LinuxException(String call, Errno errno, String arguments) {
        this.call = call;
        this.errno = errno.number();
        this.arguments = arguments;
    }

    private static String join(Object... arguments) {
        StringJoiner joined = new StringJoiner(" ");
        for (Object argument : arguments) {
            joined.add(String.valueOf(argument));
        }
        return joined.toString();
    }

    /**
     * Passes a result of 0 or more through and turns a negated errno into the exception.
     *
     * @return {@code result}
     * @throws LinuxException if {@code result} is negative
     */
    public static long check(long result, String call, Object... arguments) {
        if (result < 0) {
            throw new LinuxException(call, Errno.ofResult(result), arguments);
        }
        return result;
    }

    /** As {@link #check(long, String, Object...)}, without arguments: allocates nothing when all is well. */
    public static long check(long result, String call) {
        if (result < 0) {
            throw new LinuxException(call, Errno.ofResult(result));
        }
        return result;
    }

    /** Call, errno and arguments; never null. */
    @Override
    public String getMessage() {
        return call + ": " + errno() + (arguments.isEmpty() ? "" : ": " + arguments);
    }

    /** The call, as its manual page spells it. */
    public String call() {
        return call;
    }

    /** What the kernel said. */
    public Errno errno() {
        return new Errno(errno);
    }

    /** The arguments of the call as far as they help to see why; empty if none do. */
    public String arguments() {
        return arguments;
    }
}
