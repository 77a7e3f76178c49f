package io.guestmem.paging;

import java.util.Objects;
import java.util.concurrent.ForkJoinPool;
import java.util.concurrent.RecursiveAction;

/** {@link Walker#walkAll} by many threads: the addresses are divided, and each part has a walker of its own. */
public final class ParallelWalk {
    /** Small enough to even out, large enough that a walker's making does not count. */
    private static final int PART = 1 << 14;

    private final WalkPlan plan;
    private final PhysicalMemory memory;

    /** Walks by a plan, in memory that is thread-safe. */
    public ParallelWalk(WalkPlan plan, PhysicalMemory memory) {
        this.plan = plan;
        this.memory = memory;
    }

    /**
     * Translates all addresses.
     *
     * @param pool whose threads do it
     * @param results as many: a {@link WalkResult} for each, at the same index
     */
    public void walkAll(ForkJoinPool pool, long[] linear, int access, CheckOrder order, long[] results) {
        Objects.checkFromToIndex(0, linear.length, results.length);
        pool.invoke(new Part(this, linear, 0, linear.length, access, order, results));
    }

    @SuppressWarnings("serial") // a task that is never written anywhere
    private static final class Part extends RecursiveAction {
        private final ParallelWalk walk;
        private final long[] linear;
        private final int from;
        private final int to;
        private final int access;
        private final CheckOrder order;
        private final long[] results;

        Part(ParallelWalk walk, long[] linear, int from, int to, int access, CheckOrder order, long[] results) {
            this.walk = walk;
            this.linear = linear;
            this.from = from;
            this.to = to;
            this.access = access;
            this.order = order;
            this.results = results;
        }

        @Override
        protected void compute() {
            if (to - from <= PART) {
                new Walker(walk.plan, walk.memory).walkAll(linear, from, to, access, order, results);
            } else {
                int middle = (from + to) >>> 1;
                invokeAll(part(from, middle), part(middle, to));
            }
        }

        private Part part(int begin, int end) {
            return new Part(walk, linear, begin, end, access, order, results);
        }
    }
}
