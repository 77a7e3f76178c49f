package io.guestmem.soft;

import org.jspecify.annotations.Nullable;

/** Who hears the trace of a software kernel: it may change while the kernel works. Thread-safe. */
public final class TraceSwitch {
    private volatile @Nullable Trace listener;

    /**
     * A switch.
     *
     * @param listener null for nobody
     */
    public TraceSwitch(@Nullable Trace listener) {
        this.listener = listener;
    }

    /** Who listens now; null for nobody. */
    public @Nullable Trace listener() {
        return listener;
    }

    /** From now on somebody else listens; null for nobody. */
    public void set(@Nullable Trace next) {
        listener = next;
    }
}
