package io.guestmem.measure.launch;

import static org.assertj.core.api.Assertions.assertThat;

import io.guestmem.measure.LaunchStep;
import io.guestmem.measure.LaunchStep.SnpPages;
import io.guestmem.measure.SnpPageType;
import io.guestmem.measure.Technology;
import io.guestmem.measure.firmware.FirmwareFile;
import io.guestmem.measure.firmware.GuidTable;
import io.guestmem.measure.firmware.MalformedFirmwareException;
import io.guestmem.measure.firmware.OvmfFirmware;
import io.guestmem.measure.firmware.TestFirmware;
import io.guestmem.measure.rtmr.MemoryRange;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import org.junit.jupiter.api.Test;

/** Whether a VMM would launch this at all, and in which order if so. */
class VerdictTest {
    private static final KernelHashes HASHES =
            KernelHashes.of(MemorySegment.ofArray(new byte[] {1}), Optional.empty(), "console=ttyS0");

    @Test
    void sectionsBecomePagesInTheOrderOfTheTable() throws MalformedFirmwareException {
        assertThat(types(snp(TestFirmware.snp(), SevSettings.STANDARD)))
                .containsExactly("NORMAL", "ZERO", "SECRETS", "CPUID", "ZERO", "ZERO", "VMSA");
        assertThat(types(snp(TestFirmware.snp(), SevSettings.STANDARD.with(Vmm.EC2))))
                .containsExactly("NORMAL", "ZERO", "SECRETS", "ZERO", "ZERO", "CPUID", "VMSA");
        assertThat(types(snp(TestFirmware.snp(), SevSettings.STANDARD.with(Vmm.GCE))))
                .containsExactly("NORMAL", "UNMEASURED", "SECRETS", "CPUID", "ZERO", "ZERO", "VMSA");
    }

    @Test
    void theTableOfKernelHashesLiesInAPageOfZeroes() throws MalformedFirmwareException {
        LaunchPlan plan = snp(TestFirmware.snp(), SevSettings.STANDARD.withHashes(Optional.of(HASHES)));

        LaunchStep step = ((LaunchPlan.Launches) plan).steps().get(5);

        byte[] expected = new byte[4096];
        byte[] table = HASHES.table().toArray(ValueLayout.JAVA_BYTE);
        System.arraycopy(table, 0, expected, 0xc00, table.length);
        assertThat(((SnpPages) step).type()).isEqualTo(SnpPageType.NORMAL);
        assertThat(step.contents().toArray(ValueLayout.JAVA_BYTE)).isEqualTo(expected);
    }

    @Test
    void snpWithoutWhatItNeeds() throws MalformedFirmwareException {
        assertThat(reason(snp(new TestFirmware(0x1000), SevSettings.STANDARD))).contains("no SEV metadata");
        assertThat(reason(snp(new TestFirmware(0x1000).sev(), SevSettings.STANDARD)))
                .contains("does not say where vCPUs start");
        assertThat(reason(snp(new TestFirmware(0x1000).sev().entry(GuidTable.RESET_BLOCK, 0), SevSettings.STANDARD)))
                .contains("reset address is 0");
        assertThat(reason(SnpLaunch.plan(OvmfFirmware.of(FirmwareFile.of(new byte[5000])), SevSettings.STANDARD)))
                .contains("0x1388 bytes, is no multiple of the page size");
    }

    @Test
    void sectionsWithoutMemoryBehindThem() throws MalformedFirmwareException {
        assertThat(reason(section(0, 0, 1))).contains("section 0: SEC_MEM (at 0x110 of the file)", "no bytes");
        assertThat(reason(section(0x800000, 0x800, 1))).contains("not whole pages, which KVM answers with EINVAL");
        assertThat(reason(section(0x800100, 0x1000, 1))).contains("not whole pages");
        assertThat(reason(section(0xfffff000L, 0x2000, 1))).contains("beyond 4 GiB");
        assertThat(reason(section(0xe0000000L, 0x1000, 1))).contains("beyond the guest's memory below 4 GiB");
        SevSettings small = SevSettings.STANDARD.withMemory(OptionalLong.of(8 << 20));
        assertThat(reason(snp(TestFirmware.snp(), small))).contains("beyond the guest's memory", "0x800000");
    }

    @Test
    void sectionsThatOverlap() throws MalformedFirmwareException {
        TestFirmware firmware = new TestFirmware(0x1000)
                .entry(GuidTable.RESET_BLOCK, 1)
                .sev(new long[] {0x1000, 0x3000, 1}, new long[] {0x3000, 0x1000, 2});

        assertThat(reason(snp(firmware, SevSettings.STANDARD)))
                .isEqualTo(
                        "section 0: SEC_MEM and section 1: SECRETS both populate the page at 0x3000, which the kernel"
                                + " answers with EIO");
    }

