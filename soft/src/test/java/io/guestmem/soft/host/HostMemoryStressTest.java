package io.guestmem.soft.host;

import static io.guestmem.soft.host.HostMachine.HUGE;
import static io.guestmem.soft.host.HostMachine.PAGE;
import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.ReentrantReadWriteLock;
import org.junit.jupiter.api.RepeatedTest;
import org.junit.jupiter.api.Timeout;

/**
 * Guests fault pages in and write to their frames, by KVM's protocol, while the process changes everything under them.
 *
 * <p>Every page has its own value: whoever reads a page finds 0 or that value. Forked children write other values to private
 * pages. A stale translation, a frame used twice, memory that is not zeroed, or a page that is not copied shows as a value
 * that does not belong there.
 */
@Timeout(300)
class HostMemoryStressTest {
    private static final int PAGES = 2048;
    private static final List<Protection> PROTECTIONS = List.of(Protection.values());
    private static final int THREADS = 4;
    private static final int STEPS = 6000;
    private static final ValueLayout.OfLong VALUE = ValueLayout.JAVA_LONG_UNALIGNED;

    /** What KVM does with host pages: looks up, checks the sequence number, installs; zaps when told. */
    private static final class Guest implements MmuNotifier {
        private final AddressSpace space;
        private final long base;
        private final ReentrantReadWriteLock mmuLock = new ReentrantReadWriteLock();
        private final long[] translations = new long[PAGES];
        private final AtomicLong sequence = new AtomicLong();
        /** Guarded by {@link #mmuLock}. */
        private int invalidating;

        Guest(AddressSpace space, long base) {
            this.space = space;
            this.base = base;
        }

        @Override
        public void invalidateStart(long start, long end) {
            mmuLock.writeLock().lock();
            try {
                invalidating++;
                long first = Math.max(0, (start - base) / PAGE);
                long last = Math.min(PAGES, (end - base) / PAGE);
                for (long i = first; i < last; i++) {
                    translations[(int) i] = 0;
                }
            } finally {
                mmuLock.writeLock().unlock();
            }
        }

        @Override
        public void invalidateEnd(long start, long end) {
            mmuLock.writeLock().lock();
            try {
                sequence.incrementAndGet();
                invalidating--;
            } finally {
                mmuLock.writeLock().unlock();
            }
        }

        /** Reads a page, or writes its value to it, as a guest: through the translation. */
        void access(int page, boolean write) {
            long seen = sequence.get();
            long fault = space.faultIn(base + page * PAGE, write);
            if (!HostFault.isPage(fault)) {
                return;
            }
            mmuLock.readLock().lock();
            try {
                if (invalidating > 0 || sequence.get() != seen) {
                    return;
                }
                translations[page] = fault;
                long address = space.frames.address(HostFault.pfn(fault));
                assertThat(NativeMemory.ALL.get(VALUE, address)).isIn(0L, value(page));
                if (write) {
                    NativeMemory.ALL.set(VALUE, address, value(page));
                }
            } finally {
                mmuLock.readLock().unlock();
            }
        }

        /** Every translation is what the process has. */
        void check() {
            for (int page = 0; page < PAGES; page++) {
                long entry = space.table.lookup(base + page * PAGE);
                if (translations[page] != 0) {
                    assertThat(Entry.isPresent(entry)).as("page %d", page).isTrue();
                    long now = Entry.fault(entry, base + page * PAGE);
                    assertThat(HostFault.pfn(now)).isEqualTo(HostFault.pfn(translations[page]));
                    assertThat(HostFault.isWritable(translations[page]) && !HostFault.isWritable(now))
                            .isFalse();
                }
            }
        }
    }

    private static long value(int page) {
        return 0x5EED_0000L + page;
    }

    private final long seed = Long.getLong("guestmem.seed", System.nanoTime());

