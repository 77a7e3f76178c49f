package io.guestmem.measure.explain;

import java.util.List;

/**
 * What makes a digest match.
 *
 * @param register which one it is: {@code launch digest}, {@code MRTD}, {@code RTMR 0}, …
 * @param changes of the settings, in words; none if they were right
 */
public record Explanation(String register, List<String> changes) {
    /** Keeps its own copy. */
    public Explanation {
        changes = List.copyOf(changes);
    }
}
