package io.guestmem.diff;

import java.util.ArrayList;
import java.util.List;

/** Collects what is seen of one call. For one thread. */
final class Looks {
    private final List<Outcome.Value> values = new ArrayList<>();

    Looks add(String name, long value) {
        values.add(new Outcome.Value(name, value));
        return this;
    }

    List<Outcome.Value> values() {
        return values;
    }
}
