package io.guestmem.lab;

import java.io.IOException;
import java.lang.module.Configuration;
import java.lang.module.FindException;
import java.lang.module.ModuleFinder;
import java.lang.module.ResolutionException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SortedSet;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * The guest's Java: a jlink image under {@code /java} with the C libraries and the loader of the host that it needs, as one
 * archive, cached per JDK and set of modules. A Java home without jlink (an image itself) is packed whole.
 */
final class JavaImage {
    private static final long BYTES_NEEDED = 500L << 20;

    /** Without it the guest's Java takes every character beyond ASCII for a question mark. */
    private static final Path LOCALE = Path.of("/usr/lib/locale/C.utf8");

    private static final Pattern LIBRARY = Pattern.compile("\\s*(?:\\S+ => )?(/\\S+) \\(0x[0-9a-f]+\\)");

    private final LabCache cache;
    private final LabProgress progress;

    JavaImage(LabCache cache, LabProgress progress) {
        this.cache = cache;
        this.progress = progress;
    }

    /**
     * The modules of the JDK that a main module needs, by its descriptor and those of the jars beside it.
     *
     * @param mainModule {@code MODULE} or {@code MODULE/CLASS}
     * @throws IllegalArgumentException if the main module or one that it requires is not there
     */
    static SortedSet<String> requiredModules(Path modulePath, String mainModule, Set<String> extra) throws IOException {
        SortedSet<String> names = new TreeSet<>(extra);
        names.add("java.base");
        try {
            Configuration.empty()
                    .resolve(
                            ModuleFinder.of(jars(modulePath).toArray(Path[]::new)),
                            ModuleFinder.ofSystem(),
                            Set.of(mainModule.split("/", 2)[0]))
                    .modules()
                    .stream()
                    .filter(module ->
                            ModuleFinder.ofSystem().find(module.name()).isPresent())
                    .forEach(module -> names.add(module.name()));
        } catch (FindException | ResolutionException unresolved) {
            throw new IllegalArgumentException(
                    "module path " + modulePath + ": " + unresolved.getMessage(), unresolved);
        }
        return names;
    }

    /** The jars of a module path, which is one directory. */
    static List<Path> jars(Path modulePath) throws IOException {
        try (Stream<Path> files = Files.list(modulePath)) {
            return files.filter(file -> file.toString().endsWith(".jar"))
                    .sorted()
                    .toList();
        }
    }

    /** The archive, made if need be. */
    Path obtain(Path javaHome, SortedSet<String> modules)
            throws IOException, InterruptedException, LabUnavailableException {
        Path release = javaHome.resolve("release");
        if (!Files.isRegularFile(release)) {
            throw new LabUnavailableException(
                    javaHome + " is no Java home: it has no release file", "set GUESTMEM_JAVA_HOME");
        }
        String identity = Files.readString(release) + javaHome + modules;
        Path entry = cache.obtain("java-" + digest(identity), BYTES_NEEDED, empty -> make(javaHome, modules, empty));
        return entry.resolve("java.cpio");
    }

    private void make(Path javaHome, SortedSet<String> modules, Path empty)
            throws IOException, InterruptedException, LabUnavailableException {
        Path image = javaHome;
        Path linked = empty.resolve(".image");
        if (Files.isExecutable(javaHome.resolve("bin/jlink"))) {
            progress.stage("linking a Java image of " + modules.size() + " modules");
            link(javaHome, modules, linked);
            image = linked;
        }
        progress.stage("packing the Java image");
        try (CpioWriter writer = new CpioWriter(Files.newOutputStream(empty.resolve("java.cpio")))) {
            writer.tree("java", image.toRealPath());
            if (Files.isDirectory(LOCALE)) {
                writer.tree(LOCALE.toString().substring(1), LOCALE);
            }
            for (Path library : libraries(image)) {
                writer.file(library.toString().substring(1), library);
            }
        }
        LabCache.delete(linked);
    }

    private static void link(Path javaHome, SortedSet<String> modules, Path image)
            throws IOException, InterruptedException, LabUnavailableException {
        HostCommand.Result result = HostCommand.in(
                        Path.of("/"),
                        javaHome.resolve("bin/jlink").toString(),
                        "--strip-debug",
                        "--no-header-files",
                        "--no-man-pages",
                        "--generate-cds-archive",
                        "--add-modules",
                        String.join(",", modules),
                        "--output",
                        image.toString())
                .run();
        if (result.status() != 0) {
            throw new LabUnavailableException(
                    "jlink of " + javaHome + " failed: " + result.lastLine(),
                    "use a complete JDK, see GUESTMEM_JAVA_HOME");
        }
    }

    /** The files outside the image that its program and libraries are linked with, by the names that the loader looks for. */
    private static Set<Path> libraries(Path image) throws IOException, InterruptedException {
        List<String> command =
                new ArrayList<>(List.of("ldd", image.resolve("bin/java").toString()));
        try (Stream<Path> files = Files.walk(image.resolve("lib"))) {
            files.filter(file -> file.toString().endsWith(".so"))
                    .sorted()
                    .forEach(file -> command.add(file.toString()));
        }
        Path libraries = image.resolve("lib");
        String own = libraries + ":" + libraries.resolve("server");
        HostCommand.Result result = new HostCommand(command, Path.of("/"), Map.of("LD_LIBRARY_PATH", own)).run();
        if (result.status() != 0) {
            throw new IOException("ldd: " + result.lastLine());
        }
        return parseLibraries(result.output()).stream()
                .filter(library -> !library.startsWith(image))
                .collect(Collectors.toCollection(TreeSet::new));
    }

    /** Reads the paths of what {@code ldd} found. */
    static Set<Path> parseLibraries(String output) {
        return output.lines()
                .map(LIBRARY::matcher)
                .filter(Matcher::matches)
                .map(line -> Path.of(line.group(1)))
                .collect(Collectors.toCollection(TreeSet::new));
    }

    private static String digest(String text) {
        try {
            byte[] digest = MessageDigest.getInstance("SHA-256").digest(text.getBytes(StandardCharsets.UTF_8));
            return HexFormat.of().formatHex(digest, 0, 8);
        } catch (NoSuchAlgorithmException impossible) {
            throw new IllegalStateException("every Java has SHA-256", impossible);
        }
    }
}
