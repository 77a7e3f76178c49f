package io.guestmem.lab;

import io.guestmem.lab.FirstTouchRecording.Sample;
import java.io.EOFException;
import java.io.IOException;
import java.io.OutputStream;
import java.io.RandomAccessFile;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.ClosedChannelException;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileStore;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;

/**
 * Boots a kernel up to its first process, and looks without pause which pages of the machine's memory QEMU has in its page table.
 *
 * <pre>
 *   QEMU starts       firmware; the VMM puts the kernel and the initramfs into memory
 *   0x100000          the kernel's first instruction: what is there now is loaded
 *   (the kernel)      one look after the other: what is new was touched since the last one
 *   init              says so on the console: the end
 * </pre>
 *
 * <p>The memory is a file on a tmpfs without huge pages, so that the host gives 4096 bytes at a touch. The kernel is told not to move
 * itself to a random place ({@code nokaslr}).
 */
record FirstTouchRecorder(DebianTools.Qemu qemu, BootKernel kernel, Path busybox, LabProgress progress) {
    private static final Path TMPFS = Path.of("/dev/shm");
    private static final Path MOUNTS = Path.of("/proc/mounts");
    private static final Duration LIMIT = Duration.ofMinutes(3);

    /** Where every bzImage of x86 starts (Linux {@code Documentation/arch/x86/boot.rst}, {@code code32_start}). */
    private static final long KERNEL_ENTRY = 0x100000;

    private static final int HEADER_MAGIC = 0x53726448;

    private static final String INIT = """
            #!/bin/busybox sh
            /bin/busybox echo 'guestmem-lab: started'
            /bin/busybox poweroff -f
            """;

    /**
     * Records one boot.
     *
     * @param memoryBytes memory of the machine, a multiple of 1 MiB, at most {@link FirstTouchRecording#MOST_MEMORY}
     * @throws LabUnavailableException if the host has no tmpfs for the memory
     * @throws LabFailedException if the machine did not boot
     */
    FirstTouchRecording record(long memoryBytes)
            throws IOException, InterruptedException, LabUnavailableException, LabFailedException {
        requireTmpfs(memoryBytes);
        String release = release(kernel.image());
        try (Workplace workplace = Workplace.in(TMPFS)) {
            Path initramfs = workplace.directory().resolve("initramfs");
            try (CpioWriter writer = new CpioWriter(Files.newOutputStream(initramfs))) {
                writer.file("bin/busybox", busybox);
                writer.file("init", INIT.getBytes(StandardCharsets.US_ASCII), true);
            }
            Path start = workplace.directory();
            for (int boot = 1; boot <= LabRun.BOOTS; boot++) {
                progress.stage("recording a boot" + (boot == 1 ? "" : " again, it died"));
                start = Files.createDirectory(workplace.directory().resolve(Integer.toString(boot)));
                Boot one = new Boot(start);
                switch (one.run(workplace, initramfs, memoryBytes)) {
                    case ENDED -> {
                        return new FirstTouchRecording(release, memoryBytes, one.loaded, one.samples);
                    }
                    case TIMED_OUT ->
                        throw LabRun.failed("the boot took longer than " + LIMIT.toSeconds() + " s", start);
                    case DIED_IN_BOOT -> {
                        // QEMU's software CPU may break a kernel in its first second: the next one may live.
                    }
                }
            }
            throw LabRun.failed("the lab's machine did not boot in " + LabRun.BOOTS + " attempts", start);
        }
    }

    private static void requireTmpfs(long memoryBytes) throws IOException, LabUnavailableException {
        String remedy = "mount a tmpfs without huge pages there";
        if (!Files.isDirectory(TMPFS) || !Files.getFileStore(TMPFS).type().equals("tmpfs")) {
            throw new LabUnavailableException(TMPFS + " is no tmpfs", remedy);
        }
        if (Files.readAllLines(MOUNTS).stream()
                .map(line -> line.split(" ", -1))
                .anyMatch(mount -> mount[1].equals(TMPFS.toString()) && mount[3].matches(".*\\bhuge=(?!never).*"))) {
            throw new LabUnavailableException(TMPFS + " gives huge pages, which hide what is touched", remedy);
        }
        FileStore store = Files.getFileStore(TMPFS);
        if (store.getUsableSpace() < memoryBytes + (64 << 20)) {
            throw new LabUnavailableException(
                    TMPFS + " has room for " + (store.getUsableSpace() >> 20) + " MiB", "record with less --memory");
        }
    }