    @Test
    void sectionsOfAnUnknownType() throws MalformedFirmwareException {
        TestFirmware firmware =
                new TestFirmware(0x1000).entry(GuidTable.RESET_BLOCK, 1).sev(new long[] {0x1000, 0x1000, 0x77});

        assertThat(reason(snp(firmware, SevSettings.STANDARD)))
                .contains("SEV metadata: section 0: type 0x77 at 0x118: the type is unknown");
        assertThat(types(snp(firmware, SevSettings.STANDARD.withUnknownAsZero(true))))
                .containsExactly("NORMAL", "ZERO", "VMSA");
    }

    @Test
    void kernelsThatCannotBeMeasured() throws MalformedFirmwareException {
        SevSettings kernel = SevSettings.STANDARD.withHashes(Optional.of(HASHES));
        TestFirmware without =
                new TestFirmware(0x1000).entry(GuidTable.RESET_BLOCK, 1).sev(new long[] {0x1000, 0x1000, 0x10});

        assertThat(reason(snp(without, kernel))).contains("no place for kernel hashes");
        assertThat(reason(SevLaunch.plan(Technology.SEV, without.read(), kernel)))
                .contains("no place for kernel hashes");
        assertThat(reason(snp(without, SevSettings.STANDARD.withHashesWithoutKernel(true))))
                .contains("kernel-hashes=on without a kernel");
        assertThat(reason(snp(hashArea(0x1fc0, 0x100), kernel))).contains("does not fit into section 0: KERNEL_HASHES");
        assertThat(reason(snp(hashArea(0x1000, 0xaf), kernel))).contains("has 0xaf bytes; the table takes 176");
        assertThat(reason(snp(hashArea(0, 0), kernel))).contains("no place for kernel hashes");
        assertThat(reason(SevLaunch.plan(Technology.SEV, hashArea(0x1008, 0x100).read(), kernel)))
                .contains("is not aligned to 16");
    }

    private static TestFirmware hashArea(long base, long size) {
        return new TestFirmware(0x1000)
                .entry(GuidTable.RESET_BLOCK, 1)
                .entry(GuidTable.KERNEL_HASHES, base, size)
                .sev(new long[] {0x1000, 0x1000, 0x10});
    }

    @Test
    void sevEsNeedsAResetAddressAndSevDoesNot() throws MalformedFirmwareException {
        OvmfFirmware plain = OvmfFirmware.of(FirmwareFile.of(new byte[4096]));

        assertThat(reason(SevLaunch.plan(Technology.SEV_ES, plain, SevSettings.STANDARD)))
                .contains("does not say where vCPUs start");
        assertThat(SevLaunch.plan(Technology.SEV, plain, SevSettings.STANDARD)).isInstanceOf(LaunchPlan.Launches.class);
        OvmfFirmware odd = OvmfFirmware.of(FirmwareFile.of(new byte[4097]));
        assertThat(reason(SevLaunch.plan(Technology.SEV, odd, SevSettings.STANDARD)))
                .contains("no multiple of 16");
    }

    @Test
    void theFlavoursOfSevEsDifferInTheFpuOnly() {
        byte[] init2 = SevSettings.STANDARD.vmsa(0).page(0, 0);
        byte[] legacy = SevSettings.STANDARD.withFpu(false).vmsa(0).page(0, 0);

        VmsaField.MXCSR.put(legacy, 0x1f80);
        assertThat(legacy).isNotEqualTo(init2);
        VmsaField.FCW.put(legacy, 0x37f);
        assertThat(legacy).isEqualTo(init2);
    }

    @Test
    void tdxInTheRightOrder() throws MalformedFirmwareException {
        LaunchPlan plan = TdxLaunch.plan(TestFirmware.tdx().read(), TdxSettings.STANDARD);

        assertThat(((LaunchPlan.Launches) plan).steps())
                .extracting(LaunchStep::what)
                .containsExactly("section 0: BFV", "section 1: CFV", "section 2: TD_HOB", "section 3: TEMP_MEM");
        assertThat(TdxLaunch.plan(TestFirmware.tdx().read(), TdxSettings.STANDARD.with(TdxVmm.GCE)))
                .isInstanceOf(LaunchPlan.Launches.class);
    }

