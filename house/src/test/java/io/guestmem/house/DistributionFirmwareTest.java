package io.guestmem.house;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.abort;

import io.guestmem.lab.Lab;
import io.guestmem.lab.LabProgress;
import io.guestmem.lab.LabUnavailableException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The command's digests of a distribution's firmware are those that other tools compute too ({@code distro_firmware.json}). */
class DistributionFirmwareTest {
    private static final String REFUSED = "ERROR";

    @TempDir
    private Path directory;

    @Test
    void digestsOfDebiansFirmware() throws Exception {
        Path firmware = firmware();
        String sum =
                HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(Files.readAllBytes(firmware)));
        Map<String, @Nullable Object> image = Json.objects(records(), "images").stream()
                .filter(each -> sum.equals(each.get("sha256")))
                .findFirst()
                .orElseGet(() -> abort("needs a version of ovmf whose digests are recorded, not " + sum));

        assertThat(digest(List.of("tdx"), firmware)).isEqualTo(image.get("mrtd_page_order"));
        assertThat(digest(List.of("tdx", "--order", "section"), firmware)).isEqualTo(image.get("mrtd_section_order"));
        for (Map<String, @Nullable Object> vector : Json.objects(image, "vectors")) {
            if (!Objects.equals(vector.get("mode"), "snp-ovmf-hash")) {
                check(vector, firmware);
            }
        }
    }

    private void check(Map<String, @Nullable Object> vector, Path firmware) throws Exception {
        List<String> words = new ArrayList<>(List.of(text(vector, "mode")));
        for (String option : List.of("vcpus", "vmm", "flavour")) {
            if (vector.get(option) != null) {
                words.addAll(List.of("--" + option, text(vector, option)));
            }
        }
        if (vector.get("cpu") != null) {
            words.addAll(List.of("--vcpu-type", text(vector, "cpu")));
        }
        if (Boolean.TRUE.equals(vector.get("kernel"))) {
            words.addAll(List.of(
                    "--kernel",
                    Files.write(directory.resolve("kernel"), new byte[16]).toString()));
        }
        String expected = text(vector, "digest");
        if (expected.startsWith(REFUSED)) {
            Command.Outcome refused = run(words, firmware);
            assertThat(refused.status()).as(words.toString()).isEqualTo(1);
            assertThat(refused.out())
                    .contains("\"launches\":false", "a kernel is given")
                    .doesNotContain("digest\"");
        } else {
            assertThat(digest(words, firmware)).as(words.toString()).isEqualTo(expected);
        }
    }

    private @Nullable Object digest(List<String> words, Path firmware) throws Exception {
        Command.Outcome outcome = run(words, firmware);
        assertThat(outcome.err()).isEmpty();
        assertThat(outcome.status()).isZero();
        return Json.object(outcome.out()).get("digest");
    }

    private Command.Outcome run(List<String> words, Path firmware) throws Exception {
        List<String> all = new ArrayList<>(List.of("measure"));
        all.addAll(words);
        all.addAll(List.of("--json", "--firmware", firmware.toString()));
        return Guestmem.command(directory, all.toArray(String[]::new)).run();
    }

    private static Path firmware() throws IOException, InterruptedException {
        try {
            return Lab.open(LabProgress.SILENT).firmware();
        } catch (LabUnavailableException lacking) {
            return abort("needs Debian's package ovmf: " + lacking.getMessage() + "; " + lacking.remedy());
        }
    }

    private static Map<String, @Nullable Object> records() throws IOException {
        try (InputStream in =
                Objects.requireNonNull(DistributionFirmwareTest.class.getResourceAsStream("distro_firmware.json"))) {
            return Json.object(new String(in.readAllBytes(), StandardCharsets.UTF_8));
        }
    }

    private static String text(Map<String, @Nullable Object> vector, String name) {
        return String.valueOf(vector.get(name));
    }
}
