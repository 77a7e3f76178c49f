package io.guestmem.kvm.populate;

import java.util.List;

/** Memory that another process has offered, open here. Closing it gives it back; the memory stays as it is. */
public final class OfferedMemory implements AutoCloseable {
    private final GuestMemory guest;
    private final List<Runnable> closes;

    OfferedMemory(GuestMemory guest, List<Runnable> closes) {
        this.guest = guest;
        this.closes = closes;
    }

    /** What can be populated. */
    public GuestMemory guest() {
        return guest;
    }

    @Override
    public void close() {
        closes.forEach(Runnable::run);
    }
}
