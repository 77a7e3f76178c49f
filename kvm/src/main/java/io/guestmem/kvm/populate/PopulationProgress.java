package io.guestmem.kvm.populate;

import io.guestmem.abi.GuestPhysical;
import java.time.Duration;

/**
 * How far a population is at one moment.
 *
 * @param bytes done
 * @param total bytes of all steps that were not refused at the start
 * @param elapsed since it began
 */
public record PopulationProgress(long bytes, long total, Duration elapsed) {
    private static final double NANOS = 1e9;

    /** Pages of 4096 bytes done. */
    public long pages() {
        return bytes / GuestPhysical.PAGE_SIZE;
    }

    /** Bytes that remain, also of steps that have stopped. */
    public long remaining() {
        return total - bytes;
    }

    /** Bytes a second since the beginning; 0 at the beginning. */
    public double rate() {
        return elapsed.isZero() ? 0 : bytes * NANOS / elapsed.toNanos();
    }

    /** How long the remaining bytes take at this rate; zero if there are none or no rate is known yet. */
    public Duration timeLeft() {
        double rate = rate();
        return rate == 0 ? Duration.ZERO : Duration.ofNanos((long) (remaining() / rate * NANOS));
    }
}
