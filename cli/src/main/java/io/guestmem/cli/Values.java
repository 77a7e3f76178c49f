package io.guestmem.cli;

import java.nio.file.Path;
import java.util.function.Function;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;

/** What the texts of a command line stand for. */
final class Values {
    /** Itself. */
    static final ITypeConverter<String> TEXT = text -> text;

    /** A file. */
    static final ITypeConverter<Path> PATH = Path::of;

    /** A decimal number of 32 bits. */
    static final ITypeConverter<Integer> INT = text -> number(text, Integer::valueOf, "an int");

    /** A decimal number of 64 bits. */
    static final ITypeConverter<Long> LONG = text -> number(text, Long::valueOf, "a long");

    /** A number with a fraction. */
    static final ITypeConverter<Double> DOUBLE = text -> number(text, Double::valueOf, "a double");

    private Values() {}

    private static <T> T number(String text, Function<String, T> parser, String what) {
        try {
            return parser.apply(text);
        } catch (NumberFormatException _) {
            throw new TypeConversionException("'" + text + "' is not " + what);
        }
    }
}
