package io.guestmem.pager;

import io.guestmem.linux.Epoll;
import io.guestmem.linux.EventFd;
import io.guestmem.linux.PollEvents;
import io.guestmem.linux.Userfaultfd;
import org.jspecify.annotations.Nullable;

/**
 * What an event thread does, turn by turn: a round of faults or, if there was none, looking for the next message or sleeping until
 * it comes. Belongs to one thread.
 *
 * <p>It never sleeps before a round has found nothing: the kernel reports a message once, and a vCPU on this CPU has often run and
 * faulted again before {@code UFFDIO_COPY} returns.
 *
 * <p>A turn is a method of its own, which is compiled once for all VMs: a loop begins in the interpreter with every thread that
 * enters it.
 */
final class EventLoop implements AutoCloseable {
    private static final long MESSAGES = 0;
    private static final long PROCESS = 1;
    private static final long CONTROL = 2;

    private final Userfaultfd userfaultfd;
    private final GuestReport report;
    private final FaultLoop loop;
    private final Diffs diffs;
    private final EventFd control;
    private final Epoll epoll = Epoll.create();
    private final SpinBudget spin = new SpinBudget();

    private long idleSince = System.nanoTime();
    private boolean looked;
    private boolean slept;
    private boolean lives = true;

    /**
     * Makes it.
     *
     * @param process ends serving when it ends
     * @param control ends sleeping when it is signalled
     */
    EventLoop(
            Userfaultfd userfaultfd,
            VmProcess process,
            EventFd control,
            FaultLoop loop,
            Diffs diffs,
            GuestReport report) {
        this.userfaultfd = userfaultfd;
        this.report = report;
        this.loop = loop;
        this.diffs = diffs;
        this.control = control;
        epoll.addEdgeTriggered(userfaultfd.descriptor(), PollEvents.READABLE, MESSAGES);
        epoll.add(process.descriptor().descriptor(), PollEvents.READABLE, PROCESS);
        epoll.add(control.descriptor(), PollEvents.READABLE, CONTROL);
    }

    /**
     * One turn.
     *
     * @param asked to end so; who asks signals afterwards
     * @return how it ends now, null if it goes on
     */
    ServedVm.@Nullable End turn(ServedVm.@Nullable End asked) {
        long before = System.nanoTime();
        boolean served = loop.round();
        if (served) {
            spin.messageCame(before - idleSince, looked, slept);
            idleSince = System.nanoTime();
            slept = false;
        }
        looked = !served;
        diffs.cutIfAsked(loop);
        ServedVm.End end = lives && !loop.isGone() ? asked : ServedVm.End.GONE;
        if (end != null && diffs.mayEnd()) {
            return end;
        }
        if (loop.hasWaiting()) {
            lives &= await(loop.pause());
        } else if (looked && spin.goesOn(System.nanoTime() - idleSince)) {
            Thread.onSpinWait();
        } else if (looked) {
            slept = true;
            lives &= await(-1);
        }
        return null;
    }

    /** Waits; false if the process has ended. */
    private boolean await(long timeout) {
        int ready = epoll.await(timeout);
        for (int i = 0; i < ready; i++) {
            if (epoll.token(i) == PROCESS) {
                return false;
            }
            if (epoll.token(i) == MESSAGES && epoll.has(i, PollEvents.ERROR)) {
                // It is the VMM's too, and can only be waited for while it does not block.
                userfaultfd.descriptor().nonBlocking();
                report.unexpected("its userfaultfd was made one that blocks");
            }
            if (epoll.token(i) == CONTROL) {
                control.drain();
            }
        }
        return true;
    }

    @Override
    public void close() {
        epoll.close();
    }
}
