package io.guestmem.shell;

import java.math.BigInteger;
import java.util.Locale;
import java.util.Map;
import java.util.OptionalLong;
import java.util.function.Function;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Values as they are typed: {@code 4096}, {@code 0x1000}, {@code -1}, {@code 64K}, {@code 2M}, {@code 1GiB}; symbols of the field
 * ({@code readonly}); names of memory and files; and sums and unions of those: {@code mem0+4K}, {@code log_dirty_pages|readonly}.
 */
final class Values {
    private static final Pattern NUMBER = Pattern.compile("(-?)(0x[0-9a-f]+|[0-9]+)(?:([kmgt])(?:i?b)?)?");
    private static final String UNITS = "kmgt";

    private final Function<String, OptionalLong> names;

    /** @param names the value of a name, if there is something of that name */
    Values(Function<String, OptionalLong> names) {
        this.names = names;
    }

    /** A number without names or symbols. */
    static long number(String text) {
        Matcher matcher = NUMBER.matcher(text.toLowerCase(Locale.ROOT));
        if (!matcher.matches()) {
            throw new CommandException("'" + text + "' is not a number; write 4096, 0x1000, 64K or 2M");
        }
        String digits = matcher.group(2);
        BigInteger value = digits.startsWith("0x") ? new BigInteger(digits.substring(2), 16) : new BigInteger(digits);
        if (matcher.group(3) != null) {
            value = value.shiftLeft(10 * (UNITS.indexOf(matcher.group(3)) + 1));
        }
        if (value.bitLength() > Long.SIZE || (!matcher.group(1).isEmpty() && value.bitLength() >= Long.SIZE)) {
            throw new CommandException("'" + text + "' does not fit in 64 bits");
        }
        return matcher.group(1).isEmpty() ? value.longValue() : -value.longValue();
    }

    /** The value of a text in which the given symbols may stand. */
    long parse(String text, Map<String, Long> symbols) {
        long value = 0;
        for (String part : text.split("\\|", -1)) {
            value |= sum(part, symbols);
        }
        return value;
    }

    private long sum(String text, Map<String, Long> symbols) {
        long sum = 0;
        for (String part : text.split("\\+", -1)) {
            sum += single(part, symbols);
        }
        return sum;
    }

    private long single(String text, Map<String, Long> symbols) {
        Long symbol = symbols.get(text.toLowerCase(Locale.ROOT));
        if (symbol != null) {
            return symbol;
        }
        OptionalLong named = names.apply(text);
        if (named.isPresent()) {
            return named.getAsLong();
        }
        if (!text.isEmpty() && Character.isLetter(text.charAt(0))) {
            String known = symbols.isEmpty()
                    ? ""
                    : "; here it may be "
                            + String.join(
                                    ", ", symbols.keySet().stream().sorted().toList());
            throw new CommandException("nothing has the name '" + text + "'" + known);
        }
        return number(text);
    }
}
