package io.guestmem.cli;

import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import picocli.CommandLine.TypeConversionException;

/**
 * A size on the command line: {@code 4096}, {@code 64K}, {@code 1M}, {@code 2G}, {@code 1GiB}, {@code 0x1000}; powers of 1024.
 *
 * @param bytes 0 or more
 */
record ByteSize(long bytes) {
    private static final Pattern SYNTAX = Pattern.compile("(0x[0-9a-f]+|[0-9]+)(?:([kmgt])(?:i?b)?|b)?");
    private static final String UNITS = "kmgt";
    private static final double STEP = 1024;

    static ByteSize parse(String text) {
        Matcher matcher = SYNTAX.matcher(text.toLowerCase(Locale.ROOT));
        if (!matcher.matches()) {
            throw new TypeConversionException("'" + text + "' is not a size; write 4096, 64K, 1M, 2G or 1GiB");
        }
        try {
            int shift = matcher.group(2) == null ? 0 : 10 * (UNITS.indexOf(matcher.group(2)) + 1);
            return new ByteSize(Math.multiplyExact(Long.decode(decimal(matcher.group(1))), 1L << shift));
        } catch (ArithmeticException | NumberFormatException _) {
            throw new TypeConversionException("'" + text + "' is too large for a size");
        }
    }

    /** Without leading zeroes, which {@link Long#decode} takes for octal. */
    private static String decimal(String digits) {
        return digits.startsWith("0x") ? digits : digits.replaceFirst("^0+(?=[0-9])", "");
    }

    /** With a binary unit, for people: {@code 64 MiB}, {@code 1.5 GiB}. */
    static String describe(long bytes) {
        double value = bytes;
        int unit = -1;
        while (value >= STEP && unit < UNITS.length() - 1) {
            value /= STEP;
            unit++;
        }
        String number =
                value == Math.rint(value) ? String.valueOf((long) value) : String.format(Locale.ROOT, "%.1f", value);
        return unit < 0 ? number + " bytes" : number + " " + Character.toUpperCase(UNITS.charAt(unit)) + "iB";
    }

    @Override
    public String toString() {
        return String.valueOf(bytes);
    }
}
