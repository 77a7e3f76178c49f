package io.guestmem.bench;

import io.guestmem.paging.Access;
import io.guestmem.paging.CheckOrder;
import io.guestmem.paging.MappingVisitor;
import io.guestmem.paging.Mappings;
import io.guestmem.paging.ParallelWalk;
import io.guestmem.paging.SetBits;
import io.guestmem.paging.Translation;
import io.guestmem.paging.WalkResult;
import io.guestmem.paging.Walker;
import java.util.List;
import java.util.concurrent.ForkJoinPool;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.Function;

/**
 * How fast page tables are walked: exactly, beside a C loop that checks nothing, and beside libraries that others use.
 *
 * <p>Both sides map the same file and go through the same list in the same order. Their sums are compared before anything is
 * measured, and after every pass.
 */
final class WalkBenchmarks {
    private static final String NAIVE = "walk_naive";
    private static final int LARGE_FACTOR = 16;
    private static final int HUGE_FACTOR = 256;
    private static final int VOLATILITY_SHARE = 64;
    private static final int IOCTL_SHARE = 32;

    /** A read by the supervisor with RFLAGS.AC, which pages of user mode permit, too. */
    private static final int ACCESS = Access.READ | Access.ALIGNMENT_CHECK;

    private WalkBenchmarks() {}

    /** All of them. */
    static List<Benchmark> all() {
        return List.of(
                new WalkBenchmark(
                        "walk-exact",
                        "exact walks of random pages, each with a result that explains itself, against a C loop that checks"
                                + " nothing",
                        WalkBenchmark.Needs.COMPILER,
                        run -> small(run, false, WalkBenchmarks::translate, Bound.ratioAtLeast(0.9))),
                new WalkBenchmark(
                        "walk-exact-sorted",
                        "the same in ascending order",
                        WalkBenchmark.Needs.COMPILER,
                        run -> small(run, true, WalkBenchmarks::translate, Bound.ratioAtLeast(0.9))),
                new WalkBenchmark(
                        "walk-remembering",
                        "exact walks of random pages, one by one, that remember the lowest tables, against the C loop",
                        WalkBenchmark.Needs.COMPILER,
                        run -> small(run, false, RememberedWalks::new, Bound.ratioAtLeast(1))),
                new WalkBenchmark(
                        "walk-remembering-batch",
                        "the same in a batch",
                        WalkBenchmark.Needs.COMPILER,
                        run -> small(run, false, WalkBenchmarks::remember, Bound.ratioAtLeast(1))),
                new WalkBenchmark(
                        "walk-batch",
                        "a batch of exact walks in a space 16 times as large, against the C loop",
                        WalkBenchmark.Needs.COMPILER,
                        WalkBenchmarks::batch),
                new WalkBenchmark(
                        "walk-batch-2",
                        "the same batch by two threads, against one",
                        WalkBenchmark.Needs.TWO_PROCESSORS,
                        WalkBenchmarks::twoThreads),
                new WalkBenchmark(
                        "walk-leaves",
                        "seconds to enumerate a space 256 times as large in pages of 4 KiB, one thread against a C recursion",
                        WalkBenchmark.Needs.COMPILER,
                        WalkBenchmarks::leaves),
                new WalkBenchmark(
                        "walk-leaves-2",
                        "the same enumeration by two threads, against one",
                        WalkBenchmark.Needs.TWO_PROCESSORS,
                        WalkBenchmarks::leavesByTwo),
                new WalkBenchmark(
                        "walk-kdumpfile",
                        "exact walks of random pages, against libaddrxlat of libkdumpfile",
                        WalkBenchmark.Needs.ADDRXLAT,
                        WalkBenchmarks::kdumpfile),
                new WalkBenchmark(
                        "walk-volatility",
                        "exact walks of random pages, against the layer of volatility3",
                        WalkBenchmark.Needs.VOLATILITY,
                        WalkBenchmarks::volatility),
                new WalkBenchmark(
                        "walk-live",
                        "exact walks of a paused vCPU's random pages through the VMM's mapping, against KVM_TRANSLATE",
                        WalkBenchmark.Needs.KVM,
                        WalkBenchmarks::live));
    }

    private static BenchmarkResult small(
            WalkBenchmark.Run run, boolean sorted, Function<Query, WalkPass.Side> ours, Bound bound) {
        try (GuestSpace space = smallSpace(run.settings());
                CProgram naive = WalkBenchmark.compiled(NAIVE)) {
            long[] queries = space.queries(run.queries(), sorted);
            try (WalkPeer bare = space.peer(naive.with(), "walk", queries)) {
                return run.rates(ours.apply(new Query(space, queries)), bare::pass, queries.length)
                        .medians(run.name(), WalkBenchmark.RATE, List.of(bound), run.settings(), run.remark(space));
            }
        }
    }

