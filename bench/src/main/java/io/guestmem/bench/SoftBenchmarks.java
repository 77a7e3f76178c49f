package io.guestmem.bench;

import java.util.List;
import java.util.Locale;
import java.util.function.Function;

/**
 * The software kernel's speed and size: stage 2 beside a bare array of entries.
 *
 * <p>Before anything is measured, the leaves are counted one by one; after each repetition, by the VM's statistics.
 */
final class SoftBenchmarks {
    private static final double NANOS_A_MICROSECOND = 1e3;
    private static final double NANOS_A_MILLISECOND = 1e6;
    private static final double NANOS_A_SECOND = 1e9;
    private static final long TEBIBYTE_FACTOR = 1024;
    private static final long TABLE_SIZE_FACTOR = 64;
    private static final int CORES = 2;

    private SoftBenchmarks() {}

    /**
     * All of them. The one with the tebibyte comes first, so that its first round meets code that has not run before in this
     * process.
     */
    static List<Benchmark> all() {
        return List.of(
                new SoftBenchmark(
                        "soft-pre-fault-1tib",
                        "seconds to pre-fault 1 TiB in pages of 2 MiB, against storing 8 bytes a page by compare-and-set",
                        SoftBenchmarks::tebibyte),
                new SoftBenchmark(
                        "soft-pre-fault",
                        "pages of 4 KiB pre-faulted on one core, against storing 8 bytes a page by compare-and-set",
                        SoftBenchmarks::preFault),
                new SoftBenchmark(
                        "soft-pre-fault-2",
                        "pages of 4 KiB pre-faulted on two cores, against the same on one core",
                        SoftBenchmarks::twoCores),
                new SoftBenchmark(
                        "soft-zap",
                        "milliseconds to invalidate 1 GiB in pages of 4 KiB, against clearing 8 bytes a page by"
                                + " compare-and-set",
                        (name, settings) -> zap(name, settings, SoftGuest::invalidating)),
                new SoftBenchmark(
                        "soft-zap-slot",
                        "milliseconds to delete a memslot with 1 GiB in pages of 4 KiB, against clearing 8 bytes a page by"
                                + " compare-and-set",
                        (name, settings) -> zap(name, settings, SoftGuest::deleting)),
                new SoftBenchmark(
                        "soft-table-size",
                        "bytes of stage-2 memory of a guest with pages of 4 KiB, against 8 bytes a page and the levels above",
                        SoftBenchmarks::tableSize));
    }

    private static BenchmarkResult tebibyte(String name, BenchmarkSettings settings) {
        try (SoftGuest guest = SoftGuest.ofHugePages(settings.guestBytes() * TEBIBYTE_FACTOR)) {
            RepeatedWork ours = guest.preFaulting();
            RepeatedWork bare = new BareEntries(guest.pages()).filling();
            double cold = ours.once() / NANOS_A_SECOND;
            checkLeaves(guest);
            return SideBySide.measure(
                            () -> ours.repeat(settings.loopTime()) / NANOS_A_SECOND,
                            () -> bare.repeat(settings.loopTime()) / NANOS_A_SECOND,
                            settings)
                    .medians(
                            name,
                            "s",
                            List.of(Bound.valueAtMost(0.1)),
                            settings,
                            String.format(
                                    Locale.ROOT,
                                    "%s; this is compiled code: the first time of all took %.4g s",
                                    repeated(guest),
                                    cold));
        }
    }

    private static BenchmarkResult preFault(String name, BenchmarkSettings settings) {
        try (SoftGuest guest = SoftGuest.ofSmallPages(1, settings.guestBytes())) {
            RepeatedWork ours = guest.preFaulting();
            RepeatedWork bare = new BareEntries(guest.pages()).filling();
            ours.once();
            checkLeaves(guest);
            return SideBySide.measure(rate(ours, settings), rate(bare, settings), settings)
                    .medians(
                            name,
                            "Mpages/s",
                            List.of(Bound.valueAtLeast(15), Bound.ratioAtLeast(0.2)),
                            settings,
                            repeated(guest));
        }
    }

    /**
     * The figures are those of the best rounds: two threads are together only as fast as a machine that does nothing else, and
     * one thread loses nothing to a neighbour on the other core.
     */
    private static BenchmarkResult twoCores(String name, BenchmarkSettings settings) {
        try (SoftGuest guest = SoftGuest.ofSmallPages(CORES, settings.guestBytes());
                Team team = new Team(CORES)) {
            BareEntries bare = new BareEntries(guest.pages());
            RepeatedWork ours = guest.preFaulting(team);
            ours.once();
            checkLeaves(guest);
            List<Spread> spreads = SideBySide.turns(
                    List.of(
                            rate(ours, settings),
                            rate(guest.preFaulting(), settings),
                            rate(bare.filling(team), settings),
                            rate(bare.filling(), settings)),
                    settings);
            double bareTwo = spreads.get(2).most();
            double bareOne = spreads.get(3).most();
            return new SideBySide(spreads.get(0), spreads.get(1))
                    .most(
                            name,
                            "Mpages/s",
                            List.of(Bound.ratioAtLeast(1.7)),
                            settings,
                            String.format(
                                    Locale.ROOT,
                                    "%s; bare on two cores %.4g, on one %.4g, ratio %.3f",
                                    repeated(guest),
                                    bareTwo,
                                    bareOne,
                                    bareTwo / bareOne));
        }
    }

    private static String repeated(SoftGuest guest) {
        return guest.pages() + " pages, of each round the fastest repetition";
    }

    private static SideBySide.Side rate(RepeatedWork work, BenchmarkSettings settings) {
        return () -> work.count() * NANOS_A_MICROSECOND / work.repeat(settings.loopTime());
    }

    private static BenchmarkResult zap(
            String name, BenchmarkSettings settings, Function<SoftGuest, RepeatedWork> zapping) {
        try (SoftGuest guest = SoftGuest.ofSmallPages(1, settings.guestBytes())) {
            RepeatedWork ours = zapping.apply(guest);
            RepeatedWork bare = new BareEntries(guest.pages()).emptying();
            guest.preFault();
            checkLeaves(guest);
            return SideBySide.measure(
                            () -> ours.repeat(settings.loopTime()) / NANOS_A_MILLISECOND,
                            () -> bare.repeat(settings.loopTime()) / NANOS_A_MILLISECOND,
                            settings)
                    .medians(name, "ms", List.of(Bound.valueAtMost(20)), settings, repeated(guest));
        }
    }

    private static BenchmarkResult tableSize(String name, BenchmarkSettings settings) {
        try (SoftGuest guest = SoftGuest.ofLoggedHugePages(settings.guestBytes() * TABLE_SIZE_FACTOR)) {
            long before = guest.kernelBytes();
            guest.preFault();
            checkLeaves(guest);
            long bytes = guest.kernelBytes() - before;
            long tables = guest.inspector().tables();
            return new BenchmarkResult(
                    name,
                    bytes,
                    "bytes",
                    TableSize.theory(guest.pages()),
                    List.of(Bound.ratioAtMost(1.02)),
                    guest.pages() + " pages; " + tables + " tables in use, without free ones " + (tables << 12)
                            + " bytes; a count, the same in every run");
        }
    }

    private static void checkLeaves(SoftGuest guest) {
        long counted = guest.counted();
        if (counted != guest.pages()) {
            throw new BenchmarkException(counted + " leaves for " + guest.pages() + " pages");
        }
    }
}
