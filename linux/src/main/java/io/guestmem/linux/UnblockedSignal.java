package io.guestmem.linux;

/**
 * A signal that a thread does not block and that does no harm: system calls that the thread is in return {@code EINTR}, or
 * are started again, whichever they do for signals with a handler.
 *
 * <p>It is SIGPIPE: the JVM installs a handler for it that does nothing. Any thread may {@link #send}.
 */
public final class UnblockedSignal {
    private static final int SIGPIPE = 13;

    private final long processId;
    private final long threadId;

    private UnblockedSignal(long processId, long threadId) {
        this.processId = processId;
        this.threadId = threadId;
    }

    /** The signal, to be sent to the calling thread. */
    public static UnblockedSignal toCurrentThread() {
        return new UnblockedSignal(
                SystemCall.once(SystemCallNumber.GETPID, 0, 0, 0), SystemCall.once(SystemCallNumber.GETTID, 0, 0, 0));
    }

    /** Sends the signal; a thread that has ended is left alone. */
    public void send() {
        long result = SystemCall.once(SystemCallNumber.TGKILL, processId, threadId, SIGPIPE);
        if (result < 0 && !Errno.ofResult(result).equals(Errno.ESRCH)) {
            throw new LinuxException("tgkill", Errno.ofResult(result), threadId);
        }
    }
}
