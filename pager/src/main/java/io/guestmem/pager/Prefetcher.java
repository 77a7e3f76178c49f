package io.guestmem.pager;

import io.guestmem.pager.handshake.GuestMap;
import io.guestmem.pager.source.PageSource;
import io.guestmem.pager.workingset.Replay;
import java.util.List;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;

/**
 * Installs what nobody has asked for yet: a working set in its order, or everything from the first page to the last. Belongs to
 * one thread, which is never the one that serves faults.
 *
 * <p>The content is read into memory in pieces of up to 2 MiB, outside of the gate, and installed in pieces that are short while
 * faults come in.
 */
final class Prefetcher implements AutoCloseable {
    private static final long READ_AHEAD = 2 << 20;

    /** Pieces of a working set that the source is told of beforehand. */
    private static final int ANNOUNCED = 32;

    private static final long PAUSE_NANOS = TimeUnit.MICROSECONDS.toNanos(50);

    private static final long TURN_NANOS = TimeUnit.MILLISECONDS.toNanos(20);

    private final Guest guest;
    private final GuestMap map;
    private final PageSource source;
    private final PageInstaller installer;
    private final Counters counters;

    /**
     * Where pages come from: an extent of the snapshot, or memory of this process.
     *
     * @param address of the content of {@code page}; 0 for the extent
     */
    private record Content(int extent, long page, long address) {
        static Content ofExtent(int extent) {
            return new Content(extent, 0, 0);
        }

        /** Zeroes are the kernel's one page of them. */
        boolean takesMemory(PageSource source) {
            return address != 0 || !source.isZero(extent);
        }

        static Content ofCopy(Replay.Piece piece) {
            return new Content(0, piece.page(), piece.address());
        }
    }

    /** Of all VMs: so many of them are prefetched at a time, piece by piece in turns, and CPUs are left for demand. */
    private final Semaphore turns;

    private final Allowance allowance;

    private String shortage = "";
    private boolean unreadable;
    private volatile boolean stopped;

    /** One that may install everything. */
    Prefetcher(Guest guest, Semaphore turns, Counters counters) {
        this(guest, turns, counters, Allowance.ALL);
    }

    Prefetcher(Guest guest, Semaphore turns, Counters counters, Allowance allowance) {
        this.allowance = allowance;
        this.turns = turns;
        this.guest = guest;
        this.map = guest.map();
        this.source = guest.source();
        this.counters = counters;
        this.installer = new PageInstaller(guest, counters);
    }

    /** Makes {@link #sweep} end at the next piece. */
    void stop() {
        stopped = true;
    }

    /** What there was too little of; empty if nothing was. */
    String shortage() {
        return shortage;
    }

    /** Whether the last {@link #sweep} left something out that it may get if it tries again. */
    boolean mayGetMore() {
        return unreadable;
    }

    /**
     * Installs everything that was never installed.
     *
     * @param withZeros also what is known to be zero, unless written pages are tracked: each zero would take a page then
     * @return the first page that could not be had, or the number of pages if all is there; -1 if it was stopped, if memory ran
     *     out, or if the process is gone
     */
    long sweep(boolean withZeros) {
        long firstMissing = map.pages();
        unreadable = false;
        long page = 0;
        while (!stopped) {
            page = guest.states().next(page, map.pages(), PageStates.NONE);
            if (page == map.pages()) {
                return firstMissing;
            }
            long offset = map.offset(page);
            if (offset + map.pageSize() > source.length()) {
                firstMissing = Math.min(firstMissing, page);
                page = map.regionEnd(page);
                continue;
            }
            int extent = source.extentAt(offset);
            long end =
                    Math.min(map.regionEnd(page), page + Math.max(1, (source.end(extent) - offset) / map.pageSize()));
            if ((!withZeros || guest.dirty() != null)
                    && source.isZero(extent)
                    && source.end(extent) >= offset + map.pageSize()) {
                page = end;
                continue;
            }
            long reached = installPieces(page, end, Content.ofExtent(extent));
            if (reached < 0) {
                return -1;
            }
            if (reached < end) {
                firstMissing = Math.min(firstMissing, reached);
                page = reached + 1;
            } else {
                page = end;
            }
        }
        return -1;
    }

    /**
     * Installs a working set, in its order; what cannot be had is left to whoever asks for it.
     *
     * @return false if it was stopped, if memory ran out, or if the process is gone
     */
    boolean replay(Replay replay) {
        int announced = 0;
        List<Replay.Piece> pieces = replay.pieces();
        for (int i = 0; i < pieces.size(); i++) {
            while (announced < Math.min(pieces.size(), i + ANNOUNCED)) {
                announce(pieces.get(announced++));
            }
            Replay.Piece piece = pieces.get(i);
            long before = counters.copied + counters.zeroed - counters.alreadyPresent;
            boolean goesOn = piece.address() == 0
                    ? replayFromSource(piece.page(), piece.end())
                    : installPieces(piece.page(), piece.end(), Content.ofCopy(piece)) >= 0;
            replay.installed(counters.copied + counters.zeroed - counters.alreadyPresent - before);
            if (!goesOn) {
                return false;
            }
        }
        return true;
    }

