package io.guestmem.house;

import static org.assertj.core.api.Assertions.assertThat;

import io.guestmem.lab.LabKernel;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** A share of {@code guestmem diff} and {@code guestmem diff translate} on kernels with TDP. */
@Tag("lab")
class LabDiffTest {
    private static final long CALLS = 3_000;

    private static final long CASES = 10_000;

    /** Two oracles, five modes. */
    private static final int RESULTS = 10;

    @TempDir
    private Path directory;

    @Test
    void theWalkerAgreesWithAKernelAndWithAProcessorInEveryMode() throws Exception {
        Host.assumeLabReady(LabKernel.SID);
        String seed = Long.toString(System.nanoTime() & 0xFFFF_FFFFL);
        System.out.println("LabDiffTest seed " + seed);
        List<String> words = List.of(
                "lab",
                "--suite",
                "sid",
                "--",
                "diff",
                "translate",
                "--json",
                "--seed",
                seed,
                "--cases",
                Long.toString(CASES));

        List<Map<String, @Nullable Object>> results = Json.objects(json(words), "results");

        assertThat(results).hasSize(RESULTS).allSatisfy(result -> {
            assertThat(result).as("seed " + seed).doesNotContainKeys("difference", "missing");
            assertThat((Long) result.get("cases")).isGreaterThanOrEqualTo(CASES);
        });
    }

    @ParameterizedTest
    @EnumSource
    void theSoftwareKernelAgreesWithThisKernel(LabKernel kernel) throws Exception {
        Map<String, @Nullable Object> json = lab(kernel);

        assertThat(json).doesNotContainKey("failure").containsEntry("differed_once", 0L);
        assertThat((Long) json.get("calls")).isGreaterThanOrEqualTo(CALLS);
        assertThat((String) json.get("compared")).startsWith("everything of TDP kernels");
    }

    @ParameterizedTest
    @EnumSource
    void whatThisKernelAnsweredAgreesOutside(LabKernel kernel) throws Exception {
        lab(kernel, "--seed", "1000000", "--record", "answers");
        Map<String, @Nullable Object> json = json(List.of("diff", "--json", "--recorded", "answers"));

        assertThat(json).containsEntry("differences", List.of());
        assertThat((Long) json.get("calls")).isGreaterThanOrEqualTo(CALLS);
        assertThat((String) json.get("compared")).startsWith("everything of TDP kernels");
    }

    private Map<String, @Nullable Object> lab(LabKernel kernel, String... options) throws Exception {
        Host.assumeLabReady(kernel);
        List<String> words = new ArrayList<>(List.of("lab"));
        words.addAll(kernel == LabKernel.PRIVATE ? List.of("--private") : List.of("--suite", kernel.text()));
        words.addAll(List.of("--", "diff", "--json", "--calls", Long.toString(CALLS)));
        words.addAll(List.of(options));
        return json(words);
    }

    private Map<String, @Nullable Object> json(List<String> words) throws Exception {
        Command.Outcome outcome =
                Guestmem.command(directory, words.toArray(String[]::new)).run();

        assertThat(outcome.err()).isEmpty();
        assertThat(outcome.status()).as(outcome.out()).isZero();
        return Json.object(outcome.out());
    }
}
