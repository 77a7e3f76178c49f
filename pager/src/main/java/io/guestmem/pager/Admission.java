package io.guestmem.pager;

import io.guestmem.linux.LinuxException;
import io.guestmem.linux.PeerCredentials;
import io.guestmem.linux.Userfaultfd;
import io.guestmem.pager.ServerEvent.Kind;
import io.guestmem.pager.handshake.GuestMap;
import io.guestmem.pager.handshake.Handshake;
import io.guestmem.pager.source.PageSource;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Semaphore;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** Makes the VMs of a server out of what connects. Thread-safe. */
final class Admission {
    private final ServerOptions options;
    private final PageSource source;
    private final WorkingSets workingSets;
    private final @Nullable StateDirectory state;
    private final Consumer<ServerEvent> events;
    private final Semaphore turns =
            new Semaphore(Math.max(1, Runtime.getRuntime().availableProcessors() - 1), true);

    Admission(
            ServerOptions options,
            PageSource source,
            WorkingSets workingSets,
            @Nullable StateDirectory state,
            Consumer<ServerEvent> events) {
        this.options = options;
        this.source = source;
        this.workingSets = workingSets;
        this.state = state;
        this.events = events;
    }

    /** Takes what a VMM has handed over; if that fails everything is closed. */
    ServedVm attach(int number, PeerCredentials peer, Handshake handshake) {
        VmProcess process = null;
        PageStates states = null;
        DirtyPages dirty = null;
        VmWorkingSet workingSet = null;
        GuestMap map = handshake.map();
        try {
            process = VmProcess.open(peer.pid());
            states = newStates(number, process, map);
            dirty = options.serving().trackDirty() ? WriteTracking.pages(number, handshake, state, events) : null;
            workingSet = workingSets.attach(number, map, states, state == null ? null : state.touches(number));
            ServedVm vm = vm(number, process, handshake.userfaultfd(), map, states, dirty, workingSet);
            events.accept(ServerEvent.attached(number, process.pid(), map));
            shortages(process.pid(), map).forEach(text -> events.accept(ServerEvent.of(Kind.WARNING, number, text)));
            return vm;
        } catch (RuntimeException failed) {
            abandon(process, handshake.userfaultfd(), states, dirty, workingSet);
            throw failed;
        }
    }

    /** What a VM may ask for in vain. */
    private List<String> shortages(int pid, GuestMap map) {
        List<String> shortages = new ArrayList<>();
        if (map.fileEnd() > source.length()) {
            shortages.add("the snapshot has " + source.length() + " bytes, the VM's memory " + map.fileEnd());
        }
        HugePagePool.shortage(Path.of("/proc"), Path.of("/sys"), pid, map).ifPresent(shortages::add);
        return shortages;
    }

    /** Closes what a VM was to be made of. */
    static void abandon(
            @Nullable VmProcess process,
            @Nullable Userfaultfd userfaultfd,
            @Nullable PageStates states,
            @Nullable DirtyPages dirty,
            @Nullable VmWorkingSet workingSet) {
        if (workingSet != null) {
            workingSet.abandon();
        }
        if (process != null) {
            process.close();
        }
        if (userfaultfd != null) {
            userfaultfd.close();
        }
        if (states != null) {
            states.close();
        }
        if (dirty != null) {
            dirty.close();
        }
    }

    /** A VM of parts that belong to it from now on. */
    ServedVm vm(
            int number,
            VmProcess process,
            Userfaultfd userfaultfd,
            GuestMap map,
            PageStates states,
            @Nullable DirtyPages dirty,
            VmWorkingSet workingSet) {
        return new ServedVm(
                number,
                process,
                userfaultfd,
                map,
                states,
                dirty,
                source,
                workingSet,
                options.onFailure(),
                options.serving(),
                turns,
                events);
    }

    private PageStates newStates(int number, VmProcess process, GuestMap map) {
        StateDirectory directory = state;
        if (directory == null) {
            return PageStates.anonymous(map.pages());
        }
        try {
            directory.forget(number);
            PageStates states = PageStates.create(directory.pages(number), map.pages());
            new Journal(process.pid(), process.startTime(), userfaultfdOf(process, map), snapshot(), map)
                    .write(directory.journal(number));
            return states;
        } catch (IOException failed) {
            throw new UncheckedIOException("cannot write to " + directory, failed);
        }
    }

    /** Without ptrace access no number is known: a successor that has it searches. */
    private static int userfaultfdOf(VmProcess process, GuestMap map) {
        try {
            return process.userfaultfdNumber(map);
        } catch (LinuxException _) {
            return VmProcess.UNKNOWN;
        }
    }

    /** What a VM's memory is made of, as one text. */
    String snapshot() {
        return options.snapshot().toAbsolutePath().normalize() + " over " + options.bases() + " of " + source.length();
    }
}
