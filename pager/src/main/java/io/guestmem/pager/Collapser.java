package io.guestmem.pager;

import io.guestmem.linux.Errno;
import io.guestmem.linux.ProcessAdviceResult;
import io.guestmem.pager.handshake.GuestMap;
import io.guestmem.pager.handshake.Region;
import java.io.IOException;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import java.util.function.LongFunction;

/**
 * Makes huge pages of a guest's memory when it is there: userfaultfd installs small pages only, whatever the kernel is advised.
 * {@code MADV_COLLAPSE} from outside of the VMM, one piece of 2 MiB after the other.
 *
 * <p>A piece of which one page is missing is left alone: the kernel refuses it ({@code EBUSY}), as filling the gap would hide the page
 * from its userfaultfd. Each piece stops the guest's faults for about a millisecond, so nothing is done while they come in, and
 * nothing at all while writes are tracked, which need small pages.
 *
 * <p>Source: Linux 7.2 {@code mm/khugepaged.c}.
 */
final class Collapser {
    static final long PIECE = 2 << 20;
    private static final int MOST_PAUSES = 1000;

    private final Guest guest;
    private final LongFunction<ProcessAdviceResult> collapse;
    private final BooleanSupplier stopped;

    private final SortedMap<Integer, Long> refused = new TreeMap<>();
    private long huge;
    private long notWhole;
    private long busy;
    private boolean hopeless;

    /**
     * Makes it.
     *
     * @param collapse {@code MADV_COLLAPSE} of the 2 MiB at an address of the VMM
     * @param stopped whether to end early
     */
    Collapser(Guest guest, LongFunction<ProcessAdviceResult> collapse, BooleanSupplier stopped) {
        this.guest = guest;
        this.collapse = collapse;
        this.stopped = stopped;
    }

    /**
     * Goes through all of the memory once.
     *
     * @throws IOException if the guest's memory must keep its pages
     */
    CollapseReport run() throws IOException {
        GuestMap map = guest.map();
        if (guest.dirty() != null) {
            throw new IOException("its writes are tracked, page by page: huge pages would be split again");
        }
        if (map.pageSize() >= PIECE) {
            throw new IOException("its pages are of " + map.pageSize() + " bytes already");
        }
        for (Region region : map.regions()) {
            for (long at = Math.ceilDiv(region.hostAddress(), PIECE) * PIECE;
                    at + PIECE <= region.hostEnd() && !hopeless && !stopped.getAsBoolean();
                    at += PIECE) {
                run(at);
            }
        }
        return new CollapseReport(huge, notWhole, busy, refused);
    }

    private void run(long address) {
        long first = guest.map().pageAt(address);
        long end = first + PIECE / guest.map().pageSize();
        if (guest.states().nextOther(first, end, PageStates.PRESENT) < end) {
            notWhole++;
        } else if (!awaitQuiet()) {
            busy++;
        } else {
            count(collapse.apply(address));
        }
    }

    private boolean awaitQuiet() {
        for (int pauses = 0; pauses < MOST_PAUSES; pauses++) {
            if (guest.gate().isQuiet()) {
                return true;
            }
            if (stopped.getAsBoolean()) {
                return false;
            }
            LockSupport.parkNanos(InstallGate.QUIET_NANOS);
        }
        return false;
    }

    private void count(ProcessAdviceResult result) {
        switch (result) {
            case ProcessAdviceResult.Complete _ -> huge++;
            case ProcessAdviceResult.Partial _ -> refused.merge(Errno.EAGAIN.number(), 1L, Long::sum);
            case ProcessAdviceResult.Refused answer -> {
                refused.merge(answer.errno().number(), 1L, Long::sum);
                // What is not allowed, not known, or gone stays so.
                hopeless = answer.errno().equals(Errno.EPERM)
                        || answer.errno().equals(Errno.ENOSYS)
                        || answer.errno().equals(Errno.ESRCH);
            }
        }
    }
}
