package io.guestmem.house;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;

/** The command as it is shipped: the packaged jars on a module path, run by the Java of this process. */
final class Guestmem {
    /** Where the build puts the jars. */
    static final Path JARS = Checkout.ROOT.resolve("cli/target/dist/lib");

    /** The program {@code java}. */
    static final Path JAVA = Path.of(System.getProperty("java.home"), "bin", "java");

    private Guestmem() {}

    /**
     * The command.
     *
     * @param directory its working directory, and where its temporary files go
     */
    static Command command(Path directory, String... arguments) {
        return command(JARS, directory, arguments);
    }

    /** The command from jars in another place. */
    static Command command(Path jars, Path directory, String... arguments) {
        List<String> words = new ArrayList<>(java(jars, directory));
        words.addAll(List.of(arguments));
        return Command.of(directory, words);
    }

    /** What stands before the command's own arguments. */
    static List<String> java(Path jars, Path directory) {
        return List.of(
                JAVA.toString(),
                "-XX:+UseSerialGC",
                "--enable-native-access=io.guestmem.linux,io.guestmem.bench,io.guestmem.paging,io.guestmem.soft",
                "-Djava.io.tmpdir=" + directory,
                "-p",
                jars.toString(),
                "-m",
                "io.guestmem.cli/io.guestmem.cli.Main");
    }

    /** What guestmem left among its temporary files. */
    static List<Path> leftIn(Path directory) throws IOException {
        try (Stream<Path> files = Files.list(directory)) {
            return files.filter(file -> file.getFileName().toString().contains("guestmem-"))
                    .toList();
        }
    }
}
