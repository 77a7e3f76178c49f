package io.guestmem.shell;

import java.util.Arrays;
import java.util.List;
import java.util.Locale;

/** Constants of an enumeration by their names in lower case. */
final class Choices {
    private Choices() {}

    static <E extends Enum<E>> E of(Class<E> type, String word) {
        for (E each : type.getEnumConstants()) {
            if (each.name().equalsIgnoreCase(word)) {
                return each;
            }
        }
        throw new CommandException("'" + word + "' is not one of " + String.join(", ", names(type)));
    }

    static <E extends Enum<E>> List<String> names(Class<E> type) {
        return Arrays.stream(type.getEnumConstants())
                .map(each -> each.name().toLowerCase(Locale.ROOT))
                .toList();
    }
}
