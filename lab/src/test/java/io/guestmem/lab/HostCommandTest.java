package io.guestmem.lab;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Programs of the host: how they end, and that nothing which they started outlives us. */
class HostCommandTest {
    /** As make does it: a program that starts others. */
    private static final String FAMILY = "sleep 1000 & echo $! > child.new; mv child.new child; wait";

    @TempDir
    private Path directory;

    @Test
    void theStatusAndBothOutputsComeBack() throws Exception {
        HostCommand.Result result = HostCommand.in(directory, "sh", "-c", "echo out; echo err >&2; exit 3")
                .run();

        assertThat(result).isEqualTo(new HostCommand.Result(3, "out\n", "err\n"));
    }

    @Test
    void anInterruptKillsAllThatItStarted() throws Exception {
        FutureTask<HostCommand.Result> run = new FutureTask<>(
                () -> HostCommand.in(directory, "sh", "-c", FAMILY).run());
        Thread thread = Thread.ofPlatform().name("lab-test-run").start(run);
        ProcessHandle child = child();

        thread.interrupt();

        assertThatThrownBy(run::get).hasCauseInstanceOf(InterruptedException.class);
        assertThat(ended(child)).isTrue();
    }

    @Test
    void allThatItStartedEndsWhenThisProcessIsKilled() throws Exception {
        Process stranger = new ProcessBuilder(Guard.command(List.of("sh", "-c", FAMILY)))
                .directory(directory.toFile())
                .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                .redirectError(ProcessBuilder.Redirect.DISCARD)
                .start();
        ProcessHandle child = child();

        // What the kernel does with the descriptors of a process that is killed.
        stranger.getOutputStream().close();

        assertThat(ended(child)).isTrue();
        assertThat(stranger.waitFor(1, TimeUnit.MINUTES)).isTrue();
    }

    private ProcessHandle child() throws IOException {
        Path file = directory.resolve("child");
        while (!Files.exists(file)) {
            Thread.onSpinWait();
        }
        return ProcessHandle.of(Long.parseLong(Files.readString(file).strip())).orElseThrow();
    }

    private static boolean ended(ProcessHandle process) throws Exception {
        return process.onExit().get(1, TimeUnit.MINUTES) != null;
    }
}
