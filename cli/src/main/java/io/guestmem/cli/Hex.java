package io.guestmem.cli;

import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;

/** Addresses and registers: 64 bits, {@code 0x…} or decimal. */
final class Hex implements ITypeConverter<Long> {
    private static final int HEXADECIMAL = 16;

    @Override
    public Long convert(String text) {
        return parse(text);
    }

    static long parse(String text) {
        try {
            return text.startsWith("0x") || text.startsWith("0X")
                    ? Long.parseUnsignedLong(text.substring(2), HEXADECIMAL)
                    : Long.parseUnsignedLong(text);
        } catch (NumberFormatException _) {
            throw new TypeConversionException("'" + text + "' is not an address: 0x…, or decimal");
        }
    }

    static String of(long value) {
        return "0x" + Long.toHexString(value);
    }
}
