package io.guestmem.cli;

/** Addresses and registers as they are printed. */
final class Hex {
    private Hex() {}

    static String of(long value) {
        return "0x" + Long.toHexString(value);
    }
}
