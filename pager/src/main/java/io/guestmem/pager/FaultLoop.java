package io.guestmem.pager;

import io.guestmem.linux.UserfaultfdEvent;
import io.guestmem.linux.UserfaultfdEvents;
import io.guestmem.pager.handshake.Region;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/**
 * Serves one guest's faults, round by round: read all messages, apply all removals, then install pages. Belongs to one thread;
 * a round without failures allocates nothing.
 *
 * <p>A fault may have been read before a removal that came first, as the kernel hands out faults first. So nothing is
 * installed until all messages are read: a fault that a finished removal has caused is never read before it.
 */
final class FaultLoop {
    /** For how long a page may be refused with EAGAIN. */
    static final long CHANGING_LIMIT_NANOS = TimeUnit.SECONDS.toNanos(10);

    private static final long FIRST_PAUSE_NANOS = TimeUnit.MICROSECONDS.toNanos(50);
    private static final long LONGEST_PAUSE_NANOS = TimeUnit.MILLISECONDS.toNanos(2);
    private static final int MOST_READS = 1024;

    /** From so many pages on, those who wait for them are woken together. */
    private static final int MANY = 8;

    /** The longest that somebody sleeps on whose page is there; looked at after so many pages. */
    private static final long LONGEST_SLEEP_NANOS = TimeUnit.MICROSECONDS.toNanos(50);

    private static final int TIMED_PAGES = 4;

    private final Guest guest;
    private final FailurePolicy policy;
    private final GuestReport report;
    private final LongSupplier clock;
    private final Counters counters;
    private final PageInstaller installer;
    private final WaitingPages waiting = new WaitingPages();
    private final List<Region> regions;
    private final @Nullable DirtyPages dirty;
    private final Latencies latencies = new Latencies();
    private final WriteProtector protector;
    private final RemovedPieces removedPieces;
    private final SourceRetries retries;

    private long pause = FIRST_PAUSE_NANOS;
    private boolean gone;
    private boolean shrunk;

    /** One that tries no source again. */
    FaultLoop(Guest guest, FailurePolicy policy, GuestReport report, LongSupplier clock, Counters counters) {
        this(guest, policy, report, clock, counters, new SourceRetries(0, new SplittableRandom()));
    }

    FaultLoop(
            Guest guest,
            FailurePolicy policy,
            GuestReport report,
            LongSupplier clock,
            Counters counters,
            SourceRetries retries) {
        this.guest = guest;
        this.policy = policy;
        this.report = report;
        this.clock = clock;
        this.counters = counters;
        this.installer = new PageInstaller(guest, counters);
        this.regions = guest.map().regions();
        this.dirty = guest.dirty();
        this.protector = new WriteProtector(guest, installer, this::drain, clock);
        this.removedPieces = new RemovedPieces(guest);
        this.retries = retries;
    }

    /** Applies what an earlier server had read and not dealt with, then makes everybody who waits ask again. */
    void resume() {
        applyRemovals(guest.port().reread());
        guest.port().clear();
        for (Region region : regions) {
            guest.port().wake(region.hostAddress(), region.size());
        }
    }

    /**
     * One round.
     *
     * @return whether there was a message
     */
    boolean round() {
        boolean read = drain();
        if (!retries.isEmpty()) {
            retries.giveBack(waiting, clock.getAsLong());
        }
        if (waiting.size() > 0 && !gone) {
            boolean intact = guest.source().refresh();
            if (!intact && !shrunk) {
                shrunk = true;
                report.sourceShrunk();
            }
            serve();
        }
        removedPieces.letGo();
        return read;
    }

    /** How long resolved faults have waited. */
    Latencies latencies() {
        return latencies;
    }

    /** Whether the guest's process is gone. */
    boolean isGone() {
        return gone;
    }

    /** Whether pages wait for another try. */
    boolean hasWaiting() {
        return waiting.size() > 0 || !retries.isEmpty();
    }

