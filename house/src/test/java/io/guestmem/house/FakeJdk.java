package io.guestmem.house;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.Objects;
import java.util.stream.Stream;

/** Directories that look like a JDK, and programs made for a test. */
final class FakeJdk {
    private FakeJdk() {}

    /** A directory that the launcher takes for a JDK of this version; nothing in it works. */
    static Path create(Path home, String version) throws IOException {
        Files.createDirectories(home.resolve("bin"));
        Files.writeString(home.resolve("release"), "IMPLEMENTOR=\"Nobody\"\nJAVA_VERSION=\"" + version + "\"\n");
        program(home.resolve("bin/javac"), "#!/bin/sh\nexit 99\n");
        return home;
    }

    /** A shell script. */
    static Path program(Path file, String script) throws IOException {
        Files.writeString(file, script);
        return Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rwxr-xr-x"));
    }

    /** A directory with nothing but these programs of the host: a whole {@code PATH}. */
    static Path programs(Path directory, List<String> names) throws IOException {
        Files.createDirectories(directory);
        for (String name : names) {
            Path program = Stream.of(
                            Objects.requireNonNull(System.getenv("PATH")).split(":"))
                    .map(place -> Path.of(place, name))
                    .filter(Files::isExecutable)
                    .findFirst()
                    .orElseThrow(() -> new AssertionError("no program " + name + " on the PATH"));
            program(directory.resolve(name), "#!/bin/sh\nexec '" + program + "' \"$@\"\n");
        }
        return directory;
    }
}
