package io.guestmem.measure.rtmr;

/**
 * An event of a log: one extension of a register.
 *
 * @param name what was measured: {@code td_hob}, {@code SecureBoot}
 * @param digest SHA-384, in lower-case hex
 */
public record MeasuredEvent(String name, String digest) {}
