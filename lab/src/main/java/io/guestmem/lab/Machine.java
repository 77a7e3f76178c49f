package io.guestmem.lab;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/**
 * One start of QEMU, from its first process to its last byte.
 *
 * <pre>
 *   ttyS0  0x3f8 irq 4   console: to console.log, watched for the line that says that the program starts
 *   ttyS1  0x2f8 irq 3   the program's output
 *   ttyS2  0x3e8 irq 5   the program's errors (irq 4 cannot be shared with the console on a plain 8250 kernel)
 *   vda                  an empty disk; the guest writes an archive of what the program left to it
 * </pre>
 *
 * <p>Each port is a unix socket on which we listen and QEMU connects. QEMU runs under a {@link Guard}: it ends when we end,
 * however that comes.
 */
final class Machine implements AutoCloseable {
    private static final String STARTS = "guestmem-lab: started";
    private static final Duration BOOT_LIMIT = Duration.ofMinutes(2);

    private final Path directory;
    private final OutputStream log;
    private final GuestPort console;
    private final GuestPort output;
    private final GuestPort errors;
    private final CompletableFuture<Boolean> started = new CompletableFuture<>();

    /** Completes with the guard's process; {@link #kill()} may come from any thread and before that. */
    private final CompletableFuture<Process> guard = new CompletableFuture<>();

    /** How a start ended. */
    enum End {
        /** QEMU ended before the program started. */
        DIED_IN_BOOT,
        /** The program started and QEMU ended afterwards. */
        ENDED,
        /** The time limit killed it. */
        TIMED_OUT
    }

    /**
     * Opens the ports.
     *
     * @param directory of this start alone; its path must be short, for a unix socket's may have 107 bytes
     * @param output gets the program's output; flushed whenever something arrived, never closed
     * @param errors the same for the program's errors
     */
    Machine(Path directory, OutputStream output, OutputStream errors) throws IOException {
        this.directory = directory;
        this.log = Files.newOutputStream(directory.resolve("console.log"));
        LineWatch watch = new LineWatch(log, STARTS, () -> started.complete(true));
        this.console = GuestPort.listen(directory.resolve("console"), watch);
        this.output = GuestPort.listen(directory.resolve("output"), output);
        this.errors = GuestPort.listen(directory.resolve("errors"), errors);
    }

    /**
     * Without CMPXCHG16B: on a busy host 4 of 48 boots under QEMU 7.2 died with impossible flags on the stack, and none of 46
     * without that instruction. That it is the cause is a suspicion, from one of the oopses and these counts.
     */
    private static final String CPU = "max,+svm,+npt,-cx16";

    /**
     * The kernel's own command line. Without debugfs, where KVM makes and deletes some hundred files with each VM: a sixth of what a
     * short-lived VM costs.
     */
    static final String KERNEL_ARGUMENTS = "console=ttyS0 quiet panic=-1 mitigations=off debugfs=off";

    /** Everything of QEMU's command line but the program, from the CPU to the kernel's own command line. */
    static List<String> arguments(LabRequest request, Path directory, Path image, Path initramfs, Path disk) {
        List<String> arguments = new ArrayList<>(common(request.memoryBytes(), request.cpus(), directory));
        arguments.addAll(port(directory, "output", "index=1"));
        arguments.addAll(port(directory, "errors", "index=2,irq=5"));
        arguments.addAll(List.of("-drive", "if=none,id=left,format=raw,cache=unsafe,file=" + comma(disk)));
        arguments.addAll(List.of("-device", "virtio-blk-pci,drive=left"));
        arguments.addAll(List.of("-kernel", image.toString(), "-initrd", initramfs.toString()));
        arguments.addAll(List.of("-append", KERNEL_ARGUMENTS));
        return arguments;
    }

    /** Of QEMU's command line what every machine has: CPU, memory, console. */
    static List<String> common(long memoryBytes, int cpus, Path directory) {
        List<String> arguments = new ArrayList<>(List.of(
                "-nodefaults", "-no-user-config", "-no-reboot", "-display", "none", "-vga", "none", "-nic", "none"));
        arguments.addAll(List.of("-M", "q35", "-accel", "tcg,thread=multi", "-cpu", CPU));
        arguments.addAll(List.of("-m", (memoryBytes >> 20) + "M", "-smp", Integer.toString(cpus)));
        arguments.addAll(port(directory, "console", "index=0"));
        return arguments;
    }

    /**
     * Runs QEMU to its end and all its output to ours.
     *
     * @throws IOException if it cannot be started or our own output cannot be written
     */
    End run(DebianTools.Qemu qemu, List<String> arguments, Duration limit) throws IOException, InterruptedException {
        List<String> command = new ArrayList<>(qemu.command());
        command.addAll(arguments);
        ProcessBuilder builder = new ProcessBuilder(Guard.command(command))
                .directory(directory.toFile())
                .redirectErrorStream(true)
                .redirectOutput(directory.resolve("qemu.log").toFile());
        builder.environment().putAll(qemu.environment());
        long deadline = System.nanoTime() + limit.toNanos();
        Process process = builder.start();
        try {
            guard.complete(process);
            End end = await(process, deadline);
            kill();
            drain();
            return end;
        } finally {
            kill();
        }
    }

    /** Completes with the shell that QEMU runs under, when both have been started. */
    CompletableFuture<Process> guard() {
        return guard;
    }

    /** Whether the guest has said that its program starts. */
    boolean hasStarted() {
        return started.isDone();
    }

    /** Ends QEMU if it runs, and waits for that. By any thread, at any time. */
    void kill() {
        if (guard.isDone()) {
            Guard.end(guard.join());
        }
    }

    /** Closes the ports; QEMU has ended by then. */
    @Override
    public void close() throws IOException {
        try (log;
                console;
                output;
                errors) {
            started.cancel(false);
        }
    }

    private End await(Process process, long deadline) throws InterruptedException {
        long bootDeadline = Math.min(deadline, System.nanoTime() + BOOT_LIMIT.toNanos());
        CompletableFuture<?> broken = CompletableFuture.anyOf(output.broken(), errors.broken());
        CompletableFuture<?> end = CompletableFuture.anyOf(process.onExit(), broken);
        if (!waitFor(CompletableFuture.anyOf(started, end), bootDeadline)) {
            return deadline > bootDeadline ? End.DIED_IN_BOOT : End.TIMED_OUT;
        }
        if (!waitFor(end, deadline)) {
            return End.TIMED_OUT;
        }
        return started.isDone() ? End.ENDED : End.DIED_IN_BOOT;
    }

    private void drain() throws IOException, InterruptedException {
        console.drain();
        output.drain();
        errors.drain();
    }

    private static boolean waitFor(CompletableFuture<?> event, long deadline) throws InterruptedException {
        try {
            event.get(Math.max(0, deadline - System.nanoTime()), TimeUnit.NANOSECONDS);
            return true;
        } catch (TimeoutException _) {
            return false;
        } catch (ExecutionException failed) {
            throw new IllegalStateException("an event of the machine cannot fail", failed);
        }
    }

    private static List<String> port(Path directory, String name, String place) {
        return List.of(
                "-chardev",
                "socket,id=" + name + ",path=" + comma(directory.resolve(name)),
                "-device",
                "isa-serial,chardev=" + name + "," + place);
    }

    /** QEMU takes a doubled comma in an option for one comma. */
    static String comma(Path path) {
        return path.toString().replace(",", ",,");
    }
}
