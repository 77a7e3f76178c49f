package io.guestmem.pager;

import io.guestmem.linux.EventFd;
import io.guestmem.linux.Userfaultfd;
import io.guestmem.linux.UserfaultfdEvents;
import io.guestmem.pager.ServerEvent.Kind;
import io.guestmem.pager.handshake.GuestMap;
import io.guestmem.pager.source.PageSource;
import java.io.IOException;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.concurrent.Semaphore;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * One VM: its event thread runs {@link #serve}, which starts and ends the installer. Requests come from other threads.
 *
 * <p>Everything is closed by {@link #close} when both threads have ended: a descriptor that is closed earlier may be another
 * VM's by the time it is used.
 */
final class ServedVm implements GuestReport, AutoCloseable {
    /** Why serving ended. */
    enum End {
        /** The process has ended. */
        GONE,
        /** The VM has all of its memory. */
        RELEASED,
        /** It was asked to. The VM still needs a server. */
        STOPPED
    }

    private final int number;
    private final VmProcess process;
    private final Userfaultfd userfaultfd;
    private final FailurePolicy policy;
    private final Consumer<ServerEvent> events;
    private final Guest guest;
    private final VmWorkingSet workingSet;
    private final Counters served = new Counters();
    private final FaultLoop loop;
    private final Installer installer;
    private final long sourceBudget;
    private final Diffs diffs;
    private final EventFd control = EventFd.create();

    private final AtomicBoolean releasing = new AtomicBoolean();

    /** Whether no other server has served it. */
    private boolean isNew = true;

    /** Of the event thread. */
    private final Set<String> said = new HashSet<>();

    /** Written by any thread; the event thread obeys. */
    private volatile @Nullable End asked;

    ServedVm(
            int number,
            VmProcess process,
            Userfaultfd userfaultfd,
            GuestMap map,
            PageStates states,
            @Nullable DirtyPages dirty,
            PageSource source,
            VmWorkingSet workingSet,
            FailurePolicy policy,
            ServingOptions serving,
            Semaphore turns,
            Consumer<ServerEvent> events) {
        this.number = number;
        this.process = process;
        this.userfaultfd = userfaultfd;
        this.policy = policy;
        this.events = events;
        UserfaultfdEvents messages = new UserfaultfdEvents(states.messages());
        this.workingSet = workingSet;
        this.guest = new Guest(
                map, states, source, new KernelFaultPort(userfaultfd, messages, process.pid()), workingSet, dirty);
        this.diffs = new Diffs(guest, process, control::signal);
        this.sourceBudget = serving.sourceBudget().toNanos();
        SourceRetries retries = new SourceRetries(sourceBudget, new SplittableRandom());
        this.loop = new FaultLoop(guest, policy, this, System::nanoTime, served, retries);
        this.installer = new Installer(number, guest, process.pid(), serving.aheadPercent(), turns, events);
    }

    int number() {
        return number;
    }

    VmProcess process() {
        return process;
    }

    Userfaultfd userfaultfd() {
        return userfaultfd;
    }

    GuestMap map() {
        return guest.map();
    }

    /** What both threads did; exact when they have ended. */
    Counters counters() {
        return served.plus(installer.counters());
    }

    Guest guest() {
        return guest;
    }

    VmWorkingSet workingSet() {
        return workingSet;
    }

    Diffs diffs() {
        return diffs;
    }

    /** What the event thread did. */
    Counters served() {
        return served;
    }

    /** What the installer did. */
    Counters ahead() {
        return installer.counters();
    }

    Latencies latencies() {
        return loop.latencies();
    }

    /** Whether its threads end, or its process has ended. */
    boolean isEnding() {
        return asked != null || loop.isGone();
    }

    /** Makes everybody who waits ask again: for a VM that another server has served. */
    void resume() {
        asked = null;
        isNew = false;
        releasing.set(false);
        loop.resume();
    }

    /** Serves until the VM is gone or somebody asks for an end. */
    End serve(boolean prefetch, Runnable whenPrefetched) {
        try (EventLoop turns = new EventLoop(userfaultfd, process, control, loop, diffs, this)) {
            diffs.begin();
            protectWhatIsThere();
            if (prefetch || workingSet.replay().isPresent()) {
                installer.prefetch(prefetch, workingSet, whenPrefetched);
            }
            return serve(turns);
        } catch (RuntimeException unexpected) {
            return broken(unexpected);
        } finally {
            diffs.end();
            installer.stop();
        }
    }

    /** A defect, or a kernel that answers what it never should: the VM's policy, and the descriptor stays open. */
    private End broken(RuntimeException unexpected) {
        events.accept(ServerEvent.of(Kind.FAILED, number, "serving ended: " + unexpected));
        if (policy == FailurePolicy.HANG) {
            return End.STOPPED;
        }
        process.kill();
        return End.GONE;
    }

    /** Pages that the VMM had touched before it connected: what they contain is not known, what is written to them is. */
    private void protectWhatIsThere() {
        if (guest.dirty() != null && isNew && !loop.protectAll()) {
            unexpected("pages that were there before cannot be write-protected");
        }
    }

    private End serve(EventLoop turns) {
        End end = null;
        while (end == null) {
            end = turns.turn(asked);
        }
        return finish(end);
    }

    private End finish(End end) {
        if (end == End.RELEASED) {
            loop.release();
        }
        return end;
    }

    /** Makes {@link #serve} return. */
    void ask(End end) {
        asked = end;
        control.signal();
    }

    /**
     * Installs everything, in the background.
     *
     * @throws IOException if that is being done
     */
    void prefetch() throws IOException {
        installer.prefetch();
    }

    /** Ends the installer and waits for it; faults are served as before. */
    void stopInstaller() {
        installer.stop();
    }

    static void join(Thread thread) {
        boolean interrupted = false;
        while (true) {
            try {
                thread.join();
                break;
            } catch (InterruptedException _) {
                interrupted = true;
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    /** Ends the recording and waits until it is written. */
    void endRecording() {
        workingSet.endRecording();
    }

    /**
     * Installs all that is missing, then asks for the end; a VM that cannot get all is asked to stop.
     *
     * @return false if that is being done
     */
    boolean release() {
        if (!releasing.compareAndSet(false, true)) {
            return false;
        }
        installer.replace(sweeper -> {
            long missing = sweepAgain(sweeper);
            while (missing >= 0 && missing < guest.map().pages() && sweeper.poison(missing, policy)) {
                report(missing);
                missing = sweeper.sweep(false);
            }
            if (missing >= 0 && missing < guest.map().pages() && policy == FailurePolicy.KILL) {
                failed(guest.map().offset(missing), "the content cannot be had", FailurePolicy.KILL);
            } else {
                ask(missing == guest.map().pages() ? End.RELEASED : End.STOPPED);
            }
        });
        return true;
    }

    /** Everything, with as much patience for the source as demand has. */
    private long sweepAgain(Prefetcher sweeper) {
        long deadline = System.nanoTime() + sourceBudget;
        long missing = sweeper.sweep(false);
        while (missing >= 0 && sweeper.mayGetMore() && System.nanoTime() - deadline < 0) {
            LockSupport.parkNanos(SourceRetries.FIRST_PAUSE_NANOS);
            missing = sweeper.sweep(false);
        }
        return missing;
    }

    private void report(long page) {
        failed(guest.map().offset(page), "the content cannot be had", FailurePolicy.POISON);
    }

    @Override
    public void sourceShrunk() {
        events.accept(ServerEvent.of(Kind.WARNING, number, "a file of the snapshot has become shorter"));
    }

    @Override
    public void unexpected(String what) {
        // Once: a VMM can cause it as often as it likes.
        if (said.add(what)) {
            events.accept(ServerEvent.of(Kind.WARNING, number, what));
        }
    }

    @Override
    public void failed(long offset, String reason, FailurePolicy applied) {
        events.accept(new ServerEvent(Kind.FAILED, number, reason + "; " + applied.done(), Map.of("offset", offset)));
        if (applied == FailurePolicy.KILL) {
            process.kill();
        }
    }

    @Override
    public void close() {
        installer.stop();
        workingSet.close();
        loop.close();
        userfaultfd.close();
        process.close();
        control.close();
        guest.states().close();
        DirtyPages dirty = guest.dirty();
        if (dirty != null) {
            dirty.close();
        }
    }
}
