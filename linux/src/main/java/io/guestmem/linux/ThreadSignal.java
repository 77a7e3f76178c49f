package io.guestmem.linux;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * A signal that is blocked in one thread and sent to it by others: it never runs a handler, it only makes system calls that
 * unblock it ({@code KVM_RUN} with {@code KVM_SET_SIGNAL_MASK}) return {@code EINTR}.
 *
 * <p>The signal is a real-time one that neither libc nor the JVM uses. Any thread may {@link #send}; the rest belongs to the
 * thread that was blocked. Only for platform threads: a virtual thread would block the signal in its carrier.
 */
public final class ThreadSignal {
    /** Real-time signals start at 32, libc takes the first two for itself, the JVM's channels use 62. */
    private static final int SIGNAL = 40;

    private static final long BIT = 1L << (SIGNAL - 1);
    private static final int SIG_BLOCK = 0;
    private static final long SIGSET_SIZE = 8;

    private final long processId;
    private final long threadId;
    private final long othersBlocked;

    private ThreadSignal(long processId, long threadId, long othersBlocked) {
        this.processId = processId;
        this.threadId = threadId;
        this.othersBlocked = othersBlocked;
    }

    /**
     * Blocks the signal in the calling thread, for as long as the thread lives.
     *
     * @throws IllegalStateException in a virtual thread
     */
    public static ThreadSignal blockInCurrentThread() {
        if (Thread.currentThread().isVirtual()) {
            throw new IllegalStateException("a vCPU runs on a platform thread, this one is virtual");
        }
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment set = arena.allocateFrom(ValueLayout.JAVA_LONG, BIT);
            MemorySegment before = arena.allocate(ValueLayout.JAVA_LONG);
            long result = SystemCall.once(
                    SystemCallNumber.RT_SIGPROCMASK, SIG_BLOCK, set.address(), before.address(), SIGSET_SIZE, 0, 0);
            LinuxException.check(result, "rt_sigprocmask", "SIG_BLOCK", SIGNAL);
            return new ThreadSignal(
                    SystemCall.once(SystemCallNumber.GETPID, 0, 0, 0),
                    SystemCall.once(SystemCallNumber.GETTID, 0, 0, 0),
                    before.get(ValueLayout.JAVA_LONG, 0) & ~BIT);
        }
    }

    /** The thread's signal mask without this signal, bit n-1 for signal n: for {@code KVM_SET_SIGNAL_MASK}. */
    public long maskWithoutSignal() {
        return othersBlocked;
    }

    /** Sends the signal; a thread that has ended is left alone. */
    public void send() {
        long result = SystemCall.once(SystemCallNumber.TGKILL, processId, threadId, SIGNAL);
        if (result < 0 && !Errno.ofResult(result).equals(Errno.ESRCH)) {
            throw new LinuxException("tgkill", Errno.ofResult(result), threadId);
        }
    }

    /**
     * Takes the signal if it is pending.
     *
     * @return whether it was
     */
    public boolean consume() {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment set = arena.allocateFrom(ValueLayout.JAVA_LONG, BIT);
            MemorySegment noWait = arena.allocate(2 * Long.BYTES, Long.BYTES);
            long result = SystemCall.restarting(
                    SystemCallNumber.RT_SIGTIMEDWAIT, set.address(), 0, noWait.address(), SIGSET_SIZE, 0, 0);
            if (result < 0 && !Errno.ofResult(result).equals(Errno.EAGAIN)) {
                throw new LinuxException("rt_sigtimedwait", Errno.ofResult(result), SIGNAL);
            }
            return result == SIGNAL;
        }
    }
}
