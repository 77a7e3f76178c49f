package io.guestmem.house;

import io.guestmem.abi.GuestRange;
import io.guestmem.abi.HostVirtual;
import io.guestmem.abi.VmType;
import io.guestmem.kvm.Kvm;
import io.guestmem.kvm.LinuxKernel;
import io.guestmem.kvm.Memslot;
import io.guestmem.kvm.Registers;
import io.guestmem.linux.Advice;
import io.guestmem.linux.FaultScope;
import io.guestmem.linux.GuardedMapping;
import io.guestmem.linux.ProcessMemory;
import io.guestmem.linux.RegisterMode;
import io.guestmem.linux.Sharing;
import io.guestmem.linux.UnixSocket;
import io.guestmem.linux.Userfaultfd;
import io.guestmem.linux.UserfaultfdFeature;
import io.guestmem.pager.mock.MockVmm;
import io.guestmem.pager.mock.Pattern;
import io.guestmem.vmm.Checksum;
import io.guestmem.vmm.GuestProgram;
import io.guestmem.vmm.GuestProgram.Access;
import io.guestmem.vmm.Machine;
import io.guestmem.vmm.RunLoop;
import io.guestmem.vmm.RunOutcome;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import java.util.function.Supplier;

/**
 * A VMM with a real KVM guest whose memory is {@code guestmem serve}'s to fill: {@code DIRECTORY PAGES none|all}. The guest reads
 * all of its memory in a scattered order, sums it up, writes over a part, loses a part to a balloon and sums it up again; then every
 * byte is compared. Prints a line for each step, and ends with an exception where something is wrong.
 *
 * <p>This process touches the memory by {@code KVM_RUN} and by system call only.
 */
public final class ServedGuest implements AutoCloseable {
    private static final long PAGE = 4096;
    private static final int HOLE_EVERY = 5;
    private static final Duration LIMIT = Duration.ofMinutes(3);

    /** What the guest writes: word i is FIRST + i * STEP. */
    private static final long FIRST = 0x1234_5678_9abc_def0L;

    private static final long STEP = 0x1_0000_0001L;

    private final Arena arena = Arena.ofConfined();
    private final GuardedMapping mapping;
    private final Userfaultfd userfaultfd;
    private final Kvm kvm = Kvm.open(new LinuxKernel());
    private final Machine machine;

    /** What the memory must be. */
    private final MemorySegment expected;

    private ServedGuest(Path snapshot, long bytes) throws Exception {
        expected = arena.allocate(bytes, PAGE);
        try (FileChannel file = FileChannel.open(snapshot)) {
            expected.copyFrom(file.map(FileChannel.MapMode.READ_ONLY, 0, bytes, arena));
        }
        mapping = GuardedMapping.anonymous(bytes, Sharing.PRIVATE);
        userfaultfd = Userfaultfd.open(FaultScope.USER_AND_KERNEL);
        userfaultfd.handshake(EnumSet.of(UserfaultfdFeature.EVENT_REMOVE));
        userfaultfd.register(mapping, Set.of(RegisterMode.MISSING));
        machine = Machine.create(kvm, VmType.DEFAULT, bytes);
        machine.vm().set(Memslot.of(Machine.MEMORY_SLOT, GuestRange.of(0, bytes), new HostVirtual(mapping.address())));
    }

    /**
     * Runs it.
     *
     * @param arguments a directory to work in, pages, and what the server prefetches
     */
    public static void main(String[] arguments) throws Exception {
        Path directory = Path.of(arguments[0]);
        int pages = Integer.parseInt(arguments[1]);
        Path snapshot = directory.resolve("served-snapshot");
        Path socket = directory.resolve("served.sock");
        Pattern.write(snapshot, pages, MockVmm.content(HOLE_EVERY));
        Process server = server(socket, snapshot, arguments[2]);
        try (BufferedReader events =
                        new BufferedReader(new InputStreamReader(server.getInputStream(), StandardCharsets.UTF_8));
                ServedGuest guest = new ServedGuest(snapshot, pages * PAGE)) {
            require(events.readLine().contains("listening"), () -> "the server does not listen");
            try (UnixSocket connection = UnixSocket.connect(socket)) {
                connection.send(
                        guest.arena.allocateFrom(ValueLayout.JAVA_BYTE, guest.handshake()),
                        guest.userfaultfd.descriptor());
                guest.work();
                System.out.println(events.readLine());
            }
            server.destroy();
            require(server.waitFor() == 0, () -> "the server ended with " + server.exitValue());
            guest.compare("after the server has let the VM go");
            System.out.println("ok");
        } finally {
            server.destroyForcibly().onExit().join();
            Files.deleteIfExists(snapshot);
        }
    }

