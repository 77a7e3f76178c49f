package io.guestmem.house;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What the packaged command says when it cannot do what it was asked for: an exit status, one line, and the remedy. */
class CommandFailureTest {
    private static final int USAGE = 2;
    private static final int UNAVAILABLE = 69;
    private static final int IO = 74;
    private static final int PERMISSION = 77;
    private static final String[] AS_NOBODY = {"setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"};

    @TempDir
    private Path directory;

    @AfterEach
    void nothingIsLeftBehind() throws IOException {
        assertThat(Guestmem.leftIn(directory)).isEmpty();
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '`',
            value = {
                "demo --memory 0                | --memory: 0 is not a positive multiple of the page size, 4096",
                "demo --memory 100              | --memory: 100 is not a positive multiple of the page size, 4096",
                "demo --memory 1T               | --memory: 1 TiB is more than a guest has here",
                "demo --memory abc              | 'abc' is not a size",
                "demo --memory -1               | '-1' is not a size",
                "demo --memory=-1               | '-1' is not a size",
                "demo --memory ''               | '' is not a size",
                "demo --memory 99999999999999G  | '99999999999999G' is too large for a size",
                "demo --memory                  | --memory",
                "demo --kernel zircon           | 'zircon'",
                "demo --populate magic          | 'magic'",
                "demo surplus                   | 'surplus'",
                "lab                            | 'ARGS'",
                "lab --suite buzz -- doctor     | 'buzz'",
                "``                             | a verb is missing: one of bench, conform, demo, diff, doctor, fuzz, lab, shell"
            })
    void aWrongCommandLineIsNamed(String line, String message) throws Exception {
        List<String> lines = failure(USAGE, Guestmem.command(directory, words(line)));

        assertThat(lines).hasSize(2);
        assertThat(lines.getFirst()).startsWith("guestmem: ").contains(message);
        assertThat(lines.getLast()).matches("guestmem: see 'guestmem( [a-z]+)? --help'");
    }

    @ParameterizedTest
    @CsvSource({"docter, doctor", "demos, demo", "labb, lab", "demo --memry, --memory", "doctor --jsn, --json"})
    void whatWasMeantIsSuggested(String line, String meant) throws Exception {
        List<String> lines = failure(USAGE, Guestmem.command(directory, words(line)));

        assertThat(lines).hasSize(3);
        assertThat(lines.get(1)).startsWith("guestmem: did you mean ").contains(meant);
    }

    private static String[] words(String line) {
        return Stream.of(line.split(" "))
                .filter(word -> !word.isEmpty())
                .map(word -> word.equals("''") ? "" : word)
                .toArray(String[]::new);
    }

    @Test
    void moreMemoryThanTheHostHasIsRefusedBeforeItIsTaken() throws Exception {
        List<String> lines = failure(UNAVAILABLE, Guestmem.command(directory, "demo", "--memory", "500G"));

        assertThat(lines.getFirst()).contains("500 GiB is more than this host can spare");
        assertThat(lines.getLast()).isEqualTo("guestmem: ask for less with --memory");
    }

    @Test
    void aMissingImageIsNamedWithTheCallAndTheErrno() throws Exception {
        Host.assumeKvm();

        List<String> lines = failure(IO, demoOf("nowhere"));

        assertThat(lines)
                .containsExactly(
                        "guestmem: openat: ENOENT (2): nowhere", "guestmem: there is no such file: check the path");
    }

    @Test
    void aDirectoryIsNoImage() throws Exception {
        Host.assumeKvm();

        assertThat(failure(IO, demoOf(directory.toString())).getFirst())
                .isEqualTo("guestmem: " + directory + ": not a regular file");
    }

    @Test
    void anEmptyFileIsNoImage() throws Exception {
        Host.assumeKvm();
        Files.createFile(directory.resolve("empty"));

        assertThat(failure(IO, demoOf("empty")).getFirst()).isEqualTo("guestmem: empty: the file is empty");
    }

    @Test
    void aReportThatCannotBeWrittenIsAFailure() throws Exception {
        Host.assumeKvm();

        List<String> lines = failure(
                IO,
                Guestmem.command(
                        directory, "demo", "--memory", "1M", "--populate", "none", "--report", "nowhere/page.html"));

        assertThat(lines.getFirst()).contains("nowhere");
    }

    @Test
    void aStackTraceIsForThoseWhoAskForIt() throws Exception {
        Host.assumeKvm();

        Command.Outcome outcome = Guestmem.command(directory, "demo", "--debug", "--image", "nowhere")
                .run();

        assertThat(outcome.status()).isEqualTo(IO);
        assertThat(outcome.err().lines().limit(2)).allMatch(line -> line.startsWith("guestmem: "));
        assertThat(outcome.err()).contains("LinuxException: openat", "\tat io.guestmem.cli");
    }

