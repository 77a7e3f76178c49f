package io.guestmem.lab;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * The programs that the lab runs: QEMU from PATH or else from the host's own release of Debian, unpacked in the cache; busybox
 * always unpacked, for it must be the static one. Neither is installed.
 */
final class DebianTools {
    static final String QEMU_PROGRAM = "qemu-system-x86_64";
    private static final String QEMU = "qemu";
    private static final String BUSYBOX = "busybox";
    private static final long MEBIBYTE = 1 << 20;

    private final LabCache cache;
    private final HostPrograms programs;
    private final LabProgress progress;

    DebianTools(LabCache cache, HostPrograms programs, LabProgress progress) {
        this.cache = cache;
        this.programs = programs;
        this.progress = progress;
    }

    /**
     * How to start QEMU.
     *
     * @param command the program and the arguments that tell it where its firmware lies
     * @param environment what it needs to find its libraries
     */
    record Qemu(List<String> command, Map<String, String> environment) {}

    /** The host's apt. */
    HostApt hostApt() throws IOException, LabUnavailableException {
        return HostApt.read(programs);
    }

    /** The host's programs. */
    HostPrograms programs() {
        return programs;
    }

    /** Whether {@link #qemu()} and {@link #busybox()} would use no network. */
    boolean areReady() {
        return (programs.find(QEMU_PROGRAM).isPresent() || cache.find(QEMU).isPresent())
                && (staticBusybox().isPresent() || cache.find(BUSYBOX).isPresent());
    }

    /** QEMU, fetched if need be. */
    Qemu qemu() throws IOException, InterruptedException, LabUnavailableException {
        Optional<Path> installed = programs.find(QEMU_PROGRAM);
        if (installed.isPresent()) {
            return new Qemu(List.of(installed.get().toString()), Map.of());
        }
        return unpackedQemu(cache.obtain(QEMU, 400 * MEBIBYTE, empty -> {
            unpackFromHost(empty, "qemu-system-x86");
            requireRunning(unpackedQemu(empty));
        }));
    }

    /** A static busybox: the host's, or else fetched if need be. */
    Path busybox() throws IOException, InterruptedException, LabUnavailableException {
        Optional<Path> installed = staticBusybox();
        if (installed.isPresent()) {
            return installed.get();
        }
        Path root = cache.obtain(BUSYBOX, 100 * MEBIBYTE, empty -> {
            unpackFromHost(empty, "busybox-static");
            busyboxIn(empty);
        });
        return busyboxIn(root);
    }

    private Optional<Path> staticBusybox() {
        return programs.find("busybox").filter(DebianTools::isStatic);
    }

    /** A program that is linked dynamically names its loader near its beginning. */
    static boolean isStatic(Path program) {
        try (InputStream in = Files.newInputStream(program)) {
            return !new String(in.readNBytes(1 << 13), StandardCharsets.ISO_8859_1).contains("/ld-");
        } catch (IOException _) {
            return false;
        }
    }

    /**
     * Unpacks packages of the host's own release with everything they need and the host lacks.
     *
     * @param root gets the files; apt's state lies in it meanwhile
     */
    void unpackFromHost(Path root, String... packages)
            throws IOException, InterruptedException, LabUnavailableException {
        List<AptSource> sources = hostApt().ownRelease();
        progress.stage("fetching the package lists for " + packages[0]);
        Path state = root.resolve(".apt");
        Apt apt = Apt.update(state, sources, Path.of("/var/lib/dpkg/status"));
        List<Apt.Resolved> missing = apt.resolve(List.of(packages));
        progress.stage("downloading " + packages[0] + " (" + missing.size() + " packages)");
        if (!missing.isEmpty()) {
            apt.unpack(missing, root);
        }
        LabCache.delete(state);
    }

    /** The library directories of an unpacked tree, for {@code LD_LIBRARY_PATH}. */
    static String libraryPath(Path root) {
        return String.join(
                ":",
                Stream.of("usr/lib/x86_64-linux-gnu", "lib/x86_64-linux-gnu", "usr/lib", "lib")
                        .map(directory -> root.resolve(directory).toString())
                        .toList());
    }

    private static Qemu unpackedQemu(Path root) {
        return new Qemu(
                List.of(
                        root.resolve("usr/bin").resolve(QEMU_PROGRAM).toString(),
                        "-L",
                        root.resolve("usr/share/qemu").toString(),
                        "-L",
                        root.resolve("usr/share/seabios").toString()),
                Map.of(
                        "LD_LIBRARY_PATH",
                        libraryPath(root),
                        "QEMU_MODULE_DIR",
                        root.resolve("usr/lib/x86_64-linux-gnu/qemu").toString()));
    }

    private static void requireRunning(Qemu qemu) throws IOException, InterruptedException, LabUnavailableException {
        HostCommand.Result result = new HostCommand(
                        List.of(qemu.command().getFirst(), "--version"), Path.of("/"), qemu.environment())
                .run();
        if (result.status() != 0) {
            throw new LabUnavailableException(
                    "the unpacked QEMU does not run: " + result.lastLine(),
                    "install it: apt-get install --no-install-recommends qemu-system-x86");
        }
    }

    private static Path busyboxIn(Path root) throws LabUnavailableException {
        return Stream.of("usr/bin/busybox", "bin/busybox")
                .map(root::resolve)
                .filter(Files::isExecutable)
                .findFirst()
                .orElseThrow(() -> new LabUnavailableException(
                        "the package busybox-static holds no busybox", "put a static busybox on PATH"));
    }
}
