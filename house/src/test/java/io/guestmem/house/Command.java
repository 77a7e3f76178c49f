package io.guestmem.house;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;

/**
 * A command of the host, with its output in files.
 *
 * @param words the program and its arguments
 * @param environment the whole of it
 * @param directory it runs in
 */
record Command(List<String> words, Map<String, String> environment, Path directory) {
    private static final Set<String> BUILD = Set.of("GUESTMEM_BUILD_LOCKED", "GUESTMEM_JAVA_HOME", "JAVA_TOOL_OPTIONS");
    private static final Duration LIMIT = Duration.ofMinutes(5);

    /**
     * How it ended.
     *
     * @param status 0 to 255
     * @param out its standard output
     * @param err its standard error
     */
    record Outcome(int status, String out, String err) {}

    /** A command in the environment of this process, less what belongs to the build that runs it. */
    static Command of(Path directory, List<String> words) {
        Map<String, String> environment = new TreeMap<>(System.getenv());
        environment.keySet().removeIf(name -> BUILD.contains(name) || name.startsWith("MAVEN_"));
        return new Command(List.copyOf(words), environment, directory);
    }

    Command with(String variable, String value) {
        Map<String, String> more = new TreeMap<>(environment);
        more.put(variable, value);
        return new Command(words, more, directory);
    }

    Command without(String variable) {
        Map<String, String> less = new TreeMap<>(environment);
        less.remove(variable);
        return new Command(words, less, directory);
    }

    /** The same command as an argument list behind another one. */
    Command behind(String... wrapper) {
        List<String> all = new ArrayList<>(List.of(wrapper));
        all.addAll(words);
        return new Command(all, environment, directory);
    }

    /** Runs it to its end; kills it, and fails, if that takes minutes. */
    Outcome run() throws IOException, InterruptedException {
        try (Running running = start()) {
            return running.await(LIMIT);
        }
    }

    Running start() throws IOException {
        Path out = Files.createTempFile("house-", ".out");
        Path err = Files.createTempFile("house-", ".err");
        ProcessBuilder builder = new ProcessBuilder(words)
                .directory(directory.toFile())
                .redirectInput(ProcessBuilder.Redirect.from(Path.of("/dev/null").toFile()))
                .redirectOutput(out.toFile())
                .redirectError(err.toFile());
        builder.environment().clear();
        builder.environment().putAll(environment);
        return new Running(this, builder.start(), out, err);
    }

    /**
     * A command that was started. Closing it kills it with all that it started.
     *
     * @param command that it is
     * @param process of it
     * @param out file of its standard output
     * @param err file of its standard error
     */
    record Running(Command command, Process process, Path out, Path err) implements AutoCloseable {
        Outcome await(Duration limit) throws IOException, InterruptedException {
            if (!process.waitFor(limit.toMillis(), TimeUnit.MILLISECONDS)) {
                throw new AssertionError(command.words + " was not done within " + limit + "; it said "
                        + Files.readString(out) + Files.readString(err));
            }
            return new Outcome(process.exitValue(), Files.readString(out), Files.readString(err));
        }

        @Override
        public void close() throws IOException {
            process.descendants().forEach(ProcessHandle::destroyForcibly);
            process.destroyForcibly();
            Files.delete(out);
            Files.delete(err);
        }
    }
}
