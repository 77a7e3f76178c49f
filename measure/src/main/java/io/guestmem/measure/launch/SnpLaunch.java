package io.guestmem.measure.launch;

import io.guestmem.measure.LaunchStep;
import io.guestmem.measure.LaunchStep.SnpPages;
import io.guestmem.measure.SnpPageType;
import io.guestmem.measure.Technology;
import io.guestmem.measure.firmware.MalformedFirmwareException;
import io.guestmem.measure.firmware.OvmfFirmware;
import io.guestmem.measure.firmware.SevSection;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * The launch of an SNP guest with OVMF: the firmware up to 4 GiB, the sections of its SEV metadata, then a VMSA for each vCPU (QEMU
 * 10 {@code target/i386/sev.c}, {@code sev_snp_launch_finish}).
 */
public final class SnpLaunch {
    private static final long FOUR_GIB = 1L << 32;
    private static final long PAGE = LaunchStep.PAGE;
    /** The most memory below 4 GiB that a machine type of QEMU has. */
    private static final long MOST_LOW_MEMORY = 0xe000_0000L;

    private final OvmfFirmware firmware;
    private final SevSettings settings;
    private final List<LaunchStep> steps = new ArrayList<>();

    private SnpLaunch(OvmfFirmware firmware, SevSettings settings) {
        this.firmware = firmware;
        this.settings = settings;
    }

    /** The plan. */
    public static LaunchPlan plan(OvmfFirmware firmware, SevSettings settings) {
        try {
            return new LaunchPlan.Launches(Technology.SNP, new SnpLaunch(firmware, settings).steps());
        } catch (RefusedException | MalformedFirmwareException refused) {
            return new LaunchPlan.Refused(Technology.SNP, String.valueOf(refused.getMessage()));
        }
    }

    /**
     * The firmware alone: what the published tools call the OVMF hash.
     *
     * @throws IllegalArgumentException if it does not consist of pages
     */
    public static LaunchStep firmware(OvmfFirmware firmware) {
        MemorySegment bytes = firmware.file().bytes();
        return new SnpPages(SnpPageType.NORMAL, FOUR_GIB - bytes.byteSize(), bytes.byteSize(), bytes, "firmware");
    }

    private List<LaunchStep> steps() throws RefusedException, MalformedFirmwareException {
        long size = firmware.file().size();
        if (size % PAGE != 0 || size > FOUR_GIB) {
            throw new RefusedException("the firmware, 0x" + Long.toHexString(size)
                    + " bytes, is no multiple of the page size up to 4 GiB");
        }
        steps.add(firmware(firmware));
        OvmfFirmware described = firmware;
        if (settings.svsm().isPresent()) {
            described = settings.svsm().get().image();
            steps.add(svsm(settings.svsm().get()));
        }
        sections(described);
        Ranges.refuseOverlaps(steps);
        if (settings.svsm().isPresent()) {
            svsmVmsas(described);
        } else {
            vmsas();
        }
        return steps;
    }

    private LaunchStep svsm(SevSettings.Svsm svsm) throws RefusedException {
        MemorySegment bytes = svsm.image().file().bytes();
        long gpa = FOUR_GIB - firmware.file().size() - svsm.variables() - bytes.byteSize();
        if (bytes.byteSize() % PAGE != 0 || gpa % PAGE != 0 || gpa < 0) {
            throw new RefusedException("the SVSM, 0x" + Long.toHexString(bytes.byteSize())
                    + " bytes, does not lie on whole pages below the variables");
        }
        return new SnpPages(SnpPageType.NORMAL, gpa, bytes.byteSize(), bytes, "SVSM");
    }

    private void sections(OvmfFirmware described) throws RefusedException, MalformedFirmwareException {
        Optional<List<SevSection>> metadata = described.sevMetadata();
        if (metadata.isEmpty()) {
            throw new RefusedException("the firmware has no SEV metadata: it is not made for SNP");
        }
        List<SevSection> cpuidOfEc2 = new ArrayList<>();
        boolean hashed = false;
        for (SevSection section : metadata.get()) {
            check(section);
            if (section.type() == SevSection.CPUID && settings.vmm().isEc2()) {
                cpuidOfEc2.add(section);
            } else if (section.type() == SevSection.KERNEL_HASHES) {
                addHashes(section);
                hashed = true;
            } else {
                steps.add(pages(section, type(section)));
            }
        }
        cpuidOfEc2.forEach(section -> steps.add(pages(section, SnpPageType.CPUID)));
        if (settings.hashes().isPresent() && !hashed) {
            throw new RefusedException("a kernel is given, but the firmware's SEV metadata has no KERNEL_HASHES section"
                    + " to measure it with");
        }
    }

