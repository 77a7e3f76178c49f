package io.guestmem.cli;

import picocli.CommandLine.TypeConversionException;

/** A number on the command line: {@code 33} or {@code 0x21}; 64 bits, unsigned in hexadecimal. */
final class RawNumber {
    private RawNumber() {}

    static long parse(String text) {
        try {
            return text.startsWith("0x") || text.startsWith("0X")
                    ? Long.parseUnsignedLong(text.substring(2), 16)
                    : Long.parseLong(text);
        } catch (NumberFormatException _) {
            throw new TypeConversionException("'" + text + "' is not a number; write 33 or 0x21");
        }
    }
}
