package io.guestmem.measure.explain;

import static org.assertj.core.api.Assertions.assertThat;

import io.guestmem.measure.Measurement;
import io.guestmem.measure.SnpMeasurement;
import io.guestmem.measure.Technology;
import io.guestmem.measure.Vector;
import io.guestmem.measure.firmware.MalformedFirmwareException;
import io.guestmem.measure.firmware.OvmfFirmware;
import io.guestmem.measure.firmware.TestFirmware;
import io.guestmem.measure.launch.CpuModel;
import io.guestmem.measure.launch.KernelHashes;
import io.guestmem.measure.launch.LaunchPlan;
import io.guestmem.measure.launch.SevLaunch;
import io.guestmem.measure.launch.SevSettings;
import io.guestmem.measure.launch.SnpLaunch;
import io.guestmem.measure.launch.TdxBoot;
import io.guestmem.measure.launch.TdxLaunch;
import io.guestmem.measure.launch.TdxOrder;
import io.guestmem.measure.launch.TdxSettings;
import io.guestmem.measure.launch.TdxVmm;
import io.guestmem.measure.launch.Vmm;
import io.guestmem.measure.rtmr.AcpiTables;
import io.guestmem.measure.rtmr.InitrdOption;
import io.guestmem.measure.rtmr.MemoryRange;
import io.guestmem.measure.rtmr.Rtmr;
import java.lang.foreign.MemorySegment;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/** What was changed is found, with the fewest changes. */
class SearchTest {
    private static final SevSuspects NONE = new SevSuspects(Map.of());

    private final OvmfFirmware firmware = TestFirmware.snp().read();
    private final OvmfFirmware tdvf = TestFirmware.tdx().read();

    SearchTest() throws MalformedFirmwareException {}

    @Test
    void settingsThatWereRightNeedNoChange() {
        assertThat(snp(SevSettings.STANDARD)).isEmpty();
    }

    @Test
    void oneChange() {
        assertThat(snp(SevSettings.STANDARD.withFeatures(0x21)))
                .containsExactly("guest features 0x21 instead of 0x1 (DebugSwap: forced on by Linux 6.6 to 6.8, off by"
                        + " default from 6.9 on)");
        assertThat(snp(SevSettings.STANDARD.withVcpus(300))).containsExactly("300 vCPUs instead of 1");
        assertThat(snp(SevSettings.STANDARD.withSignature(CpuModel.EPYC_TURIN.signature())))
                .containsExactly("vCPU type EPYC-Turin (signature 0xb00f00) instead of signature 0x800f12");
        assertThat(snp(SevSettings.STANDARD.with(Vmm.EC2_RDX0))).containsExactly("VMM ec2-rdx0 instead of qemu");
        assertThat(snp(SevSettings.STANDARD.withFpu(false)).getFirst()).startsWith("MXCSR and FCW of the VMSAs are 0");
        assertThat(snp(SevSettings.STANDARD.withVmsaGpa(0xf_ffff_ffff_f000L)).getFirst())
                .startsWith("VMSAs at 0xffffffffff000");
    }

    @Test
    void severalChanges() {
        assertThat(snp(SevSettings.STANDARD.with(Vmm.GCE).withVcpus(4).withFeatures(0x201)))
                .containsExactlyInAnyOrder(
                        "VMM gce instead of qemu", "4 vCPUs instead of 1", "guest features 0x201 instead of 0x1");
    }

    @Test
    void theKernel() {
        KernelHashes kernel = KernelHashes.of(MemorySegment.ofArray(new byte[9]), Optional.empty(), "quiet");
        KernelHashes newline = KernelHashes.of(MemorySegment.ofArray(new byte[9]), Optional.empty(), "quiet\n");
        SevSettings given = SevSettings.STANDARD.withHashes(Optional.of(kernel));
        SevSuspects suspects = new SevSuspects(Map.of("a newline", newline));

        assertThat(explain(Technology.SNP, given, suspects, digest(SevSettings.STANDARD)))
                .containsExactly("the kernel is not measured (kernel-hashes=off)");
        assertThat(explain(Technology.SNP, given, suspects, digest(given.withHashes(Optional.of(newline)))))
                .containsExactly("a newline");
    }

    @Test
    void theFirmwareAlone() {
        Measurement alone = new SnpMeasurement();
        alone.apply(SnpLaunch.firmware(firmware));

        assertThat(explain(Technology.SNP, SevSettings.STANDARD, NONE, alone.digest()))
                .containsExactly("only the firmware is measured (OVMF hash)");
    }

