package io.guestmem.lab;

import java.io.BufferedInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.RandomAccessFile;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** One run of a request whose parts are all there: the initramfs, the machine, what came back. */
final class LabRun {
    /** A boot under QEMU's software CPU may die; see {@link Machine}. */
    static final int BOOTS = 6;

    private static final int TAIL_LINES = 80;

    private final LabRequest request;
    private final Parts parts;
    private final DebianTools.Qemu qemu;
    private final LabCache cache;
    private final LabProgress progress;

    /**
     * What is cached.
     *
     * @param kernel with its modules
     * @param busybox the static program
     * @param java the archive of the Java image
     */
    record Parts(BootKernel kernel, Path busybox, Path java) {}

    LabRun(LabRequest request, Parts parts, DebianTools.Qemu qemu, LabCache cache, LabProgress progress) {
        this.request = request;
        this.parts = parts;
        this.qemu = qemu;
        this.cache = cache;
        this.progress = progress;
    }

    /** Boots until the program started, then waits for its end. */
    int run(OutputStream output, OutputStream errors) throws IOException, InterruptedException, LabFailedException {
        try (Workplace workplace = Workplace.open()) {
            Path initramfs = workplace.directory().resolve("initramfs");
            pack(initramfs);
            Machine.End end = Machine.End.DIED_IN_BOOT;
            Path start = workplace.directory();
            for (int boot = 1; boot <= BOOTS && end == Machine.End.DIED_IN_BOOT; boot++) {
                progress.stage("starting " + request.kernel().text() + (boot == 1 ? "" : " again, it died in boot"));
                start = Files.createDirectory(workplace.directory().resolve(Integer.toString(boot)));
                end = start(workplace, start, initramfs, output, errors);
            }
            return status(end, start);
        }
    }

    private Machine.End start(Workplace workplace, Path start, Path initramfs, OutputStream output, OutputStream errors)
            throws IOException, InterruptedException {
        Path disk = start.resolve("disk");
        try (RandomAccessFile file = new RandomAccessFile(disk.toFile(), "rw")) {
            file.setLength(request.memoryBytes());
        }
        Path image = parts.kernel().image();
        Machine.End end = Machine.End.DIED_IN_BOOT;
        try (Machine machine = new Machine(start, output, errors)) {
            workplace.runs(machine);
            end = machine.run(qemu, Machine.arguments(request, start, image, initramfs, disk), request.timeLimit());
            return end;
        } finally {
            workplace.runsNothing();
            String name = "console-" + request.kernel().text() + (end == Machine.End.DIED_IN_BOOT ? "-died" : "");
            Files.copy(start.resolve("console.log"), cache.file(name + ".log"), StandardCopyOption.REPLACE_EXISTING);
        }
    }

    private int status(Machine.End end, Path start) throws IOException, LabFailedException {
        return switch (end) {
            case TIMED_OUT ->
                throw failed("the lab's time limit of " + request.timeLimit().toSeconds() + " s is over", start);
            case DIED_IN_BOOT -> throw failed("the lab's machine did not boot in " + BOOTS + " attempts", start);
            case ENDED -> {
                Optional<String> status = unpack(start);
                if (status.isEmpty()) {
                    throw failed("the lab's machine ended and left no exit status", start);
                }
                yield Integer.parseInt(status.get().strip());
            }
        };
    }

    /** What the guest left: the exit status, if it came so far, and its files. */
    private Optional<String> unpack(Path start) throws IOException {
        Path left = Files.createDirectory(start.resolve("left"));
        Map<String, String> top;
        try (InputStream disk = new BufferedInputStream(Files.newInputStream(start.resolve("disk")))) {
            disk.mark(1);
            if (disk.read() == 0) {
                return Optional.empty();
            }
            disk.reset();
            top = new CpioReader(disk).unpack(left);
        }
        if (request.outputDirectory().isPresent()) {
            copyTree(left.resolve("out"), request.outputDirectory().get());
        }
        return Optional.ofNullable(top.get("status"));
    }

    private static void copyTree(Path from, Path to) throws IOException {
        Files.createDirectories(to);
        try (DirectoryStream<Path> children = Files.newDirectoryStream(from)) {
            for (Path child : children) {
                Path target = to.resolve(child.getFileName().toString());
                if (Files.isDirectory(child)) {
                    copyTree(child, target);
                } else {
                    Files.copy(child, target, StandardCopyOption.REPLACE_EXISTING);
                }
            }
        }
    }

    private void pack(Path initramfs) throws IOException {
        try (OutputStream out = Files.newOutputStream(initramfs)) {
            if (parts.kernel().modules().isPresent()) {
                Files.copy(parts.kernel().modules().get(), out);
            }
            Files.copy(parts.java(), out);
            try (CpioWriter writer = new CpioWriter(out)) {
                writer.file("bin/busybox", parts.busybox());
                writer.file("init", initScript(), true);
                writer.file("guestmem/program", GuestProgram.script(request).getBytes(StandardCharsets.UTF_8), false);
                for (Path jar : JavaImage.jars(request.modulePath())) {
                    writer.file("guestmem/lib/" + jar.getFileName(), jar);
                }
                for (LabFile file : request.files()) {
                    writer.file(file.guest().substring(1), file.host());
                }
            }
        }
    }

    private static byte[] initScript() throws IOException {
        try (InputStream script = LabRun.class.getResourceAsStream("init.sh")) {
            if (script == null) {
                throw new IllegalStateException("init.sh is not in the lab's jar");
            }
            return script.readAllBytes();
        }
    }

    static LabFailedException failed(String reason, Path start) throws IOException {
        return new LabFailedException(reason, tail(start.resolve("qemu.log")) + tail(start.resolve("console.log")));
    }

    private static String tail(Path file) throws IOException {
        List<String> lines = new String(Files.readAllBytes(file), StandardCharsets.UTF_8)
                .lines()
                .filter(line -> !line.isBlank())
                .toList();
        List<String> last = lines.subList(Math.max(0, lines.size() - TAIL_LINES), lines.size());
        return last.isEmpty() ? "" : String.join("\n", last) + "\n";
    }
}
