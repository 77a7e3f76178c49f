package io.guestmem.diff;

import io.guestmem.abi.Kernel;
import io.guestmem.abi.KvmFile;
import io.guestmem.kvm.LinuxKernel;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Optional;

/** Compares two kernels, sequence after sequence. */
public final class Diff {
    private static final int TRIALS = 400;

    private Diff() {}

    /** What the two can be compared in. */
    public static Scope scope(Kernel first, Kernel second) {
        try (KvmFile one = first.open();
                KvmFile other = second.open()) {
            boolean real = first instanceof LinuxKernel || second instanceof LinuxKernel;
            return Twin.scope(one, other, real && Twin.runsOnOldKernel());
        }
    }

    /**
     * Compares until there is a difference that no rule explains, or there were enough calls, or the time is up: first in the
     * {@link Regressions}, then in sequences of one seed after the other.
     *
     * @throws io.guestmem.abi.KernelUnavailableException if one of them has no KVM
     */
    public static DiffOutcome run(Kernel first, Kernel second, DiffSettings settings) {
        Scope scope = scope(first, second);
        Generator generator = new Generator(scope);
        Iterator<Sequence> sequences = generator.from(settings.seed(), generator.regressions());
        long begin = System.nanoTime();
        long count = 0;
        List<Difference> once = new ArrayList<>();
        Optional<Difference> failure = Optional.empty();
        try (Standing _ = Standing.on(first);
                Standing _ = Standing.on(second);
                Comparison comparison = new Comparison(first, second, scope)) {
            while (failure.isEmpty()
                    && comparison.calls() < settings.calls()
                    && System.nanoTime() - begin < settings.time().toNanos()) {
                Sequence sequence = sequences.next();
                count++;
                Optional<Difference> found = comparison.compare(sequence);
                if (found.isPresent()) {
                    failure = comparison.repeat(sequence);
                    if (failure.isEmpty()) {
                        once.add(found.get());
                    }
                }
            }
            Duration time = Duration.ofNanos(System.nanoTime() - begin);
            Optional<Difference> shrunk = failure.map(found -> new Shrinker(comparison::repeat, TRIALS).shrink(found));
            return new DiffOutcome(comparison.calls(), count, time, comparison.explained(), once, shrunk);
        }
    }
}
