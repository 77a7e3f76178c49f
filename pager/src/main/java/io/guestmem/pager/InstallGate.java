package io.guestmem.pager;

import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;

/**
 * Keeps the two threads of one guest apart where they must be: nobody installs a page ahead of demand between the moment in
 * which a removal is read and the one in which its pages are marked.
 *
 * <pre>{@code
 *   installer                           event thread            the guest's thread
 *   the page is NONE
 *                                       read(): REMOVE    →     goes on, the page is dropped
 *   UFFDIO_COPY: old content is back!
 *                                       marks it REMOVED
 * }</pre>
 *
 * <p>The kernel refuses to install while a removal is unread, and drops what was installed before; only between reading and
 * marking it knows nothing. So the event thread reads and marks inside the gate, and the installer looks at the states, copies
 * and marks inside the gate. What the installer does there is short while faults come in ({@link #pieceLength}), and its bytes
 * are in memory before it enters, so that demand is never behind a long copy or a disk.
 *
 * <p>{@link #enterForDemand} goes first. Not reentrant.
 */
final class InstallGate {
    private static final long SHORT_PIECE = 16 << 10;
    private static final long LONG_PIECE = 2 << 20;
    /** After so long without a fault the guest counts as quiet. */
    static final long QUIET_NANOS = TimeUnit.MILLISECONDS.toNanos(1);

    private static final int SPINS = 1 << 12;

    private final Semaphore gate = new Semaphore(1);

    /** Written by the event thread. */
    private volatile boolean demandWaits;

    private volatile long lastDemand = System.nanoTime() - QUIET_NANOS;

    /** For the event thread. */
    void enterForDemand() {
        demandWaits = true;
        for (int spin = 0; spin < SPINS; spin++) {
            if (gate.tryAcquire()) {
                demandWaits = false;
                return;
            }
            Thread.onSpinWait();
        }
        gate.acquireUninterruptibly();
        demandWaits = false;
    }

    /** For the installer: lets the event thread go first. */
    void enterAhead() {
        while (true) {
            while (demandWaits) {
                Thread.onSpinWait();
            }
            gate.acquireUninterruptibly();
            if (!demandWaits) {
                return;
            }
            gate.release();
        }
    }

    void leave() {
        gate.release();
    }

    /** The event thread has served faults. */
    void demandServed(long now) {
        lastDemand = now;
    }

    /** How much the installer may copy in one go, in bytes: little while faults come in. */
    long pieceLength() {
        return isQuiet() ? LONG_PIECE : SHORT_PIECE;
    }

    /** Whether no fault was served for a while. */
    boolean isQuiet() {
        return System.nanoTime() - lastDemand >= QUIET_NANOS;
    }
}
