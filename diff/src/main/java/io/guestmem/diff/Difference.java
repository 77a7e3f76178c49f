package io.guestmem.diff;

import java.util.Optional;

/**
 * The first call of a sequence that two kernels answered differently.
 *
 * @param sequence that was performed
 * @param position of the call; the number of calls for the memory at the end
 * @param first what the first kernel did
 * @param second what the second kernel did
 */
public record Difference(Sequence sequence, int position, Outcome first, Outcome second) {
    /** The call; empty for the memory at the end. */
    public Optional<Call> call() {
        return position < sequence.calls().size() ? Optional.of(sequence.calls().get(position)) : Optional.empty();
    }

    /** Whether another difference is of the same kind: the same call, differing in the same things. */
    boolean resembles(Difference other) {
        return call().map(Object::getClass).equals(other.call().map(Object::getClass)) && what().equals(other.what());
    }

    /** What differs first: {@code result}, the name of a value, or {@code values} if there are more or fewer. */
    public String what() {
        if (first.result() != second.result()) {
            return "result " + first.answer() + " " + second.answer();
        }
        int common = Math.min(first.values().size(), second.values().size());
        for (int i = 0; i < common; i++) {
            Outcome.Value one = first.values().get(i);
            if (!one.equals(second.values().get(i))) {
                return one.name();
            }
        }
        return "values";
    }

    /** The call and both outcomes, one below the other. */
    public String describe(String firstName, String secondName) {
        int width = Math.max(firstName.length(), secondName.length());
        return "call " + position + ": " + call().map(Call::java).orElse("memory at the end") + "\n"
                + "  " + firstName + " ".repeat(width - firstName.length()) + "  " + first + "\n"
                + "  " + secondName + " ".repeat(width - secondName.length()) + "  " + second + "\n";
    }
}
