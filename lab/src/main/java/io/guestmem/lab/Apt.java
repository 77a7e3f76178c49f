package io.guestmem.lab;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * apt with a state of its own: it resolves, downloads and verifies packages and never installs one. Lists and caches lie in
 * {@code directory}; of the host it uses the configuration (proxies, keys) and nothing else.
 *
 * @param directory for this instance alone
 * @param options given to every call
 */
record Apt(Path directory, List<String> options) {
    /** {@code Inst NAME [INSTALLED] (VERSION ARCHIVE [ARCHITECTURE])} of {@code apt-get --simulate}. */
    private static final Pattern INSTALLATION = Pattern.compile("Inst (\\S+) (?:\\[[^]]*] )?\\((\\S+) .*");

    /**
     * A package as apt resolved it.
     *
     * @param name its name
     * @param version exactly that one
     */
    record Resolved(String name, String version) {}

    /**
     * Makes the state and fetches the package lists.
     *
     * @param status the dpkg status that counts as installed
     * @throws LabUnavailableException if the lists cannot be fetched
     */
    static Apt update(Path directory, List<AptSource> sources, Path status)
            throws IOException, InterruptedException, LabUnavailableException {
        Files.createDirectories(directory.resolve("lists/partial"));
        Files.createDirectories(directory.resolve("cache/archives/partial"));
        Path list = directory.resolve("lab.sources");
        Files.writeString(list, sources.stream().map(AptSource::toDeb822).collect(Collectors.joining()));
        Map<String, String> settings = Map.ofEntries(
                Map.entry("Dir::Etc::sourcelist", list.toString()),
                Map.entry("Dir::Etc::sourceparts", "-"),
                Map.entry("Dir::Etc::preferences", "/dev/null"),
                Map.entry("Dir::Etc::preferencesparts", "-"),
                Map.entry("Dir::State", directory.toString()),
                Map.entry("Dir::State::Lists", directory.resolve("lists").toString()),
                Map.entry("Dir::State::status", status.toString()),
                Map.entry("Dir::Cache", directory.resolve("cache").toString()),
                Map.entry("APT::Default-Release", ""),
                Map.entry("APT::Sandbox::User", "root"),
                Map.entry("Acquire::Languages", "none"),
                Map.entry("Acquire::IndexTargets::deb::DEP-11::DefaultEnabled", "false"),
                Map.entry("Acquire::Retries", "2"),
                Map.entry("Debug::NoLocking", "true"));
        Apt apt = new Apt(
                directory,
                settings.entrySet().stream()
                        .sorted(Map.Entry.comparingByKey())
                        .flatMap(setting -> Stream.of("-o", setting.getKey() + "=" + setting.getValue()))
                        .toList());
        apt.get("fetching the package lists", directory, "-q", "-o", "APT::Update::Error-Mode=any", "update");
        return apt;
    }

    /**
     * What would have to be installed for these packages, without recommendations, in apt's order.
     *
     * @throws LabUnavailableException if apt cannot resolve them
     */
    List<Resolved> resolve(List<String> packages) throws IOException, InterruptedException, LabUnavailableException {
        List<String> arguments = new ArrayList<>(List.of("-q", "-s", "--no-install-recommends", "install"));
        arguments.addAll(packages);
        return parseSimulation(get("resolving " + packages.getFirst(), directory, arguments.toArray(String[]::new)));
    }

    /** Reads the {@code Inst} lines of a simulated installation. */
    static List<Resolved> parseSimulation(String output) {
        return output.lines()
                .map(INSTALLATION::matcher)
                .filter(Matcher::matches)
                .map(line -> new Resolved(line.group(1), line.group(2)))
                .toList();
    }

    /**
     * Downloads packages, verified by apt, and unpacks them over one another.
     *
     * @param root made if it is not there
     * @throws LabUnavailableException if a download fails
     */
    void unpack(List<Resolved> packages, Path root) throws IOException, InterruptedException, LabUnavailableException {
        Files.createDirectories(root);
        Path archives = Files.createTempDirectory(directory, "archives-");
        List<String> arguments = new ArrayList<>(List.of("-q", "download"));
        packages.forEach(one -> arguments.add(one.name() + "=" + one.version()));
        get("downloading " + packages.getLast().name(), archives, arguments.toArray(String[]::new));
        try (Stream<Path> files = Files.list(archives)) {
            for (Path file : files.filter(path -> path.toString().endsWith(".deb"))
                    .sorted()
                    .toList()) {
                HostCommand.Result result = HostCommand.in(directory, "dpkg", "-x", file.toString(), root.toString())
                        .run();
                if (result.status() != 0) {
                    throw new IOException("dpkg -x " + file.getFileName() + ": " + result.lastLine());
                }
            }
        }
        LabCache.delete(archives);
    }

    private String get(String purpose, Path where, String... arguments)
            throws IOException, InterruptedException, LabUnavailableException {
        List<String> command = new ArrayList<>(List.of("apt-get"));
        command.addAll(options);
        command.addAll(List.of(arguments));
        HostCommand.Result result = new HostCommand(command, where, Map.of()).run();
        if (result.status() != 0) {
            throw new LabUnavailableException(
                    purpose + " failed: " + firstError(result),
                    "check the network, the proxy settings of apt and its sources; nothing was left behind, so just run it again");
        }
        return result.output();
    }

    /** apt ends its errors with a summary; the first one has the reason. */
    private static String firstError(HostCommand.Result result) {
        return result.errors()
                .lines()
                .filter(line -> line.startsWith("E: "))
                .map(line -> line.substring(3))
                .findFirst()
                .orElseGet(result::lastLine);
    }
}
