package io.guestmem.measure.rtmr;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.guestmem.measure.Vector;
import io.guestmem.measure.layout.Hashes;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The published run-time registers, events and hand-off blocks. */
class RtmrVectorTest {
    private static final HexFormat HEX = HexFormat.of();

    @Test
    void authenticodeOfAnImage() {
        Vector vector = vector("aleph_authenticode");

        assertThat(HEX.formatHex(PeImage.authenticode(Vector.bytes("aleph_synthetic_pe.bin"))))
                .isEqualTo(vector.text("expected_sha384"));
    }

    @Test
    void theEventsBehindTheKernelInRtmr1() {
        List<MeasuredEvent> log =
                DirectBoot.rtmr1(Vector.bytes("aleph_synthetic_pe.bin")).log();

        assertThat(log.subList(1, 5))
                .extracting(MeasuredEvent::digest)
                .isEqualTo(vector("rtmr1_tail_event_digests").values("expected"));
        assertThat(log.getFirst().digest())
                .isEqualTo(vector("aleph_authenticode").text("expected_sha384"));
    }

    @Test
    void rtmr2OfAMachine() {
        Vector vector = vector("hw_rtmr2_components");
        String options = InitrdOption.BEFORE.loadOptions(vector.text("cmdline"));

        Rtmr loaded = DirectBoot.rtmr2(options, Optional.empty());

        assertThat(loaded.log().getFirst().digest()).isEqualTo(vector.text("load_options_digest"));
        assertThat(loaded.extendDigest("initrd", HEX.parseHex(vector.text("initrd_digest")))
                        .value())
                .isEqualTo(vector.text("expected_rtmr2"));
    }

    @ParameterizedTest
    @ValueSource(strings = {"gce_td_hob_basic", "gce_td_hob_early_accept"})
    void handOffBlocks(String name) {
        Vector vector = vector(name);
        List<TdHob.Resource> resources = new ArrayList<>();
        for (Object each : vector.values("resources")) {
            List<?> fields = (List<?>) each;
            resources.add(new TdHob.Resource(
                    ((Long) fields.get(0)).intValue(),
                    (Long) fields.get(1),
                    new MemoryRange((Long) fields.get(2), (Long) fields.get(3))));
        }

        byte[] list = new TdHob(resources, false).bytes(vector.number("hob_gpa"));

        assertThat(HEX.formatHex(list)).isEqualTo(vector.text("expected_hex"));
    }

    @Test
    void rtmr0OfAMachineWithItsAcpiTables() {
        Vector vector = vector("tdx_measure_canonical-defaults");
        AcpiTables acpi = AcpiTables.of(Vector.bytes("canonical_acpi_tables.bin.gz"));
        List<MemoryRange> added = List.of(
                new MemoryRange(0x811000, 0xf000),
                new MemoryRange(0x80b000, 0x2000),
                new MemoryRange(0x809000, 0x2000),
                new MemoryRange(0x800000, 0x6000));

        byte[] hob = TdHob.ofQemu(MemoryRange.ofQ35(vector.number("memory_mib") << 20), added)
                .measured(0x809000);
        Rtmr register = DirectBoot.rtmr0(hob, new byte[0], Optional.of(acpi));

        assertThat(HEX.formatHex(hob)).isEqualTo(vector.text("td_hob_hex"));
        List<Vector> events = vector.list("rtmr0_events");
        assertThat(register.log()).hasSameSizeAs(events);
        Rtmr withVariables = new Rtmr();
        for (int i = 0; i < events.size(); i++) {
            MeasuredEvent event = register.log().get(i);
            assertThat(event.name()).isEqualTo(events.get(i).text("event"));
            if (!event.name().equals("cfv")) {
                assertThat(event.digest())
                        .as(event.name())
                        .isEqualTo(events.get(i).text("digest"));
            }
            withVariables.extendDigest(event.name(), HEX.parseHex(events.get(i).text("digest")));
        }
        assertThat(withVariables.value()).isEqualTo(vector.text("expected_rtmr0"));
    }

    @Test
    void memoryOfQ35IsSplit() {
        assertThat(MemoryRange.ofQ35(0xb000_0000L - 4096)).containsExactly(new MemoryRange(0, 0xafff_f000L));
        assertThat(MemoryRange.ofQ35(0xb000_0000L))
                .containsExactly(new MemoryRange(0, 0x8000_0000L), new MemoryRange(0x1_0000_0000L, 0x3000_0000));
    }

    @Test
    void qemuBefore102FillsInTheHeader() {
        byte[] kernel = new byte[0x2000];
        kernel[0x206] = 0x0f;
        kernel[0x207] = 0x02;
        kernel[0x211] = 1;
        kernel[0x236] = 0x3f;

        byte[] image = KernelImage.patched(kernel, 0x123456, 1L << 31);

        byte[] expected = kernel.clone();
        put(expected, 0x210, "b081");
        put(expected, 0x218, "00 40 eb 7f 56 34 12 00");
        put(expected, 0x224, "00 fe");
        put(expected, 0x228, "00 00 02 00");
        assertThat(HEX.formatHex(image)).isEqualTo(HEX.formatHex(expected));
        assertThatThrownBy(() -> KernelImage.patched(kernel, 1L << 31, 1L << 31))
                .hasMessageContaining("does not fit");
        assertThatThrownBy(() -> KernelImage.patched(new byte[100], 0, 1L << 31))
                .hasMessageContaining("too short");
    }

    private static void put(byte[] bytes, int at, String digits) {
        byte[] value = HEX.parseHex(digits.replace(" ", ""));
        System.arraycopy(value, 0, bytes, at, value.length);
    }

    @Test
    void brokenImagesAreRefusedWithFieldAndOffset() {
        byte[] image = Vector.bytes("aleph_synthetic_pe.bin");
        for (int length = 0; length < image.length; length += 7) {
            byte[] cut = Arrays.copyOf(image, length);
            try {
                PeImage.authenticode(cut);
            } catch (IllegalArgumentException refused) {
                assertThat(refused.getMessage()).contains("at 0x");
            }
        }
        assertThatThrownBy(() -> PeImage.authenticode(new byte[64]))
                .hasMessageContaining("PE signature at 0x0: not PE");
        assertThatThrownBy(() -> AcpiTables.of("DSDT\377\377\377\377".getBytes(StandardCharsets.ISO_8859_1)))
                .hasMessageContaining("ACPI table at 0x0");
        assertThatThrownBy(() -> AcpiTables.of(new byte[100])).hasMessageContaining("no RSDT");
        assertThatThrownBy(() -> new Rtmr().extendDigest("", Hashes.sha256().digest()))
                .hasMessageContaining("48 bytes");
    }

    private static Vector vector(String name) {
        return Vector.named("tdx_published.json", name);
    }
}
