package io.guestmem.measure;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.guestmem.measure.LaunchStep.SnpPages;
import io.guestmem.measure.launch.LaunchPlan;
import io.guestmem.measure.launch.Vmm;
import io.guestmem.measure.launch.Vmsa;
import io.guestmem.measure.layout.Hashes;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** The chain of SNP, without firmware. */
class SnpMeasurementTest {
    private static final int PAGE = LaunchStep.PAGE;

    @Test
    void threeNormalPages() {
        byte[] pages = new byte[3 * PAGE];
        byte[] mark = "LGTM".repeat(4).getBytes(StandardCharsets.US_ASCII);
        System.arraycopy(mark, 0, pages, 0, mark.length);
        System.arraycopy(mark, 0, pages, pages.length - mark.length, mark.length);

        assertThat(digest(normal(0, MemorySegment.ofArray(pages)))).isEqualTo(expected("gce_update_normal_3pages"));
    }

    @Test
    void threeZeroPages() {
        SnpPages zeroes = new SnpPages(SnpPageType.ZERO, 0x9000, 3 * PAGE, MemorySegment.NULL, "");

        assertThat(digest(zeroes)).isEqualTo(expected("gce_update_zero_3pages"));
    }

    @Test
    void aPageThatIsKnownByItsDigest() {
        SnpMeasurement measurement = new SnpMeasurement();

        measurement.update(SnpPageType.NORMAL, 0x1000, Hashes.sha384("page".getBytes(StandardCharsets.US_ASCII)));

        assertThat(hex(measurement)).isEqualTo(expected("dstack_single_normal"));
    }

    @Test
    void aLaunchThatGoesOnFromTheDigestOfItsFirmware() {
        Vector vector = Vector.named("snp_chain.json", "go_metadata_img_1");
        SnpMeasurement measurement = new SnpMeasurement(HexFormat.of().parseHex(vector.text("seed_ovmf_hash")));
        Vmsa vmsa = new Vmsa(Vmm.EC2_RDX0, 0, 1, true, Map.of());

        for (Object each : vector.values("sections")) {
            List<?> section = (List<?>) each;
            SnpPageType type = switch (((Long) section.get(2)).intValue()) {
                case 1 -> SnpPageType.ZERO;
                case 2 -> SnpPageType.SECRETS;
                default -> SnpPageType.CPUID;
            };
            if (type != SnpPageType.CPUID) {
                measurement.apply(
                        new SnpPages(type, (Long) section.get(0), (Long) section.get(1), MemorySegment.NULL, ""));
            }
        }
        measurement.apply(new SnpPages(SnpPageType.CPUID, 0x80e000, PAGE, MemorySegment.NULL, ""));
        for (int vcpu = 0; vcpu < 2; vcpu++) {
            MemorySegment page = MemorySegment.ofArray(vmsa.page(vcpu, 0x80b004));
            measurement.apply(new SnpPages(SnpPageType.VMSA, SnpMeasurement.VMSA_GPA, PAGE, page, ""));
        }

        assertThat(hex(measurement)).isEqualTo(vector.text("expected"));
    }

    @Test
    void threadsHeapAndPageByPageMakeNoDifference() {
        long seed = System.nanoTime();
        System.out.println("SnpMeasurementTest: seed " + seed);
        byte[] bytes = new byte[(4 << 20) + 5 * PAGE];
        new Random(seed).nextBytes(bytes);
        System.arraycopy(bytes, 0, bytes, 7 * PAGE, PAGE);
        System.arraycopy(bytes, 7 * PAGE, bytes, 8 * PAGE, PAGE);
        Arrays.fill(bytes, 100 * PAGE, 300 * PAGE, (byte) 0xff);
        SnpMeasurement pageByPage = new SnpMeasurement();
        byte[] page = new byte[PAGE];
        for (int at = 0; at < bytes.length; at += PAGE) {
            System.arraycopy(bytes, at, page, 0, PAGE);
            pageByPage.update(SnpPageType.NORMAL, 0x10000 + at, Hashes.sha384(page));
        }

        try (Arena confined = Arena.ofConfined();
                Arena shared = Arena.ofShared()) {
            for (MemorySegment contents :
                    List.of(MemorySegment.ofArray(bytes), copy(confined, bytes), copy(shared, bytes))) {
                for (int threads : new int[] {1, 2, 7}) {
                    SnpMeasurement whole = new SnpMeasurement().withThreads(threads);
                    whole.apply(normal(0x10000, contents));
                    assertThat(hex(whole)).as(threads + " threads").isEqualTo(hex(pageByPage));
                    assertThat(whole.steps()).isEqualTo(bytes.length / PAGE);
                }
            }
        }
    }

