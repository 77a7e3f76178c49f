package io.guestmem.pager;

import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/** Write-protects pages that are there, so that the next write to each is a fault. Belongs to the event thread. */
final class WriteProtector {
    private final Guest guest;
    private final PageInstaller installer;
    private final Runnable drain;
    private final LongSupplier clock;
    private boolean gone;

    /**
     * Makes it.
     *
     * @param drain reads all messages, so that the kernel goes on
     */
    WriteProtector(Guest guest, PageInstaller installer, Runnable drain, LongSupplier clock) {
        this.guest = guest;
        this.installer = installer;
        this.drain = drain;
        this.clock = clock;
    }

    /** Whether the guest's process was found to be gone. */
    boolean isGone() {
        return gone;
    }

    /**
     * Fixes what a diff contains: write-protects all pages that were written, and lets nobody write before all of them are.
     * Whatever a thread of the guest writes later comes after everything that it could see before.
     *
     * @return null if the guest is gone, or if its address space did not stop changing
     * @throws IllegalStateException if the pages that are written are not tracked
     */
    @Nullable
    DirtyCut cut() {
        DirtyPages tracked = guest.dirty();
        if (tracked == null) {
            throw new IllegalStateException("not tracked");
        }
        tracked.beginCut();
        if (!protectCut(tracked)) {
            tracked.uncut();
            return null;
        }
        return tracked.endCut(guest.states());
    }

    private boolean protectCut(DirtyPages tracked) {
        long pages = guest.map().pages();
        for (long page = tracked.nextCut(0); page < pages; page = tracked.nextCut(page + 1)) {
            long regionEnd = guest.map().regionEnd(page);
            long first = page;
            while (page + 1 < regionEnd && tracked.nextCut(page + 1) == page + 1) {
                page++;
            }
            if (!protect(first, page + 1)) {
                return false;
            }
        }
        return true;
    }

    /** Write-protects what is there; whether the kernel did. */
    boolean protectAll() {
        long pages = guest.map().pages();
        boolean done = true;
        for (long page = 0; page < pages && done; page = guest.map().regionEnd(page)) {
            done = protect(page, guest.map().regionEnd(page));
        }
        return done;
    }

    /** Write-protects what is there of {@code [from, to)}, which lies in one region; whether the kernel did. */
    private boolean protect(long from, long to) {
        long since = clock.getAsLong();
        PageInstaller.Outcome outcome = installer.protect(from, to);
        while (outcome == PageInstaller.Outcome.CHANGING
                && clock.getAsLong() - since <= FaultLoop.CHANGING_LIMIT_NANOS) {
            drain.run();
            outcome = installer.protect(from, to);
        }
        gone |= outcome == PageInstaller.Outcome.GONE;
        return outcome == PageInstaller.Outcome.DONE;
    }
}
