package io.guestmem.house;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Objects;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** {@code ./guestmem} in a fresh copy of the checkout, with the real Maven and the real JDK. */
class FirstRunTest {
    @TempDir
    private Path directory;

    @Test
    void twoFirstRunsAtOnceBuildOnceAndBothWork() throws Exception {
        Checkout.copyTo(directory.resolve("checkout"));
        Path log = Files.createFile(directory.resolve("maven.log"));
        FakeJdk.program(
                Files.createDirectory(directory.resolve("bin")).resolve("mvn"),
                "#!/bin/sh\necho build >>'" + log + "'\nexec '" + maven() + "' \"$@\"\n");
        Command launcher = Command.of(
                        directory,
                        List.of(directory.resolve("checkout/guestmem").toString(), "doctor", "--json"))
                .with("JAVA_HOME", System.getProperty("java.home"))
                .with("PATH", directory.resolve("bin") + ":" + System.getenv("PATH"));

        try (Command.Running first = launcher.start();
                Command.Running second = launcher.start()) {
            for (Command.Running running : List.of(first, second)) {
                Command.Outcome outcome = running.await(Duration.ofMinutes(5));
                assertThat(outcome.err()).isEmpty();
                assertThat(outcome.status()).isZero();
                assertThat(Json.object(outcome.out())).containsEntry("command", "doctor");
            }
        }

        assertThat(Files.readAllLines(log)).containsExactly("build");
        assertThat(directory.resolve("checkout/cli/target/dist/guestmem.aot")).isRegularFile();
    }

    private static Path maven() {
        return Stream.of(Objects.requireNonNull(System.getenv("PATH")).split(":"))
                .map(place -> Path.of(place, "mvn"))
                .filter(Files::isExecutable)
                .findFirst()
                .orElseThrow(() -> new AssertionError("no program mvn on the PATH"));
    }
}