    /** Where the queries are asked, and the queries. */
    private static final class Query {
        private final GuestSpace space;
        private final long[] linear;

        Query(GuestSpace space, long[] linear) {
            this.space = space;
            this.linear = linear;
        }
    }

    private static GuestSpace smallSpace(BenchmarkSettings settings) {
        return settings.image().map(GuestSpaces::of).orElseGet(() -> GuestSpaces.ofKernel(settings.guestBytes()));
    }

    private static WalkPass.Side translate(Query query) {
        return new Translations(query);
    }

    /** The loop stands in the pass itself: each method around it is one less that can be compiled into it. */
    private static final class Translations implements WalkPass.Side {
        private final Walker walker;
        private final long[] queries;

        Translations(Query query) {
            this.walker = new Walker(query.space.plan(), query.space.memory());
            this.queries = query.linear;
        }

        @Override
        public WalkPass pass() {
            long start = System.nanoTime();
            long sum = 0;
            for (long linear : queries) {
                if (walker.translate(linear, ACCESS, SetBits.NONE, CheckOrder.ARCHITECTURAL)
                        instanceof Translation.Translated page) {
                    sum += page.address();
                }
            }
            return new WalkPass(sum, System.nanoTime() - start);
        }
    }

    /** As {@link Translations}. */
    private static final class RememberedWalks implements WalkPass.Side {
        private final Walker walker;
        private final long[] queries;

        RememberedWalks(Query query) {
            this.walker = Walker.remembering(query.space.plan(), query.space.memory());
            this.queries = query.linear;
        }

        @Override
        public WalkPass pass() {
            long start = System.nanoTime();
            long sum = 0;
            for (long linear : queries) {
                long result = walker.walk(linear, ACCESS, SetBits.NONE, CheckOrder.ARCHITECTURAL);
                sum += WalkResult.isPage(result) ? WalkResult.address(result) : 0;
            }
            return new WalkPass(sum, System.nanoTime() - start);
        }
    }

    private static WalkPass.Side remember(Query query) {
        return batch(Walker.remembering(query.space.plan(), query.space.memory()), query.linear);
    }

    private static BenchmarkResult batch(WalkBenchmark.Run run) {
        try (GuestSpace space = GuestSpaces.ofScatteredPages(run.settings().guestBytes() * LARGE_FACTOR);
                CProgram naive = WalkBenchmark.compiled(NAIVE)) {
            long[] queries = space.queries(4 * run.queries(), false);
            try (WalkPeer bare = space.peer(naive.with(), "walk", queries)) {
                return run.rates(batch(new Walker(space.plan(), space.memory()), queries), bare::pass, queries.length)
                        .medians(
                                run.name(),
                                WalkBenchmark.RATE,
                                List.of(Bound.ratioAtLeast(1.5)),
                                run.settings(),
                                run.remark(space));
            }
        }
    }

    private static WalkPass.Side batch(Walker walker, long[] queries) {
        long[] results = new long[queries.length];
        return WalkPass.timed(() -> {
            walker.walkAll(queries, 0, queries.length, ACCESS, CheckOrder.ARCHITECTURAL, results);
            return sum(results);
        });
    }

    private static long sum(long[] results) {
        long sum = 0;
        for (long result : results) {
            sum += WalkResult.isPage(result) ? WalkResult.address(result) : 0;
        }
        return sum;
    }

    private static BenchmarkResult twoThreads(WalkBenchmark.Run run) {
        try (GuestSpace space = GuestSpaces.ofScatteredPages(run.settings().guestBytes() * LARGE_FACTOR);
                ForkJoinPool pool = new ForkJoinPool(2)) {
            long[] queries = space.queries(4 * run.queries(), false);
            long[] results = new long[queries.length];
            ParallelWalk walk = new ParallelWalk(space.plan(), space.memory());
            WalkPass.Side both = () -> {
                long start = System.nanoTime();
                walk.walkAll(pool, queries, ACCESS, CheckOrder.ARCHITECTURAL, results);
                long nanos = System.nanoTime() - start;
                return new WalkPass(sum(results), nanos);
            };
            Walker walker = new Walker(space.plan(), space.memory());
            WalkPass.Side one = () -> {
                long start = System.nanoTime();
                walker.walkAll(queries, 0, queries.length, ACCESS, CheckOrder.ARCHITECTURAL, results);
                long nanos = System.nanoTime() - start;
                return new WalkPass(sum(results), nanos);
            };
            return run.rates(both, one, queries.length)
                    .most(
                            run.name(),
                            WalkBenchmark.RATE,
                            List.of(Bound.ratioAtLeast(1.7)),
                            run.settings(),
                            run.remark(space));
        }
    }

