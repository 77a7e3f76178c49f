package io.guestmem.diff;

import io.guestmem.abi.ErrorNumber;
import java.util.List;
import java.util.OptionalLong;
import java.util.stream.Collectors;

/**
 * What a kernel did for a call.
 *
 * @param result 0 or more, a negated errno, or {@link #NOTHING}; descriptors are 0
 * @param values what else could be seen, in the order of looking
 */
public record Outcome(long result, List<Value> values) {
    /** There was nothing to call. */
    public static final long NOTHING = Long.MIN_VALUE;

    private static final long LOWEST_ERRNO = -4095;

    /** Copies the list. */
    public Outcome {
        values = List.copyOf(values);
    }

    /** One thing that was seen. */
    public record Value(String name, long value) {
        @Override
        public String toString() {
            return name + "=0x" + Long.toHexString(value);
        }
    }

    static Outcome nothing() {
        return new Outcome(NOTHING, List.of());
    }

    /** The first value of a name. */
    public OptionalLong value(String name) {
        return values.stream()
                .filter(each -> each.name.equals(name))
                .mapToLong(Value::value)
                .findFirst();
    }

    /** Whether a value was seen. */
    boolean has(String name, long value) {
        return values.contains(new Value(name, value));
    }

    /** Whether the call failed with an errno. */
    public boolean is(ErrorNumber errno) {
        return result == -errno.number();
    }

    /** The result for people: a number or the errno's name. */
    public String answer() {
        if (result == NOTHING) {
            return "nothing to call";
        }
        if (result >= 0 || result < LOWEST_ERRNO) {
            return Long.toString(result);
        }
        int errno = Math.toIntExact(-result);
        return ErrorNumber.of(errno).map(ErrorNumber::name).orElse("errno " + errno);
    }

    @Override
    public String toString() {
        return values.stream()
                .map(Value::toString)
                .collect(Collectors.joining(" ", answer() + " ", ""))
                .strip();
    }
}
