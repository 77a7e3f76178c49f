package io.guestmem.measure.launch;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.tuple;

import io.guestmem.measure.LaunchStep;
import io.guestmem.measure.LaunchStep.SnpPages;
import io.guestmem.measure.SnpMeasurement;
import io.guestmem.measure.SnpPageType;
import io.guestmem.measure.Technology;
import io.guestmem.measure.firmware.FirmwareFile;
import io.guestmem.measure.firmware.IgvmFile;
import io.guestmem.measure.firmware.MalformedFirmwareException;
import io.guestmem.measure.firmware.TestIgvm;
import io.guestmem.measure.layout.LittleEndian;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** Launches from IGVM files. */
class IgvmLaunchTest {
    private static final long SNP = 1 << IgvmFile.SNP;
    private static final long TDX = 1 << IgvmFile.TDX;
    private static final long ES = 1 << IgvmFile.SEV_ES;
    private static final int PAGE = LaunchStep.PAGE;
    private static final int UNMEASURED = 2;
    private static final int SHARED = 4;

    private final byte[] page = new byte[PAGE];
    private final byte[] vmsa = new byte[PAGE];

    IgvmLaunchTest() {
        new Random(3).nextBytes(page);
        VmsaField.CR0.put(vmsa, 0x31);
    }

    private TestIgvm file() {
        return new TestIgvm()
                .platform(IgvmFile.SNP)
                .platform(IgvmFile.TDX)
                .platform(IgvmFile.SEV_ES)
                .page(SNP | TDX | ES, 0x1000, 0, 0, page)
                .page(SNP | TDX, 0x2000, 0, 0)
                .page(SNP | TDX, 0x3000, UNMEASURED, 0, page)
                .page(SNP, 0x4000, 0, 1)
                .page(SNP, 0x5000, 0, 2, page)
                .page(SNP | TDX, 0x6000, SHARED, 0, page)
                .page(1, 0x7000, 0, 0, page)
                .parameters(SNP | TDX, 0x8000, 0x2000, 7)
                .vmsa(SNP | ES, SnpMeasurement.VMSA_GPA, vmsa);
    }

    @Test
    void directivesDecideWhatIsPopulated() throws MalformedFirmwareException {
        assertThat(steps(Technology.SNP, true))
                .extracting(step -> ((SnpPages) step).type(), LaunchStep::gpa, LaunchStep::size)
                .containsExactly(
                        tuple(SnpPageType.NORMAL, 0x1000L, 0x1000L),
                        tuple(SnpPageType.ZERO, 0x2000L, 0x1000L),
                        tuple(SnpPageType.UNMEASURED, 0x3000L, 0x1000L),
                        tuple(SnpPageType.SECRETS, 0x4000L, 0x1000L),
                        tuple(SnpPageType.CPUID, 0x5000L, 0x1000L),
                        tuple(SnpPageType.UNMEASURED, 0x8000L, 0x2000L),
                        tuple(SnpPageType.VMSA, SnpMeasurement.VMSA_GPA, 0x1000L));
        assertThat(((SnpPages) steps(Technology.SNP, false).get(1)).type()).isEqualTo(SnpPageType.NORMAL);
        assertThat(steps(Technology.TDX, true))
                .extracting(step -> ((LaunchStep.TdxPages) step).extend())
                .containsExactly(true, true, false, false);
        assertThat(steps(Technology.SEV_ES, true)).extracting(LaunchStep::what).containsExactly("page data", "vCPU 0");
    }

    @Test
    void aLargePageIs512Pages() throws MalformedFirmwareException {
        byte[] large = new byte[2 << 20];
        new Random(4).nextBytes(large);
        byte[] bytes = new TestIgvm()
                .platform(IgvmFile.SNP)
                .page(SNP, 0x200000, 1, 0, large)
                .bytes();

        LaunchPlan plan = IgvmLaunch.plan(Technology.SNP, IgvmFile.of(FirmwareFile.of(bytes)), true);

        SnpMeasurement expected = new SnpMeasurement();
        expected.apply(new SnpPages(SnpPageType.NORMAL, 0x200000, 2 << 20, MemorySegment.ofArray(large), ""));
        assertThat(((LaunchPlan.Launches) plan).measure().digest()).isEqualTo(expected.digest());
        assertThat(expected.steps()).isEqualTo(512);
    }