    /** The command as another process of the same Java and class path. */
    private static Process server(Path socket, Path snapshot, String prefetch) throws Exception {
        return new ProcessBuilder(List.of(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "-XX:+UseSerialGC",
                        "--enable-native-access=ALL-UNNAMED",
                        "--class-path",
                        System.getProperty("java.class.path"),
                        "io.guestmem.cli.Main",
                        "serve",
                        "--socket",
                        socket.toString(),
                        "--snapshot",
                        snapshot.toString(),
                        "--prefetch",
                        prefetch,
                        "--events"))
                .redirectError(ProcessBuilder.Redirect.INHERIT)
                .start();
    }

    private byte[] handshake() {
        return ("[{\"base_host_virt_addr\":" + mapping.address() + ",\"size\":" + mapping.length()
                        + ",\"offset\":0,\"page_size\":4096}]")
                .getBytes(StandardCharsets.UTF_8);
    }

    private void work() {
        long bytes = mapping.length();
        run(GuestProgram.touchInRandomOrder(machine.memory(), 7, Access.READ));
        System.out.println("read in a scattered order");
        sum("the snapshot");

        GuestRange written = GuestRange.of(bytes / 4 + 8, bytes / 4);
        run(GuestProgram.writePattern(written, FIRST, STEP));
        for (long at = 0; at < written.size(); at += Long.BYTES) {
            expected.set(ValueLayout.JAVA_LONG, written.start().value() + at, FIRST + at / Long.BYTES * STEP);
        }
        long removed = bytes / 8 / PAGE * PAGE;
        mapping.advise(Advice.DONT_NEED, bytes / 2 - removed, 2 * removed);
        expected.asSlice(bytes / 2 - removed, 2 * removed).fill((byte) 0);
        sum("what is left of it, written and given back");
        compare("while it is served");
    }

    /** Has the guest sum up all of its memory. */
    private void sum(String what) {
        Checksum found = GuestProgram.checksumOf(run(GuestProgram.checksum(machine.memory())));
        Checksum right = Checksum.EMPTY.and(expected);
        require(found.equals(right), () -> what + ": the guest sums up " + found + ", right is " + right);
        System.out.println("summed up " + what);
    }

    private Registers run(GuestProgram program) {
        machine.load(program);
        RunOutcome outcome = new RunLoop(machine.vcpu()).run(LIMIT);
        if (outcome instanceof RunOutcome.Finished finished) {
            return finished.registers();
        }
        throw new IllegalStateException(program + ": " + outcome);
    }

    /** Compares every byte, read by system call. */
    private void compare(String when) {
        MemorySegment page = arena.allocate(PAGE, Long.BYTES);
        int pid = (int) ProcessHandle.current().pid();
        for (long at = 0; at < mapping.length(); at += PAGE) {
            long offset = at;
            long read = ProcessMemory.read(pid, mapping.address() + at, page);
            require(read == PAGE, () -> "read at " + offset + ": " + read);
            long wrong = page.mismatch(expected.asSlice(at, PAGE));
            require(wrong < 0, () -> "byte " + (offset + wrong) + " is wrong " + when);
        }
        System.out.println("compared " + mapping.length() + " bytes " + when);
    }

    private static void require(boolean holds, Supplier<String> otherwise) {
        if (!holds) {
            throw new IllegalStateException(otherwise.get());
        }
    }

    @Override
    public void close() {
        machine.close();
        kvm.close();
        userfaultfd.close();
        mapping.close();
        arena.close();
    }
}
