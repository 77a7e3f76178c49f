package io.guestmem.linux;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * What {@code getrusage(2)} says of a process or thread since its start.
 *
 * @param userMicroseconds CPU time in user mode
 * @param systemMicroseconds CPU time in the kernel
 * @param minorFaults page faults that needed no input
 * @param majorFaults page faults that did
 */
public record ResourceUsage(long userMicroseconds, long systemMicroseconds, long minorFaults, long majorFaults) {
    private static final int RUSAGE_SELF = 0;
    private static final int RUSAGE_THREAD = 1;
    private static final long MICROSECONDS_A_SECOND = 1_000_000;

    /** All threads of this process, also those that have ended. */
    public static ResourceUsage ofProcess() {
        return of(RUSAGE_SELF);
    }

    /** The platform thread that calls. */
    public static ResourceUsage ofThread() {
        return of(RUSAGE_THREAD);
    }

    private static ResourceUsage of(int who) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment usage = arena.allocate(RusageLayout.SIZE, Long.BYTES);
            LinuxException.check(
                    SystemCall.once(SystemCallNumber.GETRUSAGE, who, usage.address(), 0), "getrusage", who);
            return new ResourceUsage(
                    microseconds(usage, RusageLayout.USER_SECONDS, RusageLayout.USER_MICROSECONDS),
                    microseconds(usage, RusageLayout.SYSTEM_SECONDS, RusageLayout.SYSTEM_MICROSECONDS),
                    usage.get(ValueLayout.JAVA_LONG, RusageLayout.MINFLT),
                    usage.get(ValueLayout.JAVA_LONG, RusageLayout.MAJFLT));
        }
    }

    private static long microseconds(MemorySegment usage, long seconds, long microseconds) {
        return usage.get(ValueLayout.JAVA_LONG, seconds) * MICROSECONDS_A_SECOND
                + usage.get(ValueLayout.JAVA_LONG, microseconds);
    }
}
