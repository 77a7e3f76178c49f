package io.guestmem.bench;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.management.ThreadMXBean;
import io.guestmem.paging.Access;
import io.guestmem.paging.CheckOrder;
import io.guestmem.paging.SetBits;
import io.guestmem.paging.WalkResult;
import io.guestmem.paging.Walker;
import java.lang.management.ManagementFactory;
import java.util.function.BiFunction;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Walks allocate nothing, compiled or not. */
class WalkAllocationTest {
    private static final long SIZE = 4 << 20;

    /** What reading the counter itself may cost; one object a walk would be more than a megabyte. */
    private static final long NEXT_TO_NOTHING = 4096;

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void oneByOne(boolean remembering) {
        assertAllocatesNothing(remembering, (walker, queries) -> {
            long pages = 0;
            for (long linear : queries) {
                pages += WalkResult.isPage(walker.walk(linear, Access.READ, SetBits.NONE, CheckOrder.ARCHITECTURAL))
                        ? 1
                        : 0;
            }
            return pages;
        });
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void inABatch(boolean remembering) {
        long[] results = new long[(int) (SIZE / 64)];
        assertAllocatesNothing(remembering, (walker, queries) -> {
            walker.walkAll(queries, 0, queries.length, Access.READ, CheckOrder.ARCHITECTURAL, results);
            long pages = 0;
            for (long result : results) {
                pages += WalkResult.isPage(result) ? 1 : 0;
            }
            return pages;
        });
    }

    private static void assertAllocatesNothing(boolean remembering, BiFunction<Walker, long[], Long> pass) {
        try (GuestSpace space = GuestSpaces.ofKernel(SIZE)) {
            long[] queries = space.queries((int) (SIZE / 64), false);
            // Every eighth is of no page: walks that fail allocate nothing, either.
            for (int i = 0; i < queries.length; i += 8) {
                queries[i] = i;
            }
            Walker walker = remembering
                    ? Walker.remembering(space.plan(), space.memory())
                    : new Walker(space.plan(), space.memory());
            ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
            assertThat(pass.apply(walker, queries))
                    .as("pages of the first pass")
                    .isPositive();
            long before = threads.getCurrentThreadAllocatedBytes();
            long pages = pass.apply(walker, queries);
            long allocated = threads.getCurrentThreadAllocatedBytes() - before;

            assertThat(pages).isEqualTo(queries.length - queries.length / 8);
            assertThat(allocated).isLessThan(NEXT_TO_NOTHING);
        }
    }
}