    @Test
    void theFlavourOfSevEs() {
        SevSettings given = SevSettings.STANDARD.withFeatures(0);
        LaunchPlan legacy =
                SevLaunch.plan(Technology.SEV_ES, firmware, given.withFpu(false).withVcpus(2));
        LaunchPlan plain = SevLaunch.plan(Technology.SEV, firmware, given);

        assertThat(explain(Technology.SEV_ES, given, NONE, digest(legacy)))
                .containsExactly(
                        "MXCSR and FCW of the VMSAs are 0 (legacy SEV-ES init, or an SNP host before Linux 6.9)",
                        "2 vCPUs instead of 1");
        assertThat(explain(Technology.SEV, given, NONE, digest(plain))).isEmpty();
    }

    @Test
    void nothingIsFoundForADigestOfSomethingElse() {
        assertThat(SevSearch.explain(Technology.SNP, firmware, SevSettings.STANDARD, NONE, new byte[48]))
                .isEmpty();
        assertThat(SevSearch.explain(Technology.SEV, firmware, SevSettings.STANDARD, NONE, new byte[32]))
                .isEmpty();
    }

    @Test
    void theOrderOfTdx() throws MalformedFirmwareException {
        byte[] section = digest(TdxLaunch.plan(tdvf, TdxSettings.STANDARD.with(TdxOrder.SECTION)));

        Explanation found = tdx(section);

        assertThat(found.register()).isEqualTo("MRTD");
        assertThat(found.changes()).hasSize(1);
        assertThat(found.changes().getFirst()).startsWith("section order");
    }

    @Test
    void anEarlyHostOfGce() throws MalformedFirmwareException {
        TdxSettings early = TdxSettings.STANDARD
                .with(TdxVmm.GCE)
                .withMemory(MemoryRange.ofGce(352, 2, 176))
                .withMeasureAll(false);

        Explanation found = tdx(digest(TdxLaunch.plan(tdvf, early)));

        assertThat(found.changes()).containsExactly("an early GCE host that measured the TD HOB, machine of 352 GiB");
    }

    @Test
    void theMemoryOfATd() throws MalformedFirmwareException {
        TdxSettings settings = TdxSettings.STANDARD.withMemory(MemoryRange.ofQ35(48L << 30));
        TdxBoot boot = boot(Optional.empty());

        assertThat(tdx(TdxBoot.hobDigest(tdvf, settings).orElseThrow()))
                .isEqualTo(new Explanation("TD HOB", List.of("guest with 48 GiB of memory")));
        byte[] rtmr0 = value(boot.registers(tdvf, settings), 0);
        assertThat(tdx(rtmr0)).isEqualTo(new Explanation("RTMR 0", List.of("guest with 48 GiB of memory")));
    }

    @Test
    void theLoadOptionsAndTheKernelOfATd() throws MalformedFirmwareException {
        TdxBoot before = new TdxBoot(
                kernel(), Optional.of(new byte[5]), "quiet", InitrdOption.BEFORE, Optional.empty(), Optional.empty());
        Map<Integer, Rtmr> registers = before.registers(tdvf, TdxSettings.STANDARD);

        assertThat(tdx(value(registers, 2)))
                .isEqualTo(new Explanation("RTMR 2", List.of("load options \"initrd=initrd quiet\"")));
        assertThat(tdx(value(registers, 1))).isEqualTo(new Explanation("RTMR 1", List.of()));
    }

    private static byte[] value(Map<Integer, Rtmr> registers, int number) {
        return HexFormat.of()
                .parseHex(Objects.requireNonNull(registers.get(number)).value());
    }

    private static Optional<byte[]> kernel() {
        return Optional.of(Vector.bytes("aleph_synthetic_pe.bin"));
    }

    private static TdxBoot boot(Optional<byte[]> initrd) {
        return new TdxBoot(
                kernel(),
                initrd,
                "quiet",
                InitrdOption.BEHIND,
                Optional.empty(),
                Optional.of(AcpiTables.of(Vector.bytes("canonical_acpi_tables.bin.gz"))));
    }

    private Explanation tdx(byte[] expected) throws MalformedFirmwareException {
        return TdxSearch.explain(tdvf, TdxSettings.STANDARD, boot(Optional.of(new byte[5])), expected)
                .orElseThrow();
    }

    private List<String> snp(SevSettings actual) {
        return explain(Technology.SNP, SevSettings.STANDARD, NONE, digest(actual));
    }

    private List<String> explain(Technology technology, SevSettings given, SevSuspects suspects, byte[] expected) {
        return SevSearch.explain(technology, firmware, given, suspects, expected)
                .orElseThrow()
                .changes();
    }

    private byte[] digest(SevSettings settings) {
        return digest(SnpLaunch.plan(firmware, settings));
    }

    private static byte[] digest(LaunchPlan plan) {
        return ((LaunchPlan.Launches) plan).measure().digest();
    }
}
