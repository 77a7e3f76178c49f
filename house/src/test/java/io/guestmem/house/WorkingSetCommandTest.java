package io.guestmem.house;

import static org.assertj.core.api.Assertions.assertThat;

import io.guestmem.pager.mock.MockVmm;
import io.guestmem.pager.mock.Pattern;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** The verb {@code workingset} as it is shipped, and {@code serve} with its files; the VM is a mock that checks every byte. */
@Timeout(value = 3, unit = TimeUnit.MINUTES)
class WorkingSetCommandTest {
    private static final Duration LIMIT = Duration.ofSeconds(60);
    private static final int PAGES = 1024;
    private static final int HOLE_EVERY = 4;

    @TempDir
    private Path directory;

    @BeforeEach
    void makeSnapshot() throws IOException {
        Host.assumeUserfaultfd();
        Pattern.write(directory.resolve("memory"), PAGES, MockVmm.content(HOLE_EVERY));
    }

    @Test
    void aSetIsRecordedMergedShownPackedAndReplayed() throws Exception {
        assertThat(recorded("one", "read 100 50", "write 8 4"))
                .containsEntry("command", "workingset record")
                .containsEntry("pages", 54L)
                .containsEntry("reads", 50L)
                .containsEntry("writes", 4L)
                .containsEntry("runs", 1.0);
        recorded("two", "read 100 52", "write 8 4");

        assertThat(json(0, "workingset", "merge", "--at-least", "2", "--output", "both", "one", "two"))
                .containsEntry("pages", 54L)
                .containsEntry("runs", 2.0);
        assertThat(json(0, "workingset", "diff", "one", "both")).containsEntry("same", true);
        assertThat(json(1, "workingset", "diff", "both", "two")).containsEntry("common", 54L);
        assertThat(json(0, "workingset", "pack", "--snapshot", "memory", "--output", "packed", "both"))
                .containsEntry("contents", 40 * 4096L);
        assertThat(json(0, "workingset", "show", "packed"))
                .containsEntry("pages", 54L)
                .containsEntry("memory", PAGES * 4096L)
                .containsEntry("contents", 40 * 4096L);

        assertReplayed("--working-set", "both", "--hold-back", "0");
        assertReplayed("--working-set", "packed", "--hold-back", "0");
    }

    private Map<String, @Nullable Object> recorded(String file, String... orders) throws Exception {
        try (Command.Running recording = Guestmem.command(
                        directory,
                        "workingset",
                        "record",
                        "--socket",
                        "vm.sock",
                        "--snapshot",
                        "memory",
                        "--json",
                        "--output",
                        file)
                .start()) {
            awaitText(recording.err(), "ready vm.sock");
            vm(orders);
            Command.Outcome outcome = recording.await(LIMIT);
            assertThat(outcome.status()).as(outcome.err()).isZero();
            assertThat(directory.resolve("vm.sock")).doesNotExist();
            return Json.object(outcome.out());
        }
    }

    private void vm(String... orders) throws IOException {
        Process vmm = new ProcessBuilder(
                        Guestmem.JAVA.toString(),
                        "-XX:TieredStopAtLevel=1",
                        "--enable-native-access=io.guestmem.linux",
                        "-p",
                        Guestmem.JARS.toString(),
                        "-m",
                        "io.guestmem.pager/" + MockVmm.class.getName(),
                        directory.resolve("vm.sock").toString(),
                        String.valueOf(PAGES),
                        String.valueOf(HOLE_EVERY))
                .redirectError(ProcessBuilder.Redirect.INHERIT)
                .start();
        List<String> expected = new ArrayList<>(List.of("connected"));
        try (PrintStream in = new PrintStream(vmm.getOutputStream(), true, StandardCharsets.UTF_8);
                BufferedReader out =
                        new BufferedReader(new InputStreamReader(vmm.getInputStream(), StandardCharsets.UTF_8))) {
            for (String order : orders) {
                in.println(order);
                expected.add("ok");
            }
            in.println("exit");
            assertThat(out.lines().toList()).isEqualTo(expected);
        } finally {
            vmm.destroyForcibly();
        }
    }

    private Map<String, @Nullable Object> json(int status, String... arguments) throws Exception {
        List<String> words = new ArrayList<>(List.of(arguments));
        words.add("--json");
        Command.Outcome outcome =
                Guestmem.command(directory, words.toArray(String[]::new)).run();
        assertThat(outcome.status()).as(outcome.err()).isEqualTo(status);
        return Json.object(outcome.out());
    }

    /** A VM comes at the same time, reads everything, and goes: every page of the set was installed ahead, or late. */
    private void assertReplayed(String... options) throws Exception {
        List<String> words =
                new ArrayList<>(List.of("serve", "--socket", "vm.sock", "--snapshot", "memory", "--events"));
        words.addAll(List.of(options));
        try (Command.Running server =
                Guestmem.command(directory, words.toArray(String[]::new)).start()) {
            awaitText(server.err(), "ready vm.sock");
            vm("read 0 1024 2");
            awaitText(server.out(), "\"event\":\"detached\"");
            Command.of(
                            directory,
                            List.of("kill", String.valueOf(server.process().pid())))
                    .run();
            Command.Outcome outcome = server.await(LIMIT);
            assertThat(outcome.status()).as(outcome.err()).isZero();
            Map<String, @Nullable Object> report = Json.object(outcome.out()
                    .lines()
                    .filter(line -> line.contains("\"replay_report\""))
                    .findFirst()
                    .orElseThrow());
            assertThat(report).containsEntry("planned", 54L).containsEntry("missed", PAGES - 54L);
            assertThat(number(report, "installed") + number(report, "late")).isBetween(54L, 2 * 54L);
        }
    }

    private static long number(Map<String, @Nullable Object> object, String name) {
        return object.get(name) instanceof Long number ? number : -1;
    }

    @Test
    void contentsOfAnotherStateOfTheSnapshotAreRefused() throws Exception {
        recorded("set", "read 100 5");
        json(0, "workingset", "pack", "--snapshot", "memory", "--output", "packed", "set");
        Files.setLastModifiedTime(directory.resolve("memory"), FileTime.fromMillis(0));

        Command.Outcome outcome = Guestmem.command(
                        directory, "serve", "--socket", "vm.sock", "--snapshot", "memory", "--working-set", "packed")
                .run();

        assertThat(outcome.status()).isEqualTo(74);
        assertThat(outcome.err()).startsWith("guestmem: packed: its contents are of another snapshot: file 1 of");
    }

    @Test
    void aSignalEndsARecordingThatNothingWasTouchedIn() throws Exception {
        try (Command.Running recording = Guestmem.command(
                        directory,
                        "workingset",
                        "record",
                        "--socket",
                        "vm.sock",
                        "--snapshot",
                        "memory",
                        "--output",
                        "set")
                .start()) {
            awaitText(recording.err(), "ready vm.sock");
            Command.of(
                            directory,
                            List.of("kill", String.valueOf(recording.process().pid())))
                    .run();

            Command.Outcome outcome = recording.await(LIMIT);
            assertThat(outcome.status()).as(outcome.err()).isEqualTo(1);
            assertThat(outcome.err()).contains("guestmem: set is not written: no VM has connected");
            assertThat(directory.resolve("set")).doesNotExist();
        }
    }

    private static void awaitText(Path file, String text) throws IOException {
        long deadline = System.nanoTime() + LIMIT.toNanos();
        while (!Files.readString(file).contains(text)) {
            assertThat(deadline - System.nanoTime())
                    .as("time for " + text + " in " + Files.readString(file))
                    .isPositive();
            LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(20));
        }
    }
}
