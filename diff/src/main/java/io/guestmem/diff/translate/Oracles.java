package io.guestmem.diff.translate;

import io.guestmem.abi.Kernel;
import io.guestmem.paging.PagingMode;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;

/** Compares the walker with everybody who can be asked on a kernel, in every paging mode. */
public final class Oracles {
    private Oracles() {}

    /** Who is asked. */
    public enum Choice {
        /** {@code KVM_TRANSLATE}. */
        TRANSLATE,
        /** A guest that makes the accesses. */
        ACCESS
    }

    /**
     * How much is compared.
     *
     * @param seed of the first round; the next ones count up
     * @param cases in each mode, at least, by each oracle, unless the time is up before
     * @param time at most, in each mode, by each oracle
     * @param modes which
     * @param oracles which
     */
    public record Settings(long seed, long cases, Duration time, Set<PagingMode> modes, Set<Choice> oracles) {
        /** Copies the sets. */
        public Settings {
            modes = Set.copyOf(modes);
            oracles = Set.copyOf(oracles);
        }
    }

    /**
     * Compares; in each mode until there is a difference, or there were enough cases, or the time is up.
     *
     * @return one for each oracle and mode, in their order
     * @throws io.guestmem.abi.KernelUnavailableException if the kernel has no KVM
     */
    public static List<OracleTally> run(Kernel kernel, Settings settings) {
        List<OracleTally> tallies = new ArrayList<>();
        for (Choice choice : Choice.values()) {
            for (PagingMode mode : PagingMode.values()) {
                if (settings.oracles.contains(choice) && settings.modes.contains(mode)) {
                    try (Oracle oracle = oracle(choice, kernel)) {
                        tallies.add(run(oracle, mode, settings));
                    }
                }
            }
        }
        return tallies;
    }

    private static Oracle oracle(Choice choice, Kernel kernel) {
        return switch (choice) {
            case TRANSLATE -> new TranslateOracle(kernel);
            case ACCESS -> new AccessOracle(kernel);
        };
    }

    private static OracleTally run(Oracle oracle, PagingMode mode, Settings settings) {
        OracleTally tally = new OracleTally(oracle.name(), mode);
        long begin = System.nanoTime();
        for (long seed = settings.seed; tally.isGoingOn() && !isEnough(tally, settings); seed++) {
            oracle.round(mode, seed, tally);
            tally.took(System.nanoTime() - begin);
        }
        return tally;
    }

    private static boolean isEnough(OracleTally tally, Settings settings) {
        return tally.cases() >= settings.cases || tally.seconds() >= settings.time.toSeconds();
    }
}
