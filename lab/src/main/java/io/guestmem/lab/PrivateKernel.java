package io.guestmem.lab;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;

/**
 * A kernel with {@code CONFIG_KVM_SW_PROTECTED_VM}, which no distribution switches on: the one that {@code GUESTMEM_LAB_KERNEL}
 * names, or one built from Debian's newest kernel source, {@code tinyconfig} and the options of {@code private-kernel.config}. All
 * of it is built in, there are no modules. Two CPUs build it in about six minutes.
 */
final class PrivateKernel {
    /** The environment variable that names a bzImage to take instead. */
    static final String VARIABLE = "GUESTMEM_LAB_KERNEL";

    private static final String LIBRARIES = "usr/lib/x86_64-linux-gnu";
    private static final String OPTIONS = "private-kernel.config";
    private static final long BYTES_NEEDED = 4096L << 20;

    /** Programs that the host must have; compilers are too entwined with it to be unpacked beside it. */
    private static final List<String> HOST_PROGRAMS = List.of("gcc", "make", "ld", "perl", "tar", "xz");

    /** Packages that can be unpacked beside the build when the host lacks them. */
    private static final List<String> BUILD_PACKAGES = List.of("flex", "bison", "bc", "libelf-dev", "libssl-dev");

    private final LabCache cache;
    private final DebianTools tools;
    private final LabProgress progress;
    private final Map<String, String> environment;

    PrivateKernel(LabCache cache, DebianTools tools, LabProgress progress, Map<String, String> environment) {
        this.cache = cache;
        this.tools = tools;
        this.progress = progress;
        this.environment = environment;
    }

    /** The kernel, built if need be. */
    BootKernel obtain() throws IOException, InterruptedException, LabUnavailableException {
        String given = environment.getOrDefault(VARIABLE, "");
        if (!given.isEmpty()) {
            Path image = Path.of(given).toAbsolutePath();
            if (!Files.isReadable(image)) {
                throw new LabUnavailableException(
                        VARIABLE + " names " + image + ", which cannot be read", "unset it, or name a bzImage");
            }
            return new BootKernel(image, Optional.empty());
        }
        Path entry = cache.obtain(DebianKernel.entry(LabKernel.PRIVATE), BYTES_NEEDED, this::build);
        return new BootKernel(entry.resolve("vmlinuz"), Optional.empty());
    }

    /** The options that are asked for, {@code CONFIG_NAME=VALUE}. */
    static List<String> options() throws IOException {
        try (InputStream text = PrivateKernel.class.getResourceAsStream(OPTIONS)) {
            if (text == null) {
                throw new IllegalStateException(OPTIONS + " is not in the lab's jar");
            }
            return new String(text.readAllBytes(), StandardCharsets.US_ASCII)
                    .lines()
                    .filter(line -> line.startsWith("CONFIG_"))
                    .toList();
        }
    }

    /** Of the options that are asked for, those that a finished configuration does not have. */
    static List<String> missing(List<String> options, String config) {
        Set<String> lines = new HashSet<>(config.lines().toList());
        return options.stream().filter(option -> !lines.contains(option)).toList();
    }

    private void build(Path empty) throws IOException, InterruptedException, LabUnavailableException {
        requirePrograms();
        Path toolRoot = Files.createDirectory(empty.resolve(".tools"));
        tools.unpackFromHost(toolRoot, BUILD_PACKAGES.toArray(String[]::new));
        joinLibraries(toolRoot);
        Path sources = empty.resolve(".source");
        Path source = unpackSource(empty.resolve(".apt"), sources);
        Map<String, String> variables = buildEnvironment(toolRoot);
        progress.stage("configuring " + source.getFileName());
        make(source, variables, "tinyconfig");
        Path config = source.resolve(".config");
        List<String> options = options();
        Files.writeString(config, Files.readString(config) + String.join("\n", options) + "\n");
        make(source, variables, "olddefconfig");
        List<String> missing = missing(options, Files.readString(config));
        if (!missing.isEmpty()) {
            throw new LabUnavailableException(
                    source.getFileName() + " does not take " + String.join(" ", missing),
                    "name a kernel of your own in " + VARIABLE);
        }
        int cpus = Runtime.getRuntime().availableProcessors();
        progress.stage("building " + source.getFileName() + " on " + cpus + " CPUs, some minutes");
        make(source, variables, "-j" + cpus, "bzImage");
        Files.move(
                source.resolve("arch/x86/boot/bzImage"), empty.resolve("vmlinuz"), StandardCopyOption.REPLACE_EXISTING);
        Files.move(config, empty.resolve("config"));
        Files.writeString(empty.resolve("version"), source.getFileName() + "\n");
        LabCache.delete(sources);
        LabCache.delete(toolRoot);
    }

