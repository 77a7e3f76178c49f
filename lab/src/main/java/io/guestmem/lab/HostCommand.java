package io.guestmem.lab;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * A program of the host that is run to its end, with no input and an untranslated locale. It ends when we end.
 *
 * @param command the program and its arguments
 * @param directory where it runs
 * @param environment added to ours
 */
record HostCommand(List<String> command, Path directory, Map<String, String> environment) {
    /**
     * What a command left.
     *
     * @param status its exit status
     * @param output its standard output
     * @param errors its standard error
     */
    record Result(int status, String output, String errors) {
        /** The last line that is not empty of the errors, or else of the output: what most programs say why they failed in. */
        String lastLine() {
            String text = errors.isBlank() ? output : errors;
            List<String> lines = text.lines().filter(line -> !line.isBlank()).toList();
            return lines.isEmpty() ? "exit status " + status : lines.getLast().strip();
        }
    }

    /** A command in a directory with nothing added to the environment. */
    static HostCommand in(Path directory, String... command) {
        return new HostCommand(List.of(command), directory, Map.of());
    }

    /**
     * Runs it to its end. An interrupt kills it and all that it started.
     *
     * @throws IOException if it cannot be started
     */
    Result run() throws IOException, InterruptedException {
        Path output = Files.createTempFile("guestmem-lab-", ".out");
        Path errors = Files.createTempFile("guestmem-lab-", ".err");
        try {
            int status = runInto(output, errors);
            return new Result(status, read(output), read(errors));
        } finally {
            Files.delete(output);
            Files.delete(errors);
        }
    }

    /**
     * Runs it and writes its standard output to a file, byte for byte.
     *
     * @throws IOException if it cannot be started or its exit status is not 0
     */
    void runTo(Path output) throws IOException, InterruptedException {
        Path errors = Files.createTempFile("guestmem-lab-", ".err");
        try {
            int status = runInto(output, errors);
            if (status != 0) {
                throw new IOException(command.getFirst() + ": " + new Result(status, "", read(errors)).lastLine());
            }
        } finally {
            Files.delete(errors);
        }
    }

    private int runInto(Path output, Path errors) throws IOException, InterruptedException {
        ProcessBuilder builder = new ProcessBuilder(Guard.command(command))
                .directory(directory.toFile())
                .redirectOutput(output.toFile())
                .redirectError(errors.toFile());
        Map<String, String> added = new HashMap<>(environment);
        added.put("LC_ALL", "C");
        builder.environment().putAll(added);
        Process process = builder.start();
        try {
            return process.waitFor();
        } finally {
            Guard.end(process);
        }
    }

    private static String read(Path file) throws IOException {
        return new String(Files.readAllBytes(file), StandardCharsets.UTF_8);
    }
}
