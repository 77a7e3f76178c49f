package io.guestmem.cli;

import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.function.Function;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;

/**
 * An option that takes one of a few names; a hyphen is as good as an underscore.
 *
 * @param constants in the order in which they are listed
 * @param name of a constant, in lower case
 */
record Choices<E extends Enum<E>>(List<E> constants, Function<E, String> name) implements ITypeConverter<E> {
    /** The constants of an enum in lower case, as they are printed everywhere else. */
    static <E extends Enum<E>> Choices<E> of(Class<E> type) {
        return of(type, constant -> constant.name().toLowerCase(Locale.ROOT));
    }

    static <E extends Enum<E>> Choices<E> of(Class<E> type, Function<E, String> name) {
        return new Choices<>(Arrays.asList(type.getEnumConstants()), name);
    }

    @Override
    public E convert(String text) {
        return constants.stream()
                .filter(each ->
                        name.apply(each).equals(text.toLowerCase(Locale.ROOT).replace('-', '_')))
                .findFirst()
                .orElseThrow(() -> new TypeConversionException("'" + text + "' is not one of " + this));
    }

    /** The names, with commas between them. */
    @Override
    public String toString() {
        return String.join(", ", constants.stream().map(name).toList());
    }
}
