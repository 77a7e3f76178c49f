package io.guestmem.soft;

import io.guestmem.abi.VcpuThread;
import io.guestmem.soft.vm.ThreadSignals;
import java.util.concurrent.atomic.AtomicLong;

/**
 * A thread that uses the software kernel: its signals. It blocks the one that interrupts vCPUs, but while a vCPU runs.
 * Thread-safe.
 *
 * <p>A signal that is not blocked stays pending until the thread's next system call has seen it and returned: then its handler
 * has run.
 */
public final class SoftThread implements VcpuThread {
    /** SIGUSR1: what {@link #interrupt} sends. */
    private static final int INTERRUPT = 10;

    private final Signals signals = new Signals();

    SoftThread() {}

    /** The signals as the kernel's code sees them. */
    private static final class Signals implements ThreadSignals {
        private final AtomicLong pending = new AtomicLong();

        @Override
        public long mask() {
            return bit(INTERRUPT);
        }

        @Override
        public boolean pending(long mask) {
            return (pending.get() & ~mask) != 0;
        }

        @Override
        public void send(int signal) {
            pending.getAndUpdate(bits -> bits | bit(signal));
        }

        void keep(long mask) {
            pending.getAndUpdate(bits -> bits & mask);
        }
    }

    ThreadSignals signals() {
        return signals;
    }

    /** The system call returns: handlers run. */
    void deliver() {
        if (signals.pending()) {
            signals.keep(signals.mask());
        }
    }

    /**
     * Sends a signal to the thread.
     *
     * @param signal 1 to 64
     */
    public void send(int signal) {
        signals.send(signal);
    }

    @Override
    public long maskWhileRunning() {
        return 0;
    }

    @Override
    public void interrupt() {
        signals.send(INTERRUPT);
    }

    @Override
    public void clearInterrupt() {
        signals.keep(~bit(INTERRUPT));
    }

    private static long bit(int signal) {
        return 1L << (signal - 1);
    }
}