    @Test
    void whatKvmCannotLaunchIsRefused() throws MalformedFirmwareException {
        assertThat(refusal(file().vmsa(SNP, SnpMeasurement.VMSA_GPA, vmsa))).contains("not the only one");
        assertThat(refusal(file().page(SNP, 0x9000_0000L, 0, 0))).contains("comes after the VMSA");
        assertThat(refusal(new TestIgvm().platform(IgvmFile.SNP).vmsa(SNP, 0x1000, vmsa)))
                .contains("is for address 0x1000; KVM puts it at 0xfffffffff000");
        VmsaField.CR0.put(vmsa, 0x11);
        assertThat(refusal(new TestIgvm().platform(IgvmFile.SNP).vmsa(SNP, SnpMeasurement.VMSA_GPA, vmsa)))
                .contains("CR0 0x11");
        assertThat(refusal(new TestIgvm()
                        .platform(IgvmFile.SNP)
                        .page(SNP, 0x1000, 0, 0, page)
                        .page(SNP, 0x1000, 0, 0, page)))
                .contains("both populate the page at 0x1000");
        assertThat(refusal(new TestIgvm().platform(IgvmFile.TDX))).contains("does not support snp");
    }

    private static String refusal(TestIgvm file) throws MalformedFirmwareException {
        LaunchPlan plan = IgvmLaunch.plan(Technology.SNP, IgvmFile.of(FirmwareFile.of(file.bytes())), true);
        return ((LaunchPlan.Refused) plan).reason();
    }

    @Test
    void brokenFilesAreRefusedWithFieldAndOffset() {
        byte[] body = new byte[24];
        refused(new TestIgvm().header(0x999, body).bytes(), "IGVM variable header: type at 0x18: 0x999 is unknown");
        refused(new TestIgvm().header(0x302, new byte[23]).bytes(), "length at 0x1c: 23 bytes are too few");
        refused(new TestIgvm().page(1, 0x1001, 0, 0).bytes(), "IGVM page data: gpa at 0x20: 0x1001");
        refused(new TestIgvm().page(1, 0, 8, 0).bytes(), "IGVM page data: flags at 0x30");
        refused(new TestIgvm().page(1, 0, 0, 9).bytes(), "IGVM page data: type at 0x34: 9 is unknown");
        refused(new TestIgvm().page(1, 0, 0, 0).platform(2).bytes(), "comes after a later section");
        refused(new TestIgvm().page(1, 0, 0, 0, new byte[100]).bytes(), "IGVM page data: file data at 0x1000");
        LittleEndian.put32(body, 12, 5);
        refused(new TestIgvm().header(0x303, body).bytes(), "5 was not declared before");
        refused(new TestIgvm().parameters(1, 0, 5, 1).bytes(), "IGVM parameter area: number of bytes");
        byte[] wrong = file().bytes();
        wrong[30]++;
        refused(wrong, "IGVM header: checksum at 0x14");
        refused(Arrays.copyOf(wrong, 0x800), "IGVM header: total file size at 0x10");
        wrong[4] = 3;
        refused(wrong, "IGVM header: format version at 0x4: 3");
    }

    private static void refused(byte[] bytes, String message) {
        assertThatThrownBy(() -> IgvmFile.of(FirmwareFile.of(bytes)))
                .isInstanceOf(MalformedFirmwareException.class)
                .hasMessageContaining(message);
    }

    @Test
    void unknownHeadersThatMayBeSkippedAreSkipped() throws MalformedFirmwareException {
        byte[] bytes =
                new TestIgvm().platform(2).header(0x8000_0999L, new byte[3]).bytes();

        assertThat(IgvmFile.of(FirmwareFile.of(bytes)).directives()).isEmpty();
    }

    private List<LaunchStep> steps(Technology technology, boolean nativeZero) throws MalformedFirmwareException {
        IgvmFile file = IgvmFile.of(FirmwareFile.of(file().bytes()));
        return ((LaunchPlan.Launches) IgvmLaunch.plan(technology, file, nativeZero)).steps();
    }
}
