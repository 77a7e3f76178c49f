package io.guestmem.house;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** A command that a signal ends in the middle of a demonstration with a second process. */
class CommandEndTest {
    private static final Duration LIMIT = Duration.ofSeconds(60);

    @TempDir
    private Path directory;

    @BeforeEach
    void needsKvmAndUserfaultfd() throws Exception {
        Host.assumeKvm();
        Host.assumeUserfaultfd();
    }

    @ParameterizedTest
    @CsvSource({"TERM, 143", "INT, 130", "KILL, 137"})
    void aSignalEndsTheCommandAndItsSecondProcess(String signal, int status) throws Exception {
        try (Command.Running running = demo().start()) {
            ProcessHandle second = secondProcess(running);
            awaitTrue(() -> leftFiles().isEmpty(), "the second process to be connected");

            Command.of(
                            directory,
                            List.of(
                                    "kill",
                                    "-" + signal,
                                    String.valueOf(running.process().pid())))
                    .run();

            assertThat(running.await(LIMIT).status()).isEqualTo(status);
            awaitTrue(() -> !second.isAlive(), "the end of the second process");
            assertThat(leftFiles()).isEmpty();
        }
    }

    @Test
    void aSecondProcessThatDiesIsAnError() throws Exception {
        try (Command.Running running = demo().start()) {
            ProcessHandle second = secondProcess(running);
            awaitTrue(() -> leftFiles().isEmpty(), "the second process to be connected");

            second.destroyForcibly();

            Command.Outcome outcome = running.await(LIMIT);
            assertThat(outcome.status()).as(outcome.err()).isEqualTo(74);
            assertThat(outcome.out()).isEmpty();
            assertThat(outcome.err().lines()).hasSize(2).allMatch(line -> line.startsWith("guestmem: "));
        }
    }

    /** Tests that run in the background inherit an ignored SIGINT, and a JVM leaves it ignored. */
    private Command demo() {
        List<String> words = new ArrayList<>(List.of("env", "--default-signal=INT,TERM"));
        words.addAll(Guestmem.java(Guestmem.JARS, directory));
        words.addAll(List.of("demo", "--memory", "256M", "--populate", "uffd_demand"));
        return Command.of(directory, words);
    }

    private static ProcessHandle secondProcess(Command.Running running) {
        awaitTrue(
                () -> running.process().descendants().findAny().isPresent()
                        || !running.process().isAlive(),
                "the second process");
        return running.process()
                .descendants()
                .findAny()
                .orElseThrow(() -> new AssertionError("the command ended before its second process was seen"));
    }

    private List<Path> leftFiles() {
        try {
            return Guestmem.leftIn(directory);
        } catch (IOException failed) {
            throw new AssertionError(failed);
        }
    }

    private static void awaitTrue(BooleanSupplier condition, String what) {
        long deadline = System.nanoTime() + LIMIT.toNanos();
        while (!condition.getAsBoolean()) {
            assertThat(System.nanoTime()).as("waiting for " + what).isLessThan(deadline);
            LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(2));
        }
    }
}
