package io.guestmem.lab;

import java.io.File;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Finds programs of the host without starting anything.
 *
 * @param directories where programs lie, in the order of {@code PATH}
 */
record HostPrograms(List<Path> directories) {
    /** The directories of {@code PATH} in an environment. */
    static HostPrograms of(Map<String, String> environment) {
        return new HostPrograms(
                Arrays.stream(environment.getOrDefault("PATH", "").split(File.pathSeparator))
                        .filter(directory -> !directory.isEmpty())
                        .map(Path::of)
                        .toList());
    }

    /** The first executable file of this name. */
    Optional<Path> find(String program) {
        return directories.stream()
                .map(directory -> directory.resolve(program))
                .filter(Files::isExecutable)
                .findFirst();
    }

    /** Of these programs, those that are not there. */
    List<String> missing(List<String> programs) {
        return programs.stream().filter(program -> find(program).isEmpty()).toList();
    }
}
