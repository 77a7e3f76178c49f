package io.guestmem.pager;

import io.guestmem.linux.LinuxException;
import java.io.IOException;
import java.net.BindException;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;

/** Waits for an address that another process lets go of in a moment: the server whose VMs were taken over. */
final class Patience {
    private static final long PAUSE_NANOS = TimeUnit.MILLISECONDS.toNanos(20);

    private Patience() {}

    /** Listens somewhere. */
    interface Attempt<T> {
        T make() throws IOException;
    }

    /** Tries until it succeeds, or until the address has been in use for so long. */
    static <T> T whileInUse(Duration limit, Attempt<T> attempt) throws IOException {
        long deadline = System.nanoTime() + limit.toNanos();
        while (true) {
            try {
                return attempt.make();
            } catch (LinuxException | BindException refused) {
                boolean inUse = !(refused instanceof LinuxException failed)
                        || failed.errno().symbol().equals("EADDRINUSE");
                if (!inUse || System.nanoTime() - deadline >= 0) {
                    throw refused;
                }
                LockSupport.parkNanos(PAUSE_NANOS);
            }
        }
    }
}