    @Test
    void anUnreadableImageIsAQuestionOfPermission() throws Exception {
        Host.assumeKvm();
        Path secret = Files.writeString(directory.resolve("secret"), "content");
        Files.setPosixFilePermissions(secret, Set.of());
        String[] withoutOverride = {"setpriv", "--bounding-set=-dac_override,-dac_read_search"};
        if (Files.isReadable(secret)) {
            Host.assumeSucceeds(directory, words(String.join(" ", withoutOverride) + " test ! -r secret"));
        }
        Command command = demoOf("secret");

        List<String> lines = failure(PERMISSION, Files.isReadable(secret) ? command.behind(withoutOverride) : command);

        assertThat(lines)
                .containsExactly(
                        "guestmem: openat: EACCES (13): secret",
                        "guestmem: run it as somebody who may, or change the permissions");
    }

    @Test
    void aForbiddenKvmIsAQuestionOfPermission() throws Exception {
        Host.assumeKvm();
        Command nobody = nobody("demo", "--memory", "1M");
        Host.assumeSucceeds(
                directory,
                "setpriv",
                "--reuid=65534",
                "--regid=65534",
                "--clear-groups",
                "test",
                "!",
                "-w",
                "/dev/kvm");

        List<String> lines = failure(PERMISSION, nobody);

        assertThat(lines.getFirst()).contains("EACCES (13)", "/dev/kvm");
        assertThat(lines.getLast()).isEqualTo("guestmem: add yourself to the group of /dev/kvm: usermod -aG kvm $USER");
    }

    @Test
    void aHostWithoutKvmIsTold() throws Exception {
        Command command = withoutKvm("demo", "--memory", "1M");

        List<String> lines = failure(UNAVAILABLE, command);

        assertThat(lines.getFirst()).contains("ENOENT (2)", "/dev/kvm");
        assertThat(lines.getLast()).contains("there is no KVM here", "'guestmem lab -- ");
    }

    @Test
    void doctorFindsOutThatThereIsNoKvm() throws Exception {
        Command.Outcome outcome = withoutKvm("doctor", "--json").run();

        assertThat(outcome.status()).isZero();
        assertThat(Json.object(Json.object(outcome.out()), "kvm")).containsEntry("available", false);
    }

    private Command demoOf(String image) {
        return Guestmem.command(directory, "demo", "--memory", "1M", "--image", image);
    }

    /** The command as a user without rights, from jars that everybody may read. */
    private Command nobody(String... arguments) throws Exception {
        Files.setPosixFilePermissions(directory, PosixFilePermissions.fromString("rwxrwxrwx"));
        Path jars = Files.createDirectory(directory.resolve("jars"));
        try (Stream<Path> all = Files.list(Guestmem.JARS)) {
            for (Path jar : all.toList()) {
                Files.copy(jar, jars.resolve(jar.getFileName()));
            }
        }
        String[] probe = Stream.concat(Stream.of(AS_NOBODY), Stream.of(Guestmem.JAVA.toString(), "-version"))
                .toArray(String[]::new);
        Host.assumeSucceeds(directory, probe);
        return Guestmem.command(jars, directory, arguments).behind(AS_NOBODY);
    }

    /** The command where {@code /dev} has no {@code kvm}. */
    private Command withoutKvm(String... arguments) throws Exception {
        if (!Files.exists(Path.of("/dev/kvm"))) {
            return Guestmem.command(directory, arguments);
        }
        String[] unshare = {"unshare", "--mount", "sh", "-ec", """
                mkdir dev
                mount -t tmpfs none dev
                for file in null zero random urandom; do : >dev/$file; mount --bind /dev/$file dev/$file; done
                mount --move dev /dev
                rmdir dev
                exec "$@"
                """, "sh"};
        Host.assumeSucceeds(
                directory,
                Stream.concat(Stream.of(unshare), Stream.of("test", "!", "-e", "/dev/kvm"))
                        .toArray(String[]::new));
        return Guestmem.command(directory, arguments).behind(unshare);
    }

    /** Runs a command that fails; returns the lines of standard error, the only output. */
    private static List<String> failure(int status, Command command) throws Exception {
        Command.Outcome outcome = command.run();
        List<String> lines = outcome.err().lines().toList();
        assertThat(outcome.status()).as(outcome.err()).isEqualTo(status);
        assertThat(outcome.out()).isEmpty();
        assertThat(lines).hasSizeBetween(2, 3).allMatch(line -> line.startsWith("guestmem: "));
        return lines;
    }
}