    private void check(SevSection section) throws RefusedException {
        String place = section.what() + " (at 0x" + Long.toHexString(section.offset()) + " of the file), 0x"
                + Long.toHexString(section.size()) + " bytes at 0x" + Long.toHexString(section.gpa());
        if (section.size() == 0) {
            throw new RefusedException(place + ": no bytes, so the VMM finds no memory there");
        }
        if (section.size() % PAGE != 0 || section.gpa() % PAGE != 0) {
            throw new RefusedException(place + ": not whole pages, which KVM answers with EINVAL");
        }
        if (section.gpa() + section.size() > FOUR_GIB) {
            throw new RefusedException(place + ": beyond 4 GiB");
        }
        long low = Math.min(settings.memory().orElse(MOST_LOW_MEMORY), MOST_LOW_MEMORY);
        if (settings.vmm() == Vmm.QEMU && section.gpa() + section.size() > low) {
            throw new RefusedException(place + ": beyond the guest's memory below 4 GiB, 0x" + Long.toHexString(low));
        }
    }

    private SnpPageType type(SevSection section) throws RefusedException {
        return switch ((int) section.type()) {
            case SevSection.SEC_MEM -> settings.vmm() == Vmm.GCE ? SnpPageType.UNMEASURED : SnpPageType.ZERO;
            case SevSection.SECRETS -> SnpPageType.SECRETS;
            case SevSection.CPUID -> SnpPageType.CPUID;
            case SevSection.SVSM_CAA -> SnpPageType.ZERO;
            default -> {
                if (!settings.unknownAsZero()) {
                    throw new RefusedException("SEV metadata: " + section.what() + " at 0x"
                            + Long.toHexString(section.offset() + 8)
                            + ": the type is unknown; QEMU takes it for ZERO pages");
                }
                yield SnpPageType.ZERO;
            }
        };
    }

    private static LaunchStep pages(SevSection section, SnpPageType type) {
        return new SnpPages(type, section.gpa(), section.size(), MemorySegment.NULL, section.what());
    }

    private void addHashes(SevSection section) throws RefusedException, MalformedFirmwareException {
        if (settings.hashesWithoutKernel() && settings.hashes().isEmpty()) {
            throw new RefusedException(
                    "kernel-hashes=on without a kernel: an assertion ends QEMU, for the firmware has a "
                            + section.what());
        }
        if (settings.hashes().isEmpty()) {
            steps.add(pages(section, SnpPageType.ZERO));
            return;
        }
        long offset = SevLaunch.hashArea(firmware).base() % PAGE;
        if (offset + KernelHashes.SIZE > section.size()) {
            throw new RefusedException("the table of kernel hashes, " + KernelHashes.SIZE + " bytes at 0x"
                    + Long.toHexString(offset) + ", does not fit into " + section.what());
        }
        long length = offset + KernelHashes.SIZE > PAGE ? 2 * PAGE : PAGE;
        MemorySegment contents = MemorySegment.ofArray(new byte[(int) length]);
        MemorySegment table = settings.hashes().get().table();
        MemorySegment.copy(table, ValueLayout.JAVA_BYTE, 0, contents, ValueLayout.JAVA_BYTE, offset, KernelHashes.SIZE);
        steps.add(new SnpPages(SnpPageType.NORMAL, section.gpa(), length, contents, section.what()));
        if (section.size() > length) {
            steps.add(new SnpPages(
                    SnpPageType.NORMAL,
                    section.gpa() + length,
                    section.size() - length,
                    MemorySegment.NULL,
                    section.what()));
        }
    }

    private void vmsas() throws RefusedException, MalformedFirmwareException {
        Vmsa vmsa = settings.vmsa(settings.features());
        MemorySegment first = MemorySegment.ofArray(vmsa.page(0, 0));
        long reset = settings.vmm() == Vmm.GCE && settings.vcpus() == 1 ? 0 : SevLaunch.resetAddress(firmware);
        MemorySegment other = MemorySegment.ofArray(vmsa.page(1, reset));
        for (int i = 0; i < settings.vcpus(); i++) {
            steps.add(vmsa(i, i == 0 ? first : other));
        }
    }

    private void svsmVmsas(OvmfFirmware svsm) throws RefusedException, MalformedFirmwareException {
        Optional<Long> entry = svsm.svsmEntry();
        if (entry.isEmpty()) {
            throw new RefusedException("the SVSM image does not say where it starts");
        }
        long base = steps.get(1).gpa();
        MemorySegment page = MemorySegment.ofArray(
                settings.vmsa(GuestFeature.SNP_ACTIVE.mask()).svsmPage(base + entry.get()));
        for (int i = 0; i < settings.vcpus(); i++) {
            steps.add(vmsa(i, page));
        }
    }

    private LaunchStep vmsa(int vcpu, MemorySegment page) {
        return new SnpPages(SnpPageType.VMSA, settings.vmsaGpa(), PAGE, page, "vCPU " + vcpu);
    }
}