    /** So that a disk has many requests at a time, although pieces are installed one by one. */
    private void announce(Replay.Piece piece) {
        long offset = map.offset(piece.page());
        if (piece.address() == 0 && offset < source.length()) {
            int extent = source.extentAt(offset);
            long end = offset + (piece.end() - piece.page()) * map.pageSize();
            source.announce(extent, offset, Math.min(end, source.end(extent)));
        }
    }

    private boolean replayFromSource(long from, long to) {
        long page = from;
        while (page < to && map.offset(page) + map.pageSize() <= source.length()) {
            long offset = map.offset(page);
            int extent = source.extentAt(offset);
            long end = Math.min(to, page + Math.max(1, (source.end(extent) - offset) / map.pageSize()));
            long reached = installPieces(page, end, Content.ofExtent(extent));
            if (reached < 0) {
                return false;
            }
            page = reached < end ? reached + 1 : end;
        }
        return true;
    }

    /** Installs pages of one content; returns where it stopped because a page cannot be had, or {@code end}. */
    private long installPieces(long from, long end, Content content) {
        long page = from;
        long prepared = from;
        long singly = from;
        while (page < end && !stopped) {
            if (page >= prepared) {
                prepared = Math.min(end, page + Math.max(1, READ_AHEAD / map.pageSize()));
                if (content.takesMemory(source)) {
                    shortage = allowance.refuses((prepared - page) * map.pageSize());
                    if (!shortage.isEmpty()) {
                        return -1;
                    }
                }
                if (content.address == 0 && !prepare(content.extent, page, prepared)) {
                    return page;
                }
            }
            long piece = page < singly ? 1 : Math.max(1, guest.gate().pieceLength() / map.pageSize());
            long next = Math.min(Math.min(end, prepared), page + piece);
            PageInstaller.Outcome outcome = installInTurn(page, next, content);
            switch (outcome) {
                case DONE -> page = next;
                case CHANGING -> LockSupport.parkNanos(PAUSE_NANOS);
                case GONE -> {
                    return -1;
                }
                case NO_MEMORY -> {
                    shortage = installer.reason();
                    return -1;
                }
                case DROPPED -> {
                    // Not one mapping, or not all of it registered: page by page, and what is not there needs nothing.
                    if (next - page > 1) {
                        singly = next;
                    } else {
                        guest.states().set(page, PageStates.REMOVED);
                        page = next;
                    }
                }
                case UNREADABLE, FAILED -> {
                    unreadable |= outcome == PageInstaller.Outcome.UNREADABLE;
                    return guest.states().next(page, end, PageStates.NONE);
                }
            }
        }
        return page < end ? -1 : end;
    }

    /** Reads the content into memory; whether its file still has it. */
    private boolean prepare(int extent, long from, long to) {
        long offset = map.offset(from);
        long end = Math.min(source.end(extent), offset + (to - from) * map.pageSize());
        source.refresh();
        source.prepare(extent, offset, end);
        return source.readableEnd(extent) >= end;
    }

    private PageInstaller.Outcome installInTurn(long from, long to, Content content) {
        boolean turn = awaitTurn();
        try {
            return installPiece(from, to, content);
        } finally {
            if (turn) {
                turns.release();
            }
        }
    }

    /** Whether it has one; without one it goes on all the same, as who has it may be held up in the kernel by a memory limit. */
    private boolean awaitTurn() {
        try {
            return turns.tryAcquire(TURN_NANOS, TimeUnit.NANOSECONDS);
        } catch (InterruptedException _) {
            Thread.currentThread().interrupt();
            return false;
        }
    }

    private PageInstaller.Outcome installPiece(long from, long to, Content content) {
        guest.gate().enterAhead();
        try {
            PageInstaller.Outcome outcome = PageInstaller.Outcome.DONE;
            long page = guest.states().next(from, to, PageStates.NONE);
            while (page < to && outcome == PageInstaller.Outcome.DONE) {
                long end = guest.states().nextOther(page, to, PageStates.NONE);
                outcome = content.address == 0
                        ? installer.installAhead(page, end, content.extent)
                        : installer.installCopy(page, end, content.address + (page - content.page) * map.pageSize());
                page = guest.states().next(page, to, PageStates.NONE);
            }
            return outcome;
        } finally {
            guest.gate().leave();
        }
    }

    /** Poisons a page whose content cannot be had, if that is the policy; whether it is done. */
    boolean poison(long page, FailurePolicy policy) {
        if (policy != FailurePolicy.POISON) {
            return false;
        }
        PageInstaller.Outcome outcome = installer.poison(page);
        while (outcome == PageInstaller.Outcome.CHANGING && !stopped) {
            LockSupport.parkNanos(PAUSE_NANOS);
            outcome = installer.poison(page);
        }
        if (outcome == PageInstaller.Outcome.DONE) {
            guest.states().set(page, PageStates.PRESENT);
        }
        return outcome == PageInstaller.Outcome.DONE;
    }

    @Override
    public void close() {
        installer.close();
    }
}
