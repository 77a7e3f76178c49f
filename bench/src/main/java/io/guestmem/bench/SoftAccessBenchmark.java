package io.guestmem.bench;

import java.util.List;
import java.util.Optional;

/** What an access of a guest of the software kernel costs that needs no exit. */
final class SoftAccessBenchmark implements Benchmark {
    /** So many accesses in a KVM_RUN that entering it does not count, which empties the cache of the guest's translations. */
    private static final int BATCH = 100_000;

    private static final int CACHED_PAGES = 64;

    @Override
    public String name() {
        return "soft-access";
    }

    @Override
    public String what() {
        return "nanoseconds of a guest's read through both stages, found in the caches of both, against a read of memory";
    }

    @Override
    public Optional<String> unavailable(BenchmarkSettings settings) {
        return Optional.empty();
    }

    @Override
    public BenchmarkResult run(BenchmarkSettings settings) {
        try (SoftAccess access = new SoftAccess(CACHED_PAGES)) {
            compare(access);
            SideBySide sides = SideBySide.measure(
                    new TimedLoop(access::guest, BATCH, settings.loopTime(), System::nanoTime),
                    new TimedLoop(access::bare, BATCH, settings.loopTime(), System::nanoTime),
                    settings);
            compare(access);
            if (access.allocated() != 0) {
                throw new BenchmarkException(
                        BATCH + " accesses allocated " + access.allocated() + " bytes, and should allocate none");
            }
            return sides.medians(
                    name(),
                    "ns",
                    List.of(Bound.valueAtMost(60)),
                    settings,
                    CACHED_PAGES + " pages, " + BATCH + " accesses a KVM_RUN; 0 bytes allocated");
        }
    }

    private static void compare(SoftAccess access) {
        long sum = access.guest(BATCH);
        long bare = access.bare(BATCH);
        if (sum != bare) {
            throw new BenchmarkException("the guest's sum is " + sum + ", that of its memory " + bare);
        }
    }
}
