package io.guestmem.diff;

import io.guestmem.abi.HostAdvice;
import io.guestmem.abi.HostProtection;
import java.util.List;
import java.util.Locale;

/**
 * One argument of a call, as reports and the shrinker see it.
 *
 * @param name of the component
 * @param value the number, or the position of a choice
 * @param java the expression that makes it
 * @param isNumber whether a smaller value may be tried; a choice is left alone
 */
public record Argument(String name, long value, String java, boolean isNumber) {
    /** What a process can advise, by position. */
    static final List<HostAdvice> ADVICE = List.of(HostAdvice.values());

    /** How a process can protect memory, by position. */
    static final List<HostProtection> PROTECTIONS = List.of(HostProtection.values());

    /** What a guest can do with memory, by position. */
    static final List<GuestAccess> ACCESSES = List.of(GuestAccess.values());

    private static final int SMALL = 1024;

    static Argument number(String name, long value) {
        boolean small = value > -SMALL && value < SMALL;
        String text =
                small ? Long.toString(value) : "0x" + Long.toHexString(value).toUpperCase(Locale.ROOT) + "L";
        return new Argument(name, value, text, true);
    }

    /** @param all the choices, in the order of their positions */
    static <E extends Enum<E>> Argument choice(String name, List<E> all, E value) {
        return new Argument(
                name, all.indexOf(value), value.getDeclaringClass().getSimpleName() + "." + value.name(), false);
    }
}
