package io.guestmem.cli;

import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;

/**
 * An option that takes one of a few names: the constants of an enum in lower case, as they are printed everywhere else, with
 * hyphens too.
 *
 * @param constants in the order in which they are listed
 */
record Choices<E extends Enum<E>>(List<E> constants) implements ITypeConverter<E> {
    static <E extends Enum<E>> Choices<E> of(Class<E> type) {
        return new Choices<>(Arrays.asList(type.getEnumConstants()));
    }

    @Override
    public E convert(String text) {
        return constants.stream()
                .filter(each -> name(each).equals(text.toLowerCase(Locale.ROOT).replace('-', '_')))
                .findFirst()
                .orElseThrow(() -> new TypeConversionException("'" + text + "' is not one of "
                        + String.join(
                                ", ", constants.stream().map(Choices::name).toList())));
    }

    private static String name(Enum<?> constant) {
        return constant.name().toLowerCase(Locale.ROOT);
    }
}