    private Path unpackSource(Path state, Path root) throws IOException, InterruptedException, LabUnavailableException {
        String suite = LabKernel.PRIVATE.suite();
        Files.createDirectory(state);
        Path nothingInstalled = Files.createFile(state.resolve("status"));
        progress.stage("fetching the package lists of " + suite);
        Apt apt = Apt.update(state, List.of(tools.hostApt().forSuite(suite)), nothingInstalled);
        List<Apt.Resolved> packages = apt.resolve(List.of("linux-source")).stream()
                .filter(one -> one.name().matches("linux-source-[0-9.]+"))
                .toList();
        if (packages.isEmpty()) {
            throw new LabUnavailableException(
                    "the package linux-source leads to no kernel source", "name a kernel of your own in " + VARIABLE);
        }
        String name = packages.getFirst().name();
        progress.stage("downloading " + name);
        apt.unpack(packages, root);
        LabCache.delete(state);
        progress.stage("unpacking " + name);
        Path archive = root.resolve("usr/src").resolve(name + ".tar.xz");
        HostCommand.Result result =
                HostCommand.in(root, "tar", "-xf", archive.toString()).run();
        if (result.status() != 0) {
            throw new IOException("unpacking " + name + ": " + result.lastLine());
        }
        return root.resolve(name);
    }

    /**
     * A development package links {@code libX.so} to a library of another package. Where the host has that one installed it was
     * not unpacked, and the linker would take the static library, which lacks its own dependencies.
     */
    static void joinLibraries(Path root) throws IOException {
        Path libraries = root.resolve(LIBRARIES);
        if (!Files.isDirectory(libraries)) {
            return;
        }
        try (DirectoryStream<Path> links = Files.newDirectoryStream(libraries, Files::isSymbolicLink)) {
            for (Path link : links) {
                Path installed = Path.of("/", LIBRARIES).resolve(Files.readSymbolicLink(link));
                if (!Files.exists(link) && Files.exists(installed)) {
                    Files.delete(link);
                    Files.createSymbolicLink(link, installed);
                }
            }
        }
    }

    private Map<String, String> buildEnvironment(Path root) {
        Map<String, String> variables = new HashMap<>();
        variables.put("PATH", root.resolve("usr/bin") + ":" + environment.getOrDefault("PATH", ""));
        variables.put("LD_LIBRARY_PATH", DebianTools.libraryPath(root));
        variables.put("LIBRARY_PATH", DebianTools.libraryPath(root));
        List<String> includes = new ArrayList<>();
        Stream.of("usr/include", "usr/include/x86_64-linux-gnu")
                .forEach(directory -> includes.add(root.resolve(directory).toString()));
        variables.put("C_INCLUDE_PATH", String.join(":", includes));
        if (Files.isDirectory(root.resolve("usr/share/bison"))) {
            variables.put("BISON_PKGDATADIR", root.resolve("usr/share/bison").toString());
        }
        if (Files.isExecutable(root.resolve("usr/bin/m4"))) {
            variables.put("M4", root.resolve("usr/bin/m4").toString());
        }
        return variables;
    }

    private void make(Path source, Map<String, String> variables, String... arguments)
            throws IOException, InterruptedException, LabUnavailableException {
        List<String> command = new ArrayList<>(List.of("nice", "make"));
        command.addAll(List.of(arguments));
        HostCommand.Result result = new HostCommand(command, source, variables).run();
        if (result.status() != 0) {
            Path log = cache.file("kernel-private-build.log");
            Files.writeString(log, result.output() + result.errors());
            throw new LabUnavailableException(
                    "make " + arguments[arguments.length - 1] + " failed: " + result.lastLine(),
                    "see " + log + ", or name a kernel of your own in " + VARIABLE);
        }
    }

    private void requirePrograms() throws LabUnavailableException {
        List<String> missing = tools.programs().missing(HOST_PROGRAMS);
        if (!missing.isEmpty()) {
            throw new LabUnavailableException(
                    "building the private kernel needs " + String.join(", ", missing),
                    "apt-get install gcc make binutils perl tar xz-utils, or name a bzImage in " + VARIABLE);
        }
    }
}
