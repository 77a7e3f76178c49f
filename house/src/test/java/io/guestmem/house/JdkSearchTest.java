package io.guestmem.house;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Which JDK {@code .mvn/jdk.sh} finds. Bash runs it with {@code -f}: patterns such as {@code /usr/lib/jvm/*} then match
 * nothing, so that only what the test names can be found.
 */
class JdkSearchTest {
    private static final List<String> TOOLS = List.of("sed", "readlink", "dirname", "env", "bash", "sh");

    @TempDir
    private Path directory;

    private Path programs;

    @BeforeEach
    void aPathWithoutJava() throws IOException {
        programs = FakeJdk.programs(directory.resolve("bin"), TOOLS);
    }

    @Test
    void theOneThatIsMeantForGuestmemWins() throws Exception {
        Path meant = FakeJdk.create(directory.resolve("meant for it"), "25.0.3");
        Path other = FakeJdk.create(directory.resolve("other"), "26");

        assertThat(found(search().with("GUESTMEM_JAVA_HOME", meant.toString()).with("JAVA_HOME", other.toString())))
                .isEqualTo(meant);
    }

    @ParameterizedTest
    @CsvSource({"17.0.12", "24.0.2", "1.8.0_392"})
    void anOldJavaHomeIsSkippedNotTrusted(String version) throws Exception {
        Path old = FakeJdk.create(directory.resolve("old"), version);
        Path onPath = FakeJdk.create(directory.resolve("new"), "25");
        Files.createSymbolicLink(programs.resolve("javac"), onPath.resolve("bin/javac"));

        assertThat(found(search().with("JAVA_HOME", old.toString()))).isEqualTo(onPath);
    }

    @ParameterizedTest
    @CsvSource({"25", "25.0.3", "25-ea", "26.0.1", "100"})
    void anyFeatureReleaseFrom25OnWillDo(String version) throws Exception {
        Path home = FakeJdk.create(directory.resolve("jdk"), version);

        assertThat(found(search().with("JAVA_HOME", home.toString()))).isEqualTo(home);
    }

    @Test
    void aRuntimeWithoutCompilerIsSkipped() throws Exception {
        Path home = FakeJdk.create(directory.resolve("jre"), "25");
        Files.delete(home.resolve("bin/javac"));

        assertNothingFound(search().with("JAVA_HOME", home.toString()));
    }

    @Test
    void aDirectoryThatIsNoJdkIsSkipped() throws Exception {
        assertNothingFound(search().with("JAVA_HOME", directory.toString()));
        assertNothingFound(search().with("JAVA_HOME", "/nowhere"));
        assertNothingFound(search().with("JAVA_HOME", ""));
    }

    @Test
    void jdksOfTheUserAreFound() throws Exception {
        FakeJdk.create(directory.resolve(".jdks/temurin-21"), "21.0.2");
        Path newer = FakeJdk.create(directory.resolve(".jdks/temurin-27"), "27");

        assertThat(found(search("GLOBIGNORE='/usr/*:/opt/*'", "bash"))).isEqualTo(newer);
    }

    @ParameterizedTest
    @CsvSource({"guestmem", "mvnw"})
    void withoutAJdkTheCommandSaysWhatToInstall(String script) throws Exception {
        Command.Outcome outcome = environment(Command.of(
                        directory,
                        List.of("bash", "-f", Checkout.ROOT.resolve(script).toString(), "--version")))
                .without("JAVA_HOME")
                .run();

        assertNothingFound(outcome);
    }

    private void assertNothingFound(Command search) throws Exception {
        assertNothingFound(search.run());
    }

    private static void assertNothingFound(Command.Outcome outcome) {
        assertThat(outcome.status()).isEqualTo(69);
        assertThat(outcome.out()).isEmpty();
        List<String> lines = outcome.err().lines().toList();
        assertThat(lines).hasSize(2).allMatch(line -> line.startsWith("guestmem: "));
        assertThat(lines.getFirst()).contains("no JDK of version 25 or later");
        assertThat(lines.getLast()).contains("openjdk-25-jdk-headless", "GUESTMEM_JAVA_HOME");
    }

    private Command search() {
        return search(":", "bash", "-f");
    }

    /** The search in a shell, after a first command there. */
    private Command search(String before, String... shell) {
        Path script = Checkout.ROOT.resolve(".mvn/jdk.sh");
        return environment(Command.of(
                                directory,
                                List.of(
                                        "-c",
                                        "set -euo pipefail; " + before + "; . \"$1\"; echo \"$JAVA_HOME\"",
                                        "sh",
                                        script.toString()))
                        .behind(shell))
                .without("JAVA_HOME");
    }

    private Command environment(Command command) {
        return command.with("PATH", programs.toString()).with("HOME", directory.toString());
    }

    private static Path found(Command search) throws Exception {
        Command.Outcome outcome = search.run();
        assertThat(outcome.err()).isEmpty();
        assertThat(outcome.status()).isZero();
        return Path.of(outcome.out().strip());
    }
}