    /** How long to wait before the next round if no message comes, in nanoseconds: longer each time. */
    long pause() {
        if (waiting.size() == 0 && !retries.isEmpty()) {
            return retries.pause(clock.getAsLong());
        }
        long now = pause;
        pause = Math.min(LONGEST_PAUSE_NANOS, pause * 2);
        return now;
    }

    private boolean drain() {
        boolean any = false;
        guest.gate().enterForDemand();
        try {
            for (int reads = 0; reads < MOST_READS; reads++) {
                int count = guest.port().read();
                if (count > 0) {
                    any = true;
                    applyRemovals(count);
                    takeFaults(count);
                    guest.port().clear();
                }
                if (count < UserfaultfdEvents.CAPACITY) {
                    break;
                }
            }
        } finally {
            guest.gate().leave();
        }
        return any;
    }

    private void applyRemovals(int count) {
        FaultPort port = guest.port();
        for (int i = 0; i < count; i++) {
            int kind = port.kind(i);
            if (kind == UserfaultfdEvents.REMOVE || kind == UserfaultfdEvents.UNMAP) {
                markRemoved(port.start(i), port.end(i));
            } else if (kind != UserfaultfdEvents.PAGE_FAULT && kind != 0) {
                report.unexpected("an event of kind " + kind);
            }
        }
    }

    private void markRemoved(long start, long end) {
        for (int i = 0; i < regions.size(); i++) {
            Region region = regions.get(i);
            long from = Math.max(start, region.hostAddress());
            long to = Math.min(end, region.hostEnd());
            if (from < to) {
                long first = guest.map().pageAt(from);
                long last = guest.map().pageAt(to - 1);
                guest.states().set(first, last + 1, PageStates.REMOVED);
                removedPieces.removed(i, from, to);
                if (dirty != null) {
                    dirty.removed(first, last + 1);
                }
                counters.removed += last + 1 - first;
            }
        }
    }

    private void takeFaults(int count) {
        FaultPort port = guest.port();
        long now = clock.getAsLong();
        for (int i = 0; i < count; i++) {
            if (port.kind(i) == UserfaultfdEvents.PAGE_FAULT) {
                long page = guest.map().pageAt(port.address(i));
                counters.faults++;
                if (page < 0) {
                    report.unexpected("a fault outside of the regions");
                } else {
                    int reason = reason(port.flags(i));
                    if (reason != WaitingPages.PROTECTED) {
                        demand(page, reason == WaitingPages.WRITE, now);
                    }
                    waiting.add(page, now, reason);
                }
            }
        }
    }

    private void demand(long page, boolean write, long now) {
        if (guest.states().get(page) == PageStates.REMOVED) {
            guest.demand().demandedAgain(page);
        } else {
            guest.demand().demanded(page, write, now);
        }
    }

    private static int reason(long flags) {
        if ((flags & UserfaultfdEvent.PageFault.WRITE_PROTECT) != 0) {
            return WaitingPages.PROTECTED;
        }
        return (flags & UserfaultfdEvent.PageFault.WRITE) != 0 ? WaitingPages.WRITE : WaitingPages.MISSING;
    }

    /**
     * Installs what waits, up to the first page that the kernel does not take now. If that is much, those who wait are woken
     * together, but nobody sleeps on for long behind a source that is slow. If it is so much that not all messages may have been
     * read, those whose pages are not there yet are not to be woken for nothing.
     */
    private void serve() {
        int size = waiting.size();
        boolean together = size >= MANY && size < UserfaultfdEvents.CAPACITY;
        installer.wakeLater(together);
        int next = 0;
        int asleep = 0;
        long since = together ? clock.getAsLong() : 0;
        try {
            while (next < size && serve(next)) {
                next++;
                if (!together || (next % TIMED_PAGES == 0 && clock.getAsLong() - since > LONGEST_SLEEP_NANOS)) {
                    since = wake(asleep, next);
                    asleep = next;
                }
            }
            if (asleep < next) {
                wake(asleep, next);
            }
        } finally {
            installer.wake();
        }
        int kept = 0;
        while (next < size && !gone) {
            waiting.keep(next++, kept++);
        }
        waiting.truncate(kept);
        guest.gate().demandServed(clock.getAsLong());
        if (kept == 0) {
            pause = FIRST_PAUSE_NANOS;
        }
    }