    private static MemorySegment copy(Arena arena, byte[] bytes) {
        MemorySegment memory = arena.allocate(bytes.length);
        MemorySegment.copy(MemorySegment.ofArray(bytes), 0, memory, 0, bytes.length);
        return memory;
    }

    @Test
    void aCheckpointGoesItsOwnWay() {
        SnpPages one = new SnpPages(SnpPageType.ZERO, 0, PAGE, MemorySegment.NULL, "");
        SnpPages two = new SnpPages(SnpPageType.CPUID, PAGE, PAGE, MemorySegment.NULL, "");
        SnpMeasurement first = new SnpMeasurement();
        first.apply(one);

        SnpMeasurement second = first.checkpoint();
        second.apply(two);

        assertThat(hex(first)).isEqualTo(digest(one));
        assertThat(second.steps()).isEqualTo(2);
        first.apply(two);
        assertThat(hex(first)).isEqualTo(hex(second));
    }

    @Test
    void aNormalPageWithoutContentsIsAPageOfZeroes() {
        SnpPages none = new SnpPages(SnpPageType.NORMAL, 0, PAGE, MemorySegment.NULL, "");

        assertThat(digest(none)).isEqualTo(digest(normal(0, MemorySegment.ofArray(new byte[PAGE]))));
    }

    @Test
    void stepsThatNoKernelTakesAreRefused() {
        assertThatThrownBy(() -> new SnpPages(SnpPageType.ZERO, 1, PAGE, MemorySegment.NULL, ""))
                .hasMessageContaining("not page-aligned: 0x1");
        assertThatThrownBy(() -> new SnpPages(SnpPageType.ZERO, 0, 0, MemorySegment.NULL, ""))
                .hasMessageContaining("no positive multiple");
        assertThatThrownBy(() -> new SnpPages(SnpPageType.ZERO, 0, 100, MemorySegment.NULL, ""))
                .hasMessageContaining("no positive multiple");
        assertThatThrownBy(() -> normal(0x7fff_ffff_ffff_f000L, MemorySegment.ofArray(new byte[PAGE])))
                .hasMessageContaining("beyond the address space");
        assertThatThrownBy(
                        () -> new SnpPages(SnpPageType.NORMAL, 0, 2 * PAGE, MemorySegment.ofArray(new byte[PAGE]), ""))
                .hasMessageContaining("contents of another size");
        assertThatThrownBy(() ->
                        new SnpMeasurement().apply(new LaunchStep.SevData(0, MemorySegment.ofArray(new byte[16]), "")))
                .isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> new SnpMeasurement(new byte[32])).hasMessageContaining("48 bytes");
    }

    private static SnpPages normal(long gpa, MemorySegment contents) {
        return new SnpPages(SnpPageType.NORMAL, gpa, contents.byteSize(), contents, "");
    }

    private static String digest(SnpPages step) {
        return HexFormat.of()
                .formatHex(new LaunchPlan.Launches(Technology.SNP, List.of(step))
                        .measure()
                        .digest());
    }

    private static String hex(SnpMeasurement measurement) {
        return HexFormat.of().formatHex(measurement.digest());
    }

    private static String expected(String name) {
        return Vector.named("snp_chain.json", name).text("expected");
    }
}