    @RepeatedTest(4)
    void nobodyEverSeesAnotherPagesValue() throws Exception {
        System.out.println("HostMemoryStressTest: -Dguestmem.seed=" + seed);
        try (HostMachine machine = new HostMachine(ThpPolicy.ALWAYS)) {
            SharedFile memfd = machine.memfd(PAGES / 4 * PAGE);
            long base = machine.map(MapRequest.anonymous(PAGES * PAGE));
            mapFile(machine.space, memfd, base);
            Guest guest = new Guest(machine.space, base);
            machine.space.register(guest);
            try (ExecutorService threads = Executors.newFixedThreadPool(THREADS)) {
                List<Future<?>> running = new ArrayList<>();
                for (int i = 0; i < THREADS; i++) {
                    SplittableRandom random = new SplittableRandom(seed + i);
                    running.add(threads.submit(() -> {
                        for (int step = 0; step < STEPS; step++) {
                            step(machine.space, memfd, guest, base, random);
                        }
                    }));
                }
                for (Future<?> each : running) {
                    each.get();
                }
            }
            guest.check();
            machine.space.unregister(guest);
        }
    }

    /** The last quarter is a memfd's, the rest is private with transparent huge pages. */
    private static void mapFile(AddressSpace space, SharedFile memfd, long base) {
        long hva = base + 3 * PAGES / 4 * PAGE;
        assertThat(space.map(MapRequest.shared(memfd, 0, PAGES / 4 * PAGE).at(hva)))
                .isEqualTo(hva);
    }

    private static void step(AddressSpace space, SharedFile memfd, Guest guest, long base, SplittableRandom random) {
        int page = random.nextInt(PAGES);
        long hva = base + page * PAGE;
        long length = random.nextInt(1, 1 + Math.min(PAGES - page, random.nextInt(1, 700))) * PAGE;
        long block = base + random.nextInt(PAGES / 512) * HUGE;
        switch (random.nextInt(100)) {
            case 0, 1 -> space.advise(Advice.DONTNEED, hva, length);
            case 2 -> space.advise(Advice.PAGEOUT, hva, length);
            case 3 -> space.advise(Advice.FREE, hva, length);
            case 4, 5 -> space.advise(Advice.COLLAPSE, block, HUGE);
            case 6 -> space.protect(hva, length, PROTECTIONS.get(random.nextInt(3)));
            case 7, 8 -> space.protect(base, PAGES * PAGE, Protection.READ_WRITE);
            case 9 -> memfd.punchHole(random.nextInt(PAGES / 4) * PAGE, length);
            case 10 -> remap(space, memfd, base, block);
            case 11 -> forked(space, page, hva, random);
            case 12 -> space.advise(Advice.POPULATE_WRITE, hva, length);
            case 13 -> space.advise(Advice.POPULATE_READ, hva, length);
            case 14, 15, 16, 17, 18, 19 -> process(space, page, hva, random.nextBoolean(), value(page));
            default -> guest.access(page, random.nextBoolean());
        }
    }

    private static void remap(AddressSpace space, SharedFile memfd, long base, long block) {
        if (block < base + 3 * PAGES / 4 * PAGE) {
            assertThat(space.unmap(block, HUGE)).isZero();
            assertThat(space.map(MapRequest.anonymous(HUGE).at(block))).isEqualTo(block);
        } else {
            mapFile(space, memfd, base);
        }
    }

    private static void forked(AddressSpace space, int page, long hva, SplittableRandom random) {
        try (AddressSpace child = space.fork()) {
            boolean isPrivate = page < 3 * PAGES / 4;
            for (int i = 0; i < 20; i++) {
                process(child, page, hva, random.nextBoolean(), isPrivate ? -value(page) : value(page));
            }
        }
    }

    private static void process(AddressSpace space, int page, long hva, boolean write, long own) {
        byte[] bytes = new byte[8];
        MemorySegment segment = MemorySegment.ofArray(bytes);
        segment.set(VALUE, 0, own);
        if (write) {
            space.store(hva, segment);
        } else if (space.load(hva, segment) == 8) {
            assertThat(segment.get(VALUE, 0)).isIn(0L, value(page), own);
        }
    }
}
