package io.guestmem.diff;

import io.guestmem.abi.Kernel;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** Performs sequences on two kernels and compares. For one thread. */
public final class Comparison implements AutoCloseable {
    private final Side first;
    private final Side second;
    private final Scope scope;
    private final Map<KnownDifference, Long> explained = new EnumMap<>(KnownDifference.class);
    private long calls;

    /**
     * A comparison of two kernels.
     *
     * @param scope what both can show
     */
    public Comparison(Kernel first, Kernel second, Scope scope) {
        this(new Performer(first, scope), new Performer(second, scope), scope);
    }

    /** A comparison that closes its sides. */
    Comparison(Side first, Side second, Scope scope) {
        this.first = first;
        this.second = second;
        this.scope = scope;
    }

    /**
     * Performs a sequence on both, call by call, up to the first difference that no rule explains.
     *
     * @return that difference
     */
    public Optional<Difference> compare(Sequence sequence) {
        return compare(sequence, explained);
    }

    /** The same, and nothing is counted: to see a difference again, or a smaller one. */
    Optional<Difference> repeat(Sequence sequence) {
        long before = calls;
        try {
            return compare(sequence, new EnumMap<>(KnownDifference.class));
        } finally {
            calls = before;
        }
    }

    private Optional<Difference> compare(Sequence sequence, Map<KnownDifference, Long> rules) {
        try {
            return walk(sequence, rules);
        } finally {
            first.reset();
            second.reset();
        }
    }

    private Optional<Difference> walk(Sequence sequence, Map<KnownDifference, Long> rules) {
        List<Call> all = sequence.calls();
        for (int i = 0; i < all.size(); i++) {
            calls++;
            Call call = all.get(i);
            Difference found = new Difference(sequence, i, first.perform(call), second.perform(call));
            if (!found.first().equals(found.second())) {
                return unexplained(found, rules);
            }
        }
        if (!sequence.comparesMemory()) {
            return Optional.empty();
        }
        Difference memory = new Difference(sequence, all.size(), first.memory(), second.memory());
        return memory.first().equals(memory.second()) ? Optional.empty() : unexplained(memory, rules);
    }

    private Optional<Difference> unexplained(Difference found, Map<KnownDifference, Long> rules) {
        Optional<KnownDifference> rule = KnownDifference.of(found, scope);
        rule.ifPresent(known -> rules.merge(known, 1L, Long::sum));
        return rule.isPresent() ? Optional.empty() : Optional.of(found);
    }

    /** Calls that were made on each kernel so far. */
    public long calls() {
        return calls;
    }

    /** How often each rule explained a difference. */
    public Map<KnownDifference, Long> explained() {
        return Map.copyOf(explained);
    }

    @Override
    public void close() {
        first.close();
        second.close();
    }
}
