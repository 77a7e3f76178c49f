package io.guestmem.soft.mmu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Runs the races in processes of their own; jcstress's exit status says whether an outcome was forbidden. */
class StageTwoRacesTest {
    private static final int RACES = 9;

    @Test
    void everyOutcomeIsOneThatIsWrittenDown(@TempDir Path directory) throws IOException, InterruptedException {
        assumeTrue(Runtime.getRuntime().availableProcessors() > 1, "a race takes two processors");
        Path log = directory.resolve("jcstress.log");
        Process process = new ProcessBuilder(List.of(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "--enable-native-access=ALL-UNNAMED",
                        "-cp",
                        System.getProperty("java.class.path"),
                        "org.openjdk.jcstress.Main",
                        "-m",
                        "quick",
                        "-af",
                        "NONE",
                        "-sc",
                        "false",
                        "-f",
                        "1",
                        "-fsm",
                        "1",
                        "-iters",
                        "2",
                        "-time",
                        "200",
                        "-jvmArgs",
                        "--enable-native-access=ALL-UNNAMED",
                        "-t",
                        "StageTwoRaces",
                        "-r",
                        directory.resolve("report").toString()))
                .directory(directory.toFile())
                .redirectErrorStream(true)
                .redirectOutput(log.toFile())
                .start();
        int status;
        try {
            status = process.waitFor();
        } finally {
            process.destroy();
        }
        String text = Files.readString(log);
        assertThat(status).as(text).isZero();
        assertThat(text)
                .contains("(Results: " + RACES + " planned; " + RACES + " passed, 0 failed, 0 soft errs, 0 hard errs)");
    }
}
