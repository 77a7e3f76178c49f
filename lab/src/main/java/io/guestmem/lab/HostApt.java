package io.guestmem.lab;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;

/**
 * The host's own apt configuration: which sources serve Debian here. Read only.
 *
 * @param codename of the host's Debian release, or empty on a derivative
 * @param sources every enabled source
 */
record HostApt(String codename, List<AptSource> sources) {
    private static final String REMEDY =
            "run the lab on Debian; or put qemu-system-x86_64 and a static busybox on PATH,"
                    + " name a bzImage in GUESTMEM_LAB_KERNEL, and use --private";

    /** Names of releases that do not change. */
    private static final List<String> ALIASES = List.of("stable", "testing", "unstable", "sid", "oldstable", "trixie");

    /**
     * Reads {@code /etc/apt} and {@code /etc/os-release}.
     *
     * @throws LabUnavailableException if there is no apt here
     */
    static HostApt read(HostPrograms programs) throws IOException, LabUnavailableException {
        List<String> missing = programs.missing(List.of("apt-get", "dpkg"));
        if (!missing.isEmpty()) {
            throw new LabUnavailableException(
                    "the lab needs " + String.join(" and ", missing) + ", not found on PATH", REMEDY);
        }
        return read(Path.of("/etc"));
    }

    /** Reads {@code apt} and {@code os-release} below a directory that stands for {@code /etc}. */
    static HostApt read(Path etc) throws IOException {
        List<AptSource> sources = new ArrayList<>(AptSource.parseOneLine(text(etc.resolve("apt/sources.list"))));
        Path parts = etc.resolve("apt/sources.list.d");
        if (Files.isDirectory(parts)) {
            try (Stream<Path> files = Files.list(parts)) {
                for (Path file : files.sorted().toList()) {
                    String name = file.getFileName().toString();
                    if (name.endsWith(".sources")) {
                        sources.addAll(AptSource.parseDeb822(text(file)));
                    } else if (name.endsWith(".list")) {
                        sources.addAll(AptSource.parseOneLine(text(file)));
                    }
                }
            }
        }
        return new HostApt(codename(text(etc.resolve("os-release"))), List.copyOf(sources));
    }

    /**
     * The host's sources for its own release, updates and security included.
     *
     * @throws LabUnavailableException if no source serves this release of Debian
     */
    List<AptSource> ownRelease() throws LabUnavailableException {
        List<AptSource> own = sources.stream()
                .filter(source ->
                        source.types().contains("deb") && source.components().contains("main"))
                .filter(source -> source.suites().stream().anyMatch(this::isOwn))
                .map(source -> source.withSuites(
                        source.suites().stream().filter(this::isOwn).toList()))
                .toList();
        if (own.isEmpty()) {
            throw noSource();
        }
        return own;
    }

    /**
     * The archive of this host's Debian release, turned to another suite.
     *
     * @throws LabUnavailableException if no source serves Debian's {@code main}
     */
    AptSource forSuite(String suite) throws LabUnavailableException {
        return sources.stream()
                .filter(source -> source.serves(Stream.concat(Stream.of(codename), ALIASES.stream())))
                .findFirst()
                .orElseThrow(HostApt::noSource)
                .withSuites(List.of(suite));
    }

    private boolean isOwn(String suite) {
        return ALIASES.contains(suite)
                || (!codename.isEmpty() && (suite.equals(codename) || suite.startsWith(codename + "-")));
    }

    private static LabUnavailableException noSource() {
        return new LabUnavailableException("no source in /etc/apt serves Debian's main", REMEDY);
    }

    private static String codename(String release) {
        List<String> lines = release.lines().toList();
        return lines.contains("ID=debian")
                ? lines.stream()
                        .filter(line -> line.startsWith("VERSION_CODENAME="))
                        .map(line -> line.substring(line.indexOf('=') + 1).replace("\"", ""))
                        .findFirst()
                        .orElse("")
                : "";
    }

    private static String text(Path file) throws IOException {
        try {
            return Files.readString(file);
        } catch (NoSuchFileException _) {
            return "";
        }
    }
}
