package io.guestmem.diff;

import java.time.Duration;

/**
 * How long two kernels are compared.
 *
 * @param seed of the first sequence; the next ones count up
 * @param calls at least so many, unless the time is up before
 * @param time at most
 */
public record DiffSettings(long seed, long calls, Duration time) {}
