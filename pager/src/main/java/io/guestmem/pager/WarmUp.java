package io.guestmem.pager;

import io.guestmem.linux.Advice;
import io.guestmem.linux.FaultScope;
import io.guestmem.linux.FileDescriptor;
import io.guestmem.linux.GuardedMapping;
import io.guestmem.linux.HandshakeResult;
import io.guestmem.linux.LinuxException;
import io.guestmem.linux.MappedMemory;
import io.guestmem.linux.Memfd;
import io.guestmem.linux.RegisterMode;
import io.guestmem.linux.Sharing;
import io.guestmem.linux.Userfaultfd;
import io.guestmem.linux.UserfaultfdFeature;
import io.guestmem.pager.handshake.GuestMap;
import io.guestmem.pager.handshake.Region;
import io.guestmem.pager.handshake.RegionParser;
import io.guestmem.pager.source.SnapshotFiles;
import io.guestmem.pager.workingset.Recorder;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * Serves a private userfaultfd for a moment, so that the first VM does not wait for a cold JVM: a first fault takes
 * milliseconds there.
 *
 * <p>A second thread touches the memory, by system call only.
 */
final class WarmUp {
    private static final int PAGES = 512;
    private static final int ROUNDS = 40;
    private static final int RECOVERIES = 10;

    /** The JVM compiles what it has called two hundred times: most of a handshake's methods are called several times in each. */
    private static final int GREETINGS = 60;

    private static final long LIMIT_NANOS = TimeUnit.SECONDS.toNanos(2);

    private WarmUp() {}

    /**
     * Serves some ten thousand faults, or as many as two seconds take.
     *
     * @param state where to recover in a corner, null for a server that never does that
     * @throws LinuxException if this process may not make a userfaultfd, which serving does not need
     * @throws IOException if the directory cannot be used
     */
    static void run(@Nullable StateDirectory state) throws IOException {
        long length = PAGES * MappedMemory.PAGE_SIZE;
        try (Userfaultfd userfaultfd = Userfaultfd.open(FaultScope.USER_AND_KERNEL);
                GuardedMapping memory = GuardedMapping.anonymous(length, Sharing.PRIVATE);
                FileDescriptor file = content(length);
                SnapshotFiles source = SnapshotFiles.open(snapshot(file), List.of())) {
            HandshakeResult answer = userfaultfd.handshake(EnumSet.of(UserfaultfdFeature.EVENT_REMOVE));
            if (answer instanceof HandshakeResult.Refused refused) {
                throw new LinuxException("UFFDIO_API", refused.errno(), userfaultfd);
            }
            userfaultfd.register(memory, Set.of(RegisterMode.MISSING));
            GuestMap map = new GuestMap(List.of(new Region(memory.address(), length, 0, MappedMemory.PAGE_SIZE)));
            serve(userfaultfd, memory, map, source);
            greet(memory.address(), length);
            if (state != null) {
                recover(map, snapshot(file), source, state.warmUp());
            }
        }
    }

    /** What every VM waits for between its handshake and its first page. */
    private static void greet(long address, long length) {
        int self = (int) ProcessHandle.current().pid();
        String regions = "[{\"base_host_virt_addr\":" + address + ",\"size\":" + length
                + ",\"offset\":0,\"page_size\":4096,\"page_size_kib\":4096}]";
        for (int i = 0; i < GREETINGS; i++) {
            RegionParser.parse(regions.getBytes(StandardCharsets.UTF_8));
            VmProcess.open(self).close();
            MemoryGroups.of(Path.of("/proc"), self).fullest();
        }
    }

    private static Path snapshot(FileDescriptor file) {
        return Path.of("/proc/self/fd/" + file.number());
    }

    /** Every other page has content, the others are holes. */
    private static FileDescriptor content(long length) {
        FileDescriptor file = Memfd.create("guestmem-warm-up", length);
        try (Arena arena = Arena.ofConfined()) {
            for (long at = 0; at < length; at += 2 * MappedMemory.PAGE_SIZE) {
                LinuxException.check(file.writeAt(at, arena.allocate(MappedMemory.PAGE_SIZE)), "pwrite", file);
            }
        }
        return file;
    }

    /**
     * As any VM is served, so that the server knows all classes that are in the way of a fault when it compiles that: another one
     * that comes later takes back what was compiled.
     */
    private static void serve(Userfaultfd userfaultfd, GuardedMapping memory, GuestMap map, SnapshotFiles source) {
        MemorySegment onHeap = MemorySegment.ofArray(new byte[1]); // as the first control command has one
        onHeap.fill((byte) 1);
        PageStates states = PageStates.anonymous(PAGES);
        VmWorkingSet recorded = new VmWorkingSet(0, _ -> {}, states, null, new Recorder(map, System.nanoTime()));
        try (ServedVm vm = new ServedVm(
                0,
                VmProcess.open((int) ProcessHandle.current().pid()),
                Userfaultfd.adopt(userfaultfd.descriptor().duplicate()),
                map,
                states,
                null,
                source,
                recorded,
                FailurePolicy.HANG,
                ServingOptions.DEFAULT,
                new Semaphore(1, true),
                _ -> {})) {
            Thread toucher = Thread.ofPlatform().name("warm-up").daemon().start(() -> {
                touch(states, memory, System.nanoTime() + LIMIT_NANOS);
                vm.ask(ServedVm.End.STOPPED);
            });
            vm.serve(false, () -> {});
            ServedVm.join(toucher);
        }
    }

    /** Takes this process's own memory back, as that of a VM whose server has died. */
    private static void recover(GuestMap map, Path snapshot, SnapshotFiles source, Path place) throws IOException {
        ServerOptions options = ServerOptions.of(place, snapshot);
        try (VmProcess self = VmProcess.open((int) ProcessHandle.current().pid());
                WorkingSets workingSets = WorkingSets.open(options, _ -> {});
                StateDirectory directory = StateDirectory.open(place)) {
            for (int i = 0; i < RECOVERIES && directory.tryLock(); i++) {
                directory.forget(1);
                VmSet vms = new VmSet(options, source, workingSets, directory, 0, _ -> {});
                PageStates.create(directory.pages(1), PAGES).close();
                int number = self.userfaultfdNumber(map);
                new Journal(
                                self.pid(),
                                self.startTime(),
                                number,
                                vms.admission().snapshot(),
                                map)
                        .write(directory.journal(1));
                Succession.ofDead(vms, directory, _ -> {});
                vms.end(ServedVm.End.STOPPED).forEach(ServedVm::close);
                directory.unlock();
            }
            directory.forget(1);
            directory.delete();
        }
    }

    private static void touch(PageStates states, GuardedMapping memory, long deadline) {
        for (int round = 0; round < ROUNDS && System.nanoTime() < deadline; round++) {
            for (int page = 0; page < PAGES; page++) {
                memory.advise(
                        page % 3 == 0 ? Advice.POPULATE_WRITE : Advice.POPULATE_READ,
                        page * MappedMemory.PAGE_SIZE,
                        MappedMemory.PAGE_SIZE);
            }
            memory.advise(Advice.DONT_NEED);
            if (round % 2 == 0) {
                states.set(0, PAGES, PageStates.NONE);
            }
        }
    }
}
