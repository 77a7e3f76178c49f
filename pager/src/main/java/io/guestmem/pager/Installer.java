package io.guestmem.pager;

import io.guestmem.linux.MappedMemory;
import io.guestmem.pager.ServerEvent.Kind;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Map;
import java.util.concurrent.Semaphore;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** Installs one VM's memory ahead of demand, on a thread of its own, of which there is one at a time. Thread-safe. */
final class Installer {
    private static final Path PROC = Path.of("/proc");

    private final int vm;
    private final Guest guest;
    private final int pid;
    private final int percent;
    private final Semaphore turns;
    private final Consumer<ServerEvent> events;
    private final Counters counters = new Counters();

    /** Guarded by this object, with {@link #prefetcher}. */
    private @Nullable Thread thread;

    private @Nullable Prefetcher prefetcher;

    /**
     * Makes it.
     *
     * @param percent of the memory that its control groups allow the VM's process that may be used ahead of demand
     */
    Installer(int vm, Guest guest, int pid, int percent, Semaphore turns, Consumer<ServerEvent> events) {
        this.vm = vm;
        this.guest = guest;
        this.pid = pid;
        this.percent = percent;
        this.turns = turns;
        this.events = events;
    }

    /** What it did. */
    Counters counters() {
        return counters;
    }

    /**
     * Installs everything.
     *
     * @throws IOException if something is being installed
     */
    synchronized void prefetch() throws IOException {
        if (thread != null && thread.isAlive()) {
            throw new IOException("its memory is being installed");
        }
        start(allowance(), sweeper -> sweep(sweeper, () -> {}));
    }

    /** Installs the working set, and everything else if that is wanted. */
    void prefetch(boolean everything, VmWorkingSet workingSet, Runnable whenPrefetched) {
        start(allowance(), sweeper -> {
            boolean goesOn = workingSet
                    .replay()
                    .map(replay -> {
                        long began = System.nanoTime();
                        boolean done = sweeper.replay(replay);
                        if (done) {
                            workingSet.replayed(System.nanoTime() - began);
                        }
                        return done;
                    })
                    .orElse(true);
            if (everything && goesOn) {
                sweep(sweeper, whenPrefetched);
            }
        });
    }

    private void sweep(Prefetcher sweeper, Runnable whenDone) {
        long pages = guest.map().pages();
        if (sweeper.sweep(true) == pages) {
            events.accept(new ServerEvent(Kind.PREFETCHED, vm, "", Map.of("pages", pages)));
            whenDone.run();
        }
    }

    /** Does something else in place of what is being installed, and takes all the memory for it that there is. */
    void replace(Consumer<Prefetcher> work) {
        stop();
        start(Allowance.ALL, work);
    }

    /** Pages of hugetlbfs are not charged to memory groups. */
    private Allowance allowance() {
        return guest.map().pageSize() > MappedMemory.PAGE_SIZE
                ? Allowance.ALL
                : new MemoryAllowance(() -> MemoryGroups.of(PROC, pid), percent);
    }

    private synchronized void start(Allowance allowance, Consumer<Prefetcher> work) {
        Prefetcher sweeper = new Prefetcher(guest, turns, counters, allowance);
        prefetcher = sweeper;
        thread = Thread.ofPlatform().name("installer of VM " + vm).daemon().start(() -> {
            try (sweeper) {
                work.accept(sweeper);
                if (!sweeper.shortage().isEmpty()) {
                    events.accept(ServerEvent.of(Kind.WARNING, vm, "prefetching ended: " + sweeper.shortage()));
                }
            } catch (RuntimeException unexpected) {
                events.accept(ServerEvent.of(Kind.WARNING, vm, "prefetching ended: " + unexpected));
            }
        });
    }

    /** Ends what is being installed, and waits for that. */
    void stop() {
        Thread running;
        synchronized (this) {
            running = thread;
            if (prefetcher != null) {
                prefetcher.stop();
            }
        }
        if (running != null) {
            ServedVm.join(running);
        }
    }
}
