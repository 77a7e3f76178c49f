package io.guestmem.pager;

import io.guestmem.linux.FileDescriptor;
import io.guestmem.linux.Userfaultfd;
import java.io.IOException;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;

/**
 * A VM of an earlier server on its way to this one, on the thread that will serve it.
 *
 * <pre>{@code
 * PREPARED → SERVED      nobody else serves it
 *    |     ↘ DROPPED     it is not to be served here
 *    ↘ GONE, FAILED      its process has ended; it cannot be served
 * }</pre>
 *
 * <p>Until it is to be served nothing is changed that the earlier server may use.
 */
final class InheritedVm {
    /** How far it came; from the second on it is decided. */
    enum Step {
        PREPARED,
        SERVED,
        DROPPED,
        GONE,
        FAILED
    }

    private final VmSet vms;
    private final int number;
    private final VmFiles files;
    private final @Nullable FileDescriptor given;

    private final CompletableFuture<Step> prepared = new CompletableFuture<>();
    private final CompletableFuture<Step> decided = new CompletableFuture<>();
    private final CompletableFuture<Boolean> wanted = new CompletableFuture<>();

    /** Written before it is decided, as are those that follow. */
    private String reason = "";

    private long pid;
    private long wokenAt;

    /** Of the VM's thread. */
    private @Nullable ServedVm inherited;

    private InheritedVm(VmSet vms, int number, VmFiles files, @Nullable FileDescriptor given) {
        this.vms = vms;
        this.number = number;
        this.files = files;
        this.given = given;
    }

    /**
     * Begins to prepare it, on a thread of its own.
     *
     * @param given its userfaultfd, which belongs to this object from now on; null to take it from the VMM
     */
    static InheritedVm start(VmSet vms, int number, VmFiles files, @Nullable FileDescriptor given) {
        InheritedVm vm = new InheritedVm(vms, number, files, given);
        Thread.ofPlatform().name("VM " + number).daemon().start(vm::run);
        return vm;
    }

    /** Nobody else serves it: it is served as soon as it is prepared. */
    void serve() {
        wanted.complete(true);
    }

    /** It is not to be served here, unless it is already. */
    void drop() {
        wanted.complete(false);
    }

    /** Waits until it is prepared, or decided. */
    Step awaitPrepared() {
        return prepared.join();
    }

    /** Waits until it is decided. */
    Step awaitDecided() {
        return decided.join();
    }

    /** Why it could not be served, once that is decided. */
    String reason() {
        return reason;
    }

    /** Of the process that it is, once it is served. */
    long pid() {
        return pid;
    }

    /** When everybody who waited was woken, in {@link System#nanoTime}; once it is served. */
    long wokenAt() {
        return wokenAt;
    }

    private void run() {
        Step end = Step.FAILED;
        String why = "unexpected";
        try {
            end = inherit();
        } catch (IOException | RuntimeException failed) {
            why = String.valueOf(failed.getMessage());
        } finally {
            decide(end, why);
        }
        ServedVm vm = inherited;
        if (vm != null) {
            vms.run(vm);
        }
    }

    private void decide(Step end, String why) {
        reason = why;
        prepared.complete(end);
        decided.complete(end);
    }

    /** Returns how it ends; all that is open then belongs to the VM if it is served, and is closed if it is not. */
    private Step inherit() throws IOException {
        Userfaultfd userfaultfd = given == null ? null : Userfaultfd.adopt(given);
        VmProcess process = null;
        PageStates states = null;
        DirtyPages dirty = null;
        VmWorkingSet workingSet = null;
        boolean isServed = false;
        try {
            Journal journal = Journal.read(files.journal());
            process = VmProcess.reopen(journal.pid(), journal.startTime()).orElse(null);
            if (process == null) {
                return Step.GONE;
            }
            if (!journal.snapshot().equals(vms.admission().snapshot())) {
                throw new IOException("it runs on another snapshot: " + journal.snapshot());
            }
            if (userfaultfd == null) {
                userfaultfd = process.userfaultfd(journal.map(), journal.userfaultfd());
            }
            states = PageStates.reopen(files.pages(), journal.map().pages());
            dirty = DirtyPages.reopen(files.dirty(), journal.map().pages());
            workingSet = vms.takeBack(number, journal.map(), states, files.touches());
            pid = process.pid();
            prepared.complete(Step.PREPARED);
            if (!wanted.join()) {
                return Step.DROPPED;
            }
            serve(vms.admission().vm(number, process, userfaultfd, journal.map(), states, dirty, workingSet), dirty);
            isServed = true;
            return Step.SERVED;
        } finally {
            if (!isServed) {
                Admission.abandon(process, userfaultfd, states, dirty, workingSet);
            }
        }
    }

    /** Nobody else serves it any more. Whoever waits is woken before anything else is done. */
    private void serve(ServedVm vm, @Nullable DirtyPages dirty) {
        vm.resume();
        wokenAt = System.nanoTime();
        if (dirty != null) {
            dirty.uncut();
        }
        vms.begin(vm);
        inherited = vm;
    }
}
