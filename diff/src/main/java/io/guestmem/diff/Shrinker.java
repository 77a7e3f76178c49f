package io.guestmem.diff;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Function;

/**
 * Makes a sequence that shows a difference shorter, and its arguments plainer, as long as a difference of the same kind stays.
 */
public final class Shrinker {
    private static final long PAGE = 4096;

    private final Function<Sequence, Optional<Difference>> trial;
    private int trials;

    /**
     * A shrinker.
     *
     * @param trial performs a sequence on both kernels
     * @param trials how often at most
     */
    public Shrinker(Function<Sequence, Optional<Difference>> trial, int trials) {
        this.trial = trial;
        this.trials = trials;
    }

    /** The smallest sequence that was found. */
    public Difference shrink(Difference found) {
        Difference smallest = cut(found);
        Difference before;
        do {
            before = smallest;
            smallest = withoutCalls(smallest);
            smallest = withPlainerArguments(smallest);
        } while (trials > 0 && !smallest.equals(before));
        return smallest;
    }

    /** What comes after the difference does not matter. */
    private static Difference cut(Difference found) {
        List<Call> calls = found.sequence().calls();
        int length = Math.min(calls.size(), found.position() + 1);
        Sequence shorter = found.sequence().withCalls(calls.subList(0, length));
        return new Difference(shorter, found.position(), found.first(), found.second());
    }

    /** Leaves out runs of calls, first long ones: delta debugging. The first call makes the VM. */
    private Difference withoutCalls(Difference found) {
        Difference smallest = found;
        int width = Math.max(1, found.sequence().calls().size() / 2);
        while (width > 0 && trials > 0) {
            boolean shrunk = false;
            for (int from = 1; from < smallest.sequence().calls().size() && trials > 0; ) {
                List<Call> calls = smallest.sequence().calls();
                List<Call> fewer = new ArrayList<>(calls.subList(0, from));
                fewer.addAll(calls.subList(Math.min(calls.size(), from + width), calls.size()));
                Optional<Difference> same = tried(smallest, fewer);
                if (same.isPresent()) {
                    smallest = same.get();
                    shrunk = true;
                } else {
                    from += width;
                }
            }
            width = shrunk && width == 1 ? 1 : width / 2;
        }
        return smallest;
    }

    private Difference withPlainerArguments(Difference found) {
        Difference smallest = found;
        for (int i = 0; i < smallest.sequence().calls().size(); i++) {
            Call call = smallest.sequence().calls().get(i);
            for (int argument = 0; argument < call.arguments().size() && trials > 0; argument++) {
                smallest = withPlainerArgument(smallest, i, argument);
                if (i >= smallest.sequence().calls().size()) {
                    return smallest;
                }
            }
        }
        return smallest;
    }

    private Difference withPlainerArgument(Difference found, int position, int argument) {
        Difference smallest = found;
        Argument before = found.sequence().calls().get(position).arguments().get(argument);
        if (!before.isNumber()) {
            return found;
        }
        for (long plainer : plainer(before.value())) {
            List<Call> calls = new ArrayList<>(smallest.sequence().calls());
            Call call = calls.get(position);
            long[] values = call.arguments().stream().mapToLong(Argument::value).toArray();
            values[argument] = plainer;
            calls.set(position, call.with(values));
            Optional<Difference> same = tried(smallest, calls);
            if (same.isPresent()) {
                return same.get();
            }
        }
        return smallest;
    }

    /** What may stand in place of a number, the plainest first. */
    private static List<Long> plainer(long value) {
        List<Long> all = new ArrayList<>();
        for (long each : new long[] {0, 1, PAGE, value & -(2L << 20), value & -PAGE, value / 2 & -PAGE, value / 2}) {
            if (each != value && Long.compareUnsigned(each, value) < 0 && !all.contains(each)) {
                all.add(each);
            }
        }
        return all;
    }

    private Optional<Difference> tried(Difference found, List<Call> calls) {
        if (trials == 0) {
            return Optional.empty();
        }
        trials--;
        return trial.apply(found.sequence().withCalls(calls))
                .filter(found::resembles)
                .map(Shrinker::cut);
    }
}
