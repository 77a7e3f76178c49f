package io.guestmem.paging;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.Arena;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Accessed and Dirty while others write to the same entries: nothing of anybody's gets lost. */
class BitsRaceTest {
    private static final long ROOT = 0x1000;
    private static final long LINEAR = 0x12_3000;
    private static final long PW = PageTableBuilder.PRESENT | PageTableBuilder.WRITABLE;
    private static final int ROUNDS = 20_000;
    private static final int SOFTWARE_BITS = 9;

    private static PhysicalMemory memory(Arena arena, boolean overlay) {
        PhysicalRanges ranges = PhysicalRanges.of(arena.allocate(8 * 4096, 4096));
        return overlay ? new OverlayMemory(ranges) : ranges;
    }

    @ParameterizedTest
    @EnumSource(
            value = PagingMode.class,
            names = {"BITS_32", "LEVEL_4"})
    void twoWalkersAndAGuestThatCountsInTheSoftwareBits(PagingMode mode) throws Exception {
        try (Arena arena = Arena.ofShared();
                ExecutorService threads = Executors.newFixedThreadPool(3)) {
            PhysicalMemory memory = memory(arena, mode == PagingMode.BITS_32);
            PageTableBuilder tables = new PageTableBuilder(memory, mode, ROOT, 7).map(LINEAR, 0x5000, 1, PW);
            WalkPlan plan = WalkPlan.of(States.of(mode, ROOT));
            long leafAt = tables.entryAddress(LINEAR, 1);

            Callable<Integer> walks = () -> walks(new Walker(plan, memory));
            List<Future<Integer>> done = threads.invokeAll(List.of(walks, walks, () -> counts(memory, mode, leafAt)));

            assertThat(done.get(0).get() + done.get(1).get())
                    .as("walks that fail")
                    .isZero();
            long leaf = tables.get(LINEAR, 1);
            assertThat((leaf >>> SOFTWARE_BITS) & 7).isEqualTo(done.get(2).get() & 7);
            assertThat(leaf & ~(7L << SOFTWARE_BITS)).isEqualTo(0x5000 | PW | 0x60);
        }
    }

    /** How many of the walks fail. */
    private static int walks(Walker walker) {
        int failed = 0;
        for (int i = 0; i < ROUNDS; i++) {
            int setBits = SetBits.ACCESSED | SetBits.DIRTY;
            long result = walker.walk(LINEAR, Access.WRITE, setBits, CheckOrder.ARCHITECTURAL);
            failed += WalkResult.isPage(result) ? 0 : 1;
        }
        return failed;
    }

    /** Adds one to the software bits and clears Accessed and Dirty, so that they are set again; how often it did. */
    private static int counts(PhysicalMemory memory, PagingMode mode, long at) {
        for (int count = 0; count < ROUNDS; count++) {
            boolean done;
            do {
                long before = mode == PagingMode.BITS_32 ? memory.read32(at) : memory.read64(at);
                long number = ((before >>> SOFTWARE_BITS) + 1) & 7;
                // The last one leaves the bits to the walkers only if one of them still comes: so it sets them itself.
                long bits = count == ROUNDS - 1 ? 0x60 : 0;
                long after = (before & ~((7L << SOFTWARE_BITS) | 0x60)) | (number << SOFTWARE_BITS) | bits;
                done = mode == PagingMode.BITS_32
                        ? memory.compareAndSet32(at, (int) before, (int) after)
                        : memory.compareAndSet64(at, before, after);
            } while (!done);
        }
        return ROUNDS;
    }

    /** Somebody changes the entry before each attempt: the walk gives up setting bits, and still has an answer. */
    @Test
    void aWalkDoesNotStartAnewForEver() {
        TestMemory memory = new TestMemory(16);
        PageTableBuilder tables = new PageTableBuilder(memory, PagingMode.LEVEL_4, ROOT, 8).map(LINEAR, 0x5000, 1, PW);
        int[] changes = {0};
        memory.beforeNextStore(new Runnable() {
            @Override
            public void run() {
                changes[0]++;
                tables.set(LINEAR, 4, tables.get(LINEAR, 4) ^ (1 << SOFTWARE_BITS));
                memory.beforeNextStore(this);
            }
        });

        long result = States.walker(States.of(PagingMode.LEVEL_4, ROOT), memory)
                .walk(LINEAR, Access.READ, SetBits.ACCESSED, CheckOrder.ARCHITECTURAL);

        assertThat(WalkResult.address(result)).isEqualTo(0x5000);
        assertThat(WalkResult.bitsRefused(result)).isTrue();
        assertThat(changes[0]).isEqualTo(Walker.MOST_RESTARTS);
    }

    @Test
    void anOverlayLeavesWhatIsBelowAsItIs() {
        TestMemory below = new TestMemory(8);
        below.store(0x2008, 0x1122_3344_5566_7788L);
        below.with(0x2000, PhysicalMemory.Presence.READ_ONLY);
        OverlayMemory overlay = new OverlayMemory(below);

        assertThat(overlay.presence(0x2008)).isEqualTo(PhysicalMemory.Presence.WRITABLE);
        assertThat(overlay.compareAndSet32(0x200C, 0x1122_3344, 5)).isTrue();
        assertThat(overlay.compareAndSet32(0x200C, 0x1122_3344, 6)).isFalse();
        assertThat(overlay.compareAndSet64(0x2008, 0x5_5566_7788L, 7)).isTrue();

        assertThat(overlay.read64(0x2008)).isEqualTo(7);
        assertThat(below.read64(0x2008)).isEqualTo(0x1122_3344_5566_7788L);
        assertThat(overlay.pages()).isEqualTo(1);
    }
}
