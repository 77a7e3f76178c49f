package io.guestmem.house;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** {@code guestmem conform}: the packaged command on the kernels that are always there. */
class ConformCommandTest {
    @TempDir
    private Path directory;

    @Test
    void theSoftwareKernelPassesEveryCheckThatItCanShow() throws Exception {
        ConformRun run = ConformRun.of(directory, "conform", "--kernel", "soft", "--json");

        assertThat(run.summary())
                .containsEntry("schema", 1L)
                .containsEntry("command", "conform")
                .containsEntry("kernel", "soft")
                .containsEntry("release", "7.2")
                .containsEntry("simulated", true);
        assertThat(run.ids("skip")).containsExactly("MMU-16", "MMU-17", "PF-05", "PF-06", "PF-33");
        assertThat(run.ids("pass")).hasSize(219);
    }

    @Test
    void theVersionOfTheSoftwareKernelDecidesItsAnswers() throws Exception {
        ConformRun run = ConformRun.of(
                directory, "conform", "--kernel", "soft", "--kernel-version", "6.18", "--json", "--only", "SREG-02");

        assertThat(run.summary()).containsEntry("release", "6.18");
        assertThat(run.results())
                .hasSize(1)
                .first()
                .satisfies(result -> assertThat(result)
                        .containsEntry("id", "SREG-02")
                        .containsEntry("expected", "bit 1 of EFER = 0"));
    }

    @Test
    void theSummaryInWordsSaysThatItIsSimulated() throws Exception {
        Command.Outcome outcome = Guestmem.command(directory, "conform", "--kernel", "soft", "--only", "SYS-01,PF-05")
                .run();

        assertThat(outcome.out().lines())
                .containsExactly(
                        "pass SYS-01: GET_API_VERSION(0) = 12; GET_API_VERSION(1) = EINVAL",
                        "skip PF-05: TDP is on: KVM_CAP_PRE_FAULT_MEMORY is 1",
                        "soft 7.2 (simulated): 1 pass, 0 fail, 1 skip");
    }

    @Test
    void theHostsKernelConforms() throws Exception {
        Host.assumeKvm();

        ConformRun run = ConformRun.of(directory, "conform", "--json");

        assertThat(run.summary()).containsEntry("kernel", "linux").containsEntry("simulated", false);
        assertThat(run.ids("pass"))
                .as("on every real kernel, whatever its hardware")
                .contains("SYS-01", "SYS-06", "SLOT-14", "TR-03", "POP-01", "DIRTY-04", "STAT-01", "SREG-01");
    }
}
