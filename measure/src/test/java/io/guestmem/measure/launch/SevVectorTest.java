package io.guestmem.measure.launch;

import static org.assertj.core.api.Assertions.assertThat;

import io.guestmem.measure.LoggedStep;
import io.guestmem.measure.Measurement;
import io.guestmem.measure.SnpMeasurement;
import io.guestmem.measure.Technology;
import io.guestmem.measure.Vector;
import io.guestmem.measure.firmware.FirmwareFile;
import io.guestmem.measure.firmware.MalformedFirmwareException;
import io.guestmem.measure.firmware.OvmfFirmware;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The published digests of SEV, SEV-ES and SNP launches. */
class SevVectorTest {
    static Stream<Vector> published() {
        return Stream.concat(
                Vector.all("sevsnp_published.json", "vectors").stream(),
                Stream.of(Vector.named("snp_chain.json", "gce_unsigned_snp_4vmsa")));
    }

    @ParameterizedTest
    @MethodSource("published")
    void theDigestIsThePublishedOne(Vector vector) throws MalformedFirmwareException {
        String expected = vector.text("expected");

        LaunchPlan plan = plan(vector);

        if (expected.startsWith("ERROR")) {
            assertThat(plan)
                    .isInstanceOfSatisfying(
                            LaunchPlan.Refused.class,
                            refused -> assertThat(refused.reason()).contains("a kernel is given", "KERNEL_HASHES"));
        } else {
            assertThat(HexFormat.of().formatHex(digest(vector, (LaunchPlan.Launches) plan)))
                    .isEqualTo(expected);
        }
    }

    @Test
    void everyPageOfALaunchIsInTheLog() throws MalformedFirmwareException {
        Vector vector = Vector.document("snp_page_log.json");
        List<LoggedStep> log = new ArrayList<>();
        Measurement measurement = new SnpMeasurement();
        measurement.logTo(log::add);

        ((LaunchPlan.Launches) plan(vector)).steps().forEach(measurement::apply);

        List<Vector> pages = vector.list("pages");
        assertThat(measurement.steps()).isEqualTo(pages.size());
        assertThat(log).hasSameSizeAs(pages);
        for (int i = 0; i < log.size(); i++) {
            Vector page = pages.get(i);
            LoggedStep step = log.get(i);
            assertThat("0x" + Long.toHexString(step.gpa())).isEqualTo(page.text("gpa"));
            assertThat(step.state()).isEqualTo(page.text("ld"));
            assertThat(step.contents().isEmpty() ? "0".repeat(96) : step.contents())
                    .isEqualTo(page.text("contents"));
            assertThat(step.size()).isEqualTo(4096);
        }
        assertThat(log.getLast().state()).isEqualTo(vector.text("final"));
    }

    private static LaunchPlan plan(Vector vector) throws MalformedFirmwareException {
        OvmfFirmware firmware = OvmfFirmware.of(FirmwareFile.of(Vector.bytes(vector.text("firmware"))));
        SevSettings settings = settings(vector);
        return switch (vector.optional("mode").orElse("snp")) {
            case "sev" -> SevLaunch.plan(Technology.SEV, firmware, settings);
            case "sev-es" -> SevLaunch.plan(Technology.SEV_ES, firmware, settings.withFeatures(0));
            default -> SnpLaunch.plan(firmware, settings);
        };
    }

    private static SevSettings settings(Vector vector) {
        SevSettings settings = SevSettings.STANDARD
                .with(Vmm.valueOf(vector.text("vmm").toUpperCase(Locale.ROOT).replace('-', '_')))
                .withVcpus((int) Math.max(1, vector.number("vcpus")))
                .withFeatures(vector.number("guest_features", 0))
                .withSignature(
                        CpuModel.named(vector.optional("cpu").orElse("EPYC")).orElseThrow());
        return settings.withHashes(vector.optional("kernel")
                .map(kernel -> KernelHashes.of(
                        file(kernel),
                        vector.optional("initrd").map(SevVectorTest::file),
                        vector.optional("cmdline").orElse(""))));
    }

    private static MemorySegment file(String content) {
        return MemorySegment.ofArray(content.getBytes(StandardCharsets.UTF_8));
    }

    /** Of the firmware alone, or going on from a known digest of the firmware, or of everything. */
    private static byte[] digest(Vector vector, LaunchPlan.Launches plan) {
        if (vector.optional("mode").equals(Optional.of("snp-ovmf-hash"))) {
            Measurement firmware = new SnpMeasurement();
            firmware.apply(plan.steps().getFirst());
            return firmware.digest();
        }
        if (vector.optional("seed_ovmf_hash").isPresent()) {
            Measurement rest = new SnpMeasurement(HexFormat.of().parseHex(vector.text("seed_ovmf_hash")));
            plan.steps().stream().skip(1).forEach(rest::apply);
            return rest.digest();
        }
        return plan.measure().digest();
    }
}