    @Test
    void tdxThatNeverLaunches() throws MalformedFirmwareException {
        long[] bfv = {0, 0x1000, 0xfffff000L, 0x1000, 0, 1};
        long[] hob = {0, 0, 0x809000, 0x2000, 2, 0};
        assertThat(reason(tdx(TdxVmm.QEMU, bfv))).contains("fewer than 2 sections");
        assertThat(reason(tdx(TdxVmm.QEMU, bfv, bfv))).contains("0 TD_HOB sections");
        assertThat(reason(tdx(TdxVmm.QEMU, hob, hob))).contains("2 TD_HOB sections");
        assertThat(reason(tdx(TdxVmm.GCE, new long[] {0, 0x1000, 0, 0x1000, 1, 0}, hob)))
                .contains("without a BFV");
        assertThat(reason(tdx(TdxVmm.GCE, with(bfv, 1, 0x800), hob)))
                .contains("volumes of 0x800 bytes in a file of 0x1000");
        assertThat(reason(tdx(TdxVmm.QEMU, with(bfv, 4, 4), hob))).contains("qemu does not know the type");
        assertThat(reason(tdx(TdxVmm.TD_SHIM, with(bfv, 4, 9), hob))).contains("td-shim does not know the type");
        assertThat(tdx(TdxVmm.TD_SHIM, with(bfv, 4, 8), hob)).isInstanceOf(LaunchPlan.Launches.class);
        assertThat(reason(tdx(TdxVmm.QEMU, with(bfv, 5, 3), hob)))
                .contains("measured before the launch and added after");
        assertThat(reason(tdx(TdxVmm.QEMU, with(bfv, 5, 4), hob))).contains("unknown attributes, 0x4");
        assertThat(reason(tdx(TdxVmm.QEMU, with(bfv, 1, 0), hob))).contains("a firmware volume without data");
        assertThat(reason(tdx(TdxVmm.QEMU, with(bfv, 1, 0x800), hob))).contains("data of only 0x800 bytes");
        assertThat(reason(tdx(TdxVmm.QEMU, bfv, with(hob, 1, 0x100)))).contains("data for memory that the VMM makes");
        assertThat(reason(tdx(TdxVmm.QEMU, bfv, with(hob, 3, 0)))).contains("no memory, which KVM answers with EINVAL");
        assertThat(reason(tdx(TdxVmm.QEMU, bfv, with(hob, 2, 0xffffe000L))))
                .contains("both populate the page at 0xfffff000");
        assertThat(reason(TdxLaunch.plan(TestFirmware.snp().read(), TdxSettings.STANDARD)))
                .contains("no TDX metadata");
        assertThat(reason(TdxLaunch.plan(
                        new TestFirmware(0x1000).tdvf(bfv, hob).read(),
                        TdxSettings.STANDARD.withMemory(List.of(new MemoryRange(0, 0x80a000))))))
                .contains(
                        "section 1: TD_HOB (at 0x430 of the file), 0x2000 bytes at 0x809000: not in the guest's memory");
    }

    @Test
    void hostileSizesAreRefusedBeforeAnythingIsAllocated() throws MalformedFirmwareException {
        long[] bfv = {0, 0x1000, 0xfffff000L, 0x1000, 0, 1};
        long[] hob = {0, 0, 0x809000, 0x2000, 2, 0};
        assertThat(reason(tdx(TdxVmm.QEMU, bfv, with(hob, 3, 1L << 52)))).contains("beyond 4 GiB");
        assertThat(reason(TdxLaunch.plan(
                        new TestFirmware(0x1000)
                                .tdvf(bfv, with(hob, 3, 0x4000_0000))
                                .read(),
                        TdxSettings.STANDARD.withMemory(MemoryRange.ofQ35(4L << 30)))))
                .contains("more than any TD HOB takes");
        SevSettings kernel = SevSettings.STANDARD.withHashes(Optional.of(HASHES));
        TestFirmware large = new TestFirmware(0x1000)
                .entry(GuidTable.RESET_BLOCK, 1)
                .entry(GuidTable.KERNEL_HASHES, 0x1fc0, 0x100)
                .sev(new long[] {0x1000, 0x9000_0000L, 0x10});
        assertThat(((LaunchPlan.Launches) snp(large, kernel)).steps())
                .extracting(LaunchStep::size)
                .containsExactly(0x1000L, 0x2000L, 0x9000_0000L - 0x2000, 0x1000L);
    }

    private static long[] with(long[] section, int field, long value) {
        long[] changed = Arrays.copyOf(section, section.length);
        changed[field] = value;
        return changed;
    }

    private static LaunchPlan tdx(TdxVmm vmm, long[]... sections) throws MalformedFirmwareException {
        return TdxLaunch.plan(new TestFirmware(0x1000).tdvf(sections).read(), TdxSettings.STANDARD.with(vmm));
    }

    private static LaunchPlan section(long gpa, long size, long type) throws MalformedFirmwareException {
        TestFirmware firmware =
                new TestFirmware(0x1000).entry(GuidTable.RESET_BLOCK, 1).sev(new long[] {gpa, size, type});
        return snp(firmware, SevSettings.STANDARD);
    }

    private static LaunchPlan snp(TestFirmware firmware, SevSettings settings) throws MalformedFirmwareException {
        return SnpLaunch.plan(firmware.read(), settings);
    }

    private static String reason(LaunchPlan plan) {
        assertThat(plan).isInstanceOf(LaunchPlan.Refused.class);
        return ((LaunchPlan.Refused) plan).reason();
    }

    private static List<String> types(LaunchPlan plan) {
        return ((LaunchPlan.Launches) plan)
                .steps().stream().map(step -> ((SnpPages) step).type().name()).toList();
    }
}
