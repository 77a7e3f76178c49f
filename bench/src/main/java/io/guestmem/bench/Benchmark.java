package io.guestmem.bench;

import java.util.Optional;

/** Something of guestmem, and the same thing done bare. */
public interface Benchmark {
    /** Its name on the command line and in results: lower case, with hyphens. */
    String name();

    /** What is compared with what, in one sentence. */
    String what();

    /** Why this host cannot run it; empty if it can. */
    Optional<String> unavailable(BenchmarkSettings settings);

    /**
     * Runs it on the calling thread, which must be a platform thread. Only where {@link #unavailable} is empty: otherwise it ends
     * with whatever exception says why.
     *
     * @throws BenchmarkException if one of the sides did not do its work
     */
    BenchmarkResult run(BenchmarkSettings settings);
}