    /** Wakes those who wait for {@code [from, to)} of what waits, as far as it is resolved; returns when that was. */
    private long wake(int from, int to) {
        installer.wake();
        long now = clock.getAsLong();
        for (int i = from; i < to; i++) {
            Latencies.Need need = waiting.need(i);
            if (need != null) {
                latencies.of(need).record(now - waiting.since(i));
            }
        }
        return now;
    }

    /** Whether a page needs no more tries. */
    private boolean serve(int index) {
        long page = waiting.page(index);
        long since = waiting.since(index);
        int reasons = waiting.reasons(index);
        return switch (resolve(page, reasons)) {
            case DONE -> {
                waiting.resolved(index, need(reasons));
                yield true;
            }
            case CHANGING -> isLate(since) && fail(page, "EAGAIN: the address space did not stop changing");
            case NO_MEMORY -> isOld(since) && fail(page, installer.reason());
            case UNREADABLE -> retries.later(page, since, reasons, clock.getAsLong()) || fail(page, installer.reason());
            case FAILED -> fail(page, installer.reason());
            case DROPPED -> {
                if (!removedPieces.has(guest.map().address(page))) {
                    report.unexpected("a fault where nothing is registered");
                }
                yield true;
            }
            case GONE -> {
                gone = true;
                yield true;
            }
        };
    }

    private Latencies.Need need(int reasons) {
        if ((reasons & WaitingPages.PROTECTED) != 0) {
            return Latencies.Need.WRITE;
        }
        return installer.wasZero() ? Latencies.Need.ZERO : Latencies.Need.CONTENT;
    }

    private PageInstaller.Outcome resolve(long page, int reasons) {
        PageInstaller.Outcome outcome = PageInstaller.Outcome.DONE;
        if ((reasons & (WaitingPages.MISSING | WaitingPages.WRITE)) != 0) {
            outcome = installer.install(page, reasons > WaitingPages.MISSING);
        }
        boolean isProtected = (reasons & WaitingPages.PROTECTED) != 0;
        if (isProtected && outcome == PageInstaller.Outcome.DONE && (dirty == null || dirty.mayWrite(page))) {
            outcome = installer.allowWrites(page);
        }
        return outcome;
    }

    /** Fixes what a diff contains, as {@link WriteProtector#cut}. */
    @Nullable
    DirtyCut cut() {
        drain();
        DirtyCut cut = protector.cut();
        gone |= protector.isGone();
        return cut;
    }

    /** Write-protects what is there; whether the kernel did. */
    boolean protectAll() {
        boolean done = protector.protectAll();
        gone |= protector.isGone();
        return done;
    }

    private boolean isLate(long since) {
        return clock.getAsLong() - since > CHANGING_LIMIT_NANOS;
    }

    private boolean isOld(long since) {
        return clock.getAsLong() - since > LONGEST_PAUSE_NANOS;
    }

    private boolean fail(long page, String reason) {
        FailurePolicy applied = policy;
        if (policy == FailurePolicy.POISON) {
            switch (installer.poison(page)) {
                case DONE, DROPPED -> {}
                case GONE -> {
                    gone = true;
                    return true;
                }
                case CHANGING -> {
                    return false;
                }
                case NO_MEMORY, UNREADABLE, FAILED -> applied = FailurePolicy.KILL;
            }
        }
        counters.failed++;
        report.failed(guest.map().offset(page), reason, applied);
        return true;
    }

    /** Ends serving for a guest that needs no server any more: all of its memory becomes ordinary memory. */
    void release() {
        for (Region region : regions) {
            guest.port().unregister(region.hostAddress(), region.size());
        }
        // Whoever removes pages right now still waits until its message is read.
        while (drain()) {
            Thread.onSpinWait();
        }
    }

    void close() {
        installer.close();
    }
}