    /**
     * The release that a bzImage names in its header (Linux {@code Documentation/arch/x86/boot.rst}, {@code kernel_version}).
     *
     * @throws IOException if it is none
     */
    static String release(Path image) throws IOException {
        ByteBuffer header = ByteBuffer.allocate(1 << 16).order(ByteOrder.LITTLE_ENDIAN);
        try (var channel = Files.newByteChannel(image)) {
            channel.read(header);
        }
        header.flip();
        int text = header.limit() < 0x210 ? 0 : Short.toUnsignedInt(header.getShort(0x20E)) + 0x200;
        if (text <= 0x200 || header.getInt(0x202) != HEADER_MAGIC || text >= header.limit()) {
            throw new IOException(image + " is no bzImage that names its release");
        }
        header.position(text);
        return StandardCharsets.US_ASCII.decode(header).toString().split("[ \0]", 2)[0];
    }

    /** One boot. A thread of its own looks, for the one that starts QEMU waits for its end. */
    private final class Boot {
        private final Path directory;
        private final Path memory;
        private final BitSet known = new BitSet();
        private final List<Sample> samples = new ArrayList<>();
        private BitSet loaded = new BitSet();

        Boot(Path directory) {
            this.directory = directory;
            this.memory = directory.resolve("memory");
        }

        Machine.End run(Workplace workplace, Path initramfs, long memoryBytes)
                throws IOException, InterruptedException {
            try (RandomAccessFile file = new RandomAccessFile(memory.toFile(), "rw")) {
                file.setLength(memoryBytes);
            }
            OutputStream nowhere = OutputStream.nullOutputStream();
            FutureTask<Boolean> looking;
            Machine.End end;
            try (Machine machine = new Machine(directory, nowhere, nowhere);
                    GuestBreakpoint entry = GuestBreakpoint.listen(directory.resolve("debugger"))) {
                workplace.runs(machine);
                looking = new FutureTask<>(() -> look(machine, entry, memoryBytes));
                Thread.ofPlatform().daemon().name("guestmem-lab-look").start(looking);
                end = machine.run(qemu, arguments(entry, initramfs, memoryBytes), LIMIT);
            } finally {
                workplace.runsNothing();
            }
            finish(looking, end);
            return end;
        }

        private List<String> arguments(GuestBreakpoint entry, Path initramfs, long memoryBytes) {
            List<String> arguments = new ArrayList<>(Machine.common(memoryBytes, 1, directory));
            arguments.addAll(List.of(
                    "-object",
                    "memory-backend-file,id=memory,share=on,size=" + memoryBytes + ",mem-path=" + Machine.comma(memory),
                    "-machine",
                    "memory-backend=memory"));
            arguments.addAll(entry.arguments());
            arguments.addAll(List.of("-kernel", kernel.image().toString(), "-initrd", initramfs.toString()));
            arguments.addAll(List.of("-append", Machine.KERNEL_ARGUMENTS + " nokaslr"));
            return arguments;
        }

        /** Looks until the first process of the guest says something, or the machine ends. */
        private boolean look(Machine machine, GuestBreakpoint entry, long memoryBytes) throws IOException {
            try (ResidentPages pages = load(machine, entry, memoryBytes)) {
                long start = System.nanoTime();
                while (!machine.hasStarted() && !pages.hasEnded()) {
                    BitSet fresh = pages.addTo(known);
                    if (!fresh.isEmpty()) {
                        samples.add(new Sample((System.nanoTime() - start) / 1000, fresh));
                    }
                }
                return true;
            } catch (IOException failed) {
                machine.kill();
                throw failed;
            }
        }

        /** Waits until the kernel is about to start. */
        private ResidentPages load(Machine machine, GuestBreakpoint entry, long memoryBytes) throws IOException {
            try (GuestBreakpoint.Stopped _ = entry.stopAt(KERNEL_ENTRY)) {
                ProcessHandle guard = machine.guard().join().toHandle();
                ResidentPages pages = ResidentPages.of(memory, memoryBytes, guard);
                try {
                    // QEMU keeps what it has mapped, and nothing stays behind if this process is killed.
                    Files.delete(memory);
                    loaded = pages.addTo(known);
                    return pages;
                } catch (IOException failed) {
                    pages.close();
                    throw failed;
                }
            }
        }

        /** A boot that died takes the debugger's port with it: that failure says nothing of its own. */
        private void finish(FutureTask<Boolean> looking, Machine.End end) throws IOException, InterruptedException {
            try {
                looking.get();
            } catch (ExecutionException failed) {
                boolean died = end == Machine.End.DIED_IN_BOOT
                        && (failed.getCause() instanceof ClosedChannelException
                                || failed.getCause() instanceof EOFException);
                if (!died) {
                    throw new IOException("looking at the machine's memory failed", failed.getCause());
                }
            }
        }
    }
}