    private static BenchmarkResult leaves(WalkBenchmark.Run run) {
        try (GuestSpace space = GuestSpaces.ofScatteredPages(run.settings().guestBytes() * HUGE_FACTOR);
                CProgram naive = WalkBenchmark.compiled(NAIVE);
                WalkPeer bare = space.peer(naive.with(), "leaves", new long[1])) {
            Mappings mappings = Mappings.of(space.plan(), space.memory());
            return run.seconds(leavesByOne(mappings), bare::pass)
                    .medians(run.name(), "s", List.of(Bound.valueAtMost(0.15)), run.settings(), leaves(run, space));
        }
    }

    private static BenchmarkResult leavesByTwo(WalkBenchmark.Run run) {
        try (GuestSpace space = GuestSpaces.ofScatteredPages(run.settings().guestBytes() * HUGE_FACTOR);
                ForkJoinPool pool = new ForkJoinPool(2)) {
            Mappings mappings = Mappings.of(space.plan(), space.memory());
            WalkPass.Side both = WalkPass.timed(() -> {
                LongAdder sum = new LongAdder();
                mappings.forEachInParallel(pool, LeafSum::new, part -> sum.add(part.sum));
                return sum.sum();
            });
            List<Bound> bounds = List.of(Bound.valueAtMost(0.15), Bound.ratioAtMost(0.75));
            return run.seconds(both, leavesByOne(mappings))
                    .least(run.name(), "s", bounds, run.settings(), leaves(run, space));
        }
    }

    private static WalkPass.Side leavesByOne(Mappings mappings) {
        return WalkPass.timed(() -> {
            LeafSum sum = new LeafSum();
            mappings.forEach(sum);
            return sum.sum;
        });
    }

    private static String leaves(WalkBenchmark.Run run, GuestSpace space) {
        return run.remark(space) + ", " + (space.size() >> 12) + " leaves";
    }

    /** The sum of all leaves' physical addresses. */
    private static final class LeafSum implements MappingVisitor {
        private long sum;

        @Override
        public void run(long linear, long physical, long size, long pageSize, int flags) {
            long pages = size / pageSize;
            sum += pages * physical + pageSize * (pages * (pages - 1) / 2);
        }
    }

    private static BenchmarkResult kdumpfile(WalkBenchmark.Run run) {
        try (CProgram program = WalkBenchmark.compiled(WalkBenchmark.ADDRXLAT, WalkBenchmark.ADDRXLAT_LIBRARY)) {
            return peer(run, program.with(), run.queries(), Bound.ratioAtLeast(7));
        }
    }

    private static BenchmarkResult volatility(WalkBenchmark.Run run) {
        try (WalkBenchmark.Script script = new WalkBenchmark.Script("walk_volatility.py")) {
            List<String> command = List.of(WalkBenchmark.PYTHON, script.path().toString());
            return peer(run, command, Math.max(1, run.queries() / VOLATILITY_SHARE), Bound.ratioAtLeast(500));
        }
    }

    private static BenchmarkResult peer(WalkBenchmark.Run run, List<String> command, int count, Bound bound) {
        try (GuestSpace space = smallSpace(run.settings())) {
            long[] queries = space.queries(count, false);
            try (WalkPeer theirs = space.peer(command, "walk", queries)) {
                return run.rates(translate(new Query(space, queries)), theirs::pass, queries.length)
                        .medians(run.name(), WalkBenchmark.RATE, List.of(bound), run.settings(), run.remark(space));
            }
        }
    }

    private static BenchmarkResult live(WalkBenchmark.Run run) {
        try (GuestSpace space = smallSpace(run.settings());
                LiveGuest guest = new LiveGuest(space)) {
            long[] queries = space.queries(Math.max(1, run.queries() / IOCTL_SHARE), false);
            return run.rates(guest.walks(queries), guest.ioctls(queries), queries.length)
                    .medians(
                            run.name(),
                            WalkBenchmark.RATE,
                            List.of(Bound.ratioAtLeast(100)),
                            run.settings(),
                            run.remark(space) + ", " + queries.length + " addresses for each reading of the registers");
        }
    }
}
