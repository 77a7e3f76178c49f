package io.guestmem.house;

import static org.assertj.core.api.Assertions.assertThat;

import io.guestmem.lab.LabKernel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import java.util.random.RandomGenerator;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** {@code guestmem lab}: the packaged command on kernels that this host does not run. */
@Tag("lab")
class LabEndToEndTest {
    @TempDir
    private Path directory;

    /** The table of ways on Debian 13's kernel, over a file that is carried in, with a page that is carried out. */
    @Test
    void preFaultingLeavesTheGuestNoFaultsToTake() throws Exception {
        Host.assumeLab(LabKernel.TRIXIE);
        byte[] content = new byte[5_000_001];
        RandomGenerator.of("L64X128MixRandom").nextBytes(content);
        Files.write(directory.resolve("my image"), content);

        Map<String, Map<String, @Nullable Object>> runs =
                demo("trixie", "--populate", "none,pre_fault,uffd", "--image", "my image", "--report", "page.html");

        assertThat(runs).containsOnlyKeys("none", "pre_fault", "uffd");
        assertThat(runs.values()).allMatch(run -> Boolean.TRUE.equals(run.get("ok")), "the guest read the file");
        assertThat(faults(runs, "none")).isGreaterThanOrEqualTo(1000);
        assertThat(faults(runs, "pre_fault")).isLessThanOrEqualTo(8);
        assertThat(Files.readString(directory.resolve("page.html")))
                .startsWith("<!doctype html>")
                .contains("<svg", "pre_fault");
        assertThat(Guestmem.leftIn(directory)).isEmpty();
    }

    @Test
    void aGuestMemfdFillsAGuestOnAKernelThatHasIt() throws Exception {
        Host.assumeLab(LabKernel.SID);

        Map<String, Map<String, @Nullable Object>> runs = demo("sid", "--populate", "none,guest_memfd");

        assertThat(runs).containsOnlyKeys("none", "guest_memfd");
        assertThat(runs.values()).allMatch(run -> Boolean.TRUE.equals(run.get("ok")), "the guest read the file");
    }

    @Test
    void theInnerExitStatusAndErrorsPassThrough() throws Exception {
        Host.assumeLab(LabKernel.TRIXIE);

        Command.Outcome outcome = Guestmem.command(directory, "lab", "--", "demo", "--memory", "100")
                .run();

        assertThat(outcome.err().lines())
                .containsExactly(
                        "guestmem: --memory: 100 is not a positive multiple of the page size, 4096",
                        "guestmem: see 'guestmem demo --help'");
        assertThat(outcome.out()).isEmpty();
        assertThat(outcome.status()).isEqualTo(2);
    }

    private Map<String, Map<String, @Nullable Object>> demo(String suite, String... options) throws Exception {
        List<String> words =
                new ArrayList<>(List.of("lab", "--suite", suite, "--", "demo", "--json", "--memory", "16M"));
        words.addAll(List.of(options));
        Command.Outcome outcome =
                Guestmem.command(directory, words.toArray(String[]::new)).run();
        assertThat(outcome.err()).isEmpty();
        assertThat(outcome.status()).isZero();
        assertThat(outcome.out()).endsWith("}\n").containsOnlyOnce("\n");
        Map<String, @Nullable Object> json = Json.object(outcome.out());
        assertThat(json).containsEntry("kernel", "linux");
        Map<String, Map<String, @Nullable Object>> runs = new TreeMap<>();
        Json.objects(json, "runs").forEach(run -> runs.put((String) Objects.requireNonNull(run.get("populate")), run));
        return runs;
    }

    private static long faults(Map<String, Map<String, @Nullable Object>> runs, String way) {
        return (Long)
                Objects.requireNonNull(Objects.requireNonNull(runs.get(way)).get("guest_faults"), "guest_faults");
    }
}
