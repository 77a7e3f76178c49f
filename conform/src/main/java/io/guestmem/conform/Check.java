package io.guestmem.conform;

import java.util.List;
import java.util.Set;

/**
 * One check.
 *
 * @param id as in the specification: {@code SLOT-14}
 * @param title what it shows, in one line
 * @param source where the rule comes from: {@code file:function} of Linux 7.2, or a proposal
 * @param where the kernels that can show it
 * @param body makes the requests
 */
public record Check(String id, String title, String source, Set<CheckClass> where, Body body) {
    /** Copies the set. */
    public Check {
        where = Set.copyOf(where);
    }

    /** What a check does. */
    @FunctionalInterface
    public interface Body {
        /** Makes requests and tells the trial what they must answer. */
        void run(Trial trial);
    }

    static Check of(String id, String title, String source, Body body, CheckClass... where) {
        return new Check(id, title, source, Set.copyOf(List.of(where)), body);
    }
}
