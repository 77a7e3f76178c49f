package io.guestmem.measure.launch;

import io.guestmem.measure.LaunchStep;
import io.guestmem.measure.LaunchStep.TdxExtend;
import io.guestmem.measure.LaunchStep.TdxPages;
import io.guestmem.measure.Technology;
import io.guestmem.measure.firmware.MalformedFirmwareException;
import io.guestmem.measure.firmware.OvmfFirmware;
import io.guestmem.measure.firmware.TdvfSection;
import io.guestmem.measure.rtmr.MemoryRange;
import io.guestmem.measure.rtmr.TdHob;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * The launch of a TD with TDVF: the sections of its metadata in the order of the table. Only sections with the attribute MR_EXTEND
 * are extended; in OVMF that is the boot firmware volume, while the variables go into RTMR 0.
 */
public final class TdxLaunch {
    private static final long FOUR_GIB = 1L << 32;
    /** No machine has so much memory that its list of blocks takes more. */
    private static final long MOST_OF_HOB = 1 << 20;

    private final OvmfFirmware firmware;
    private final TdxSettings settings;

    private TdxLaunch(OvmfFirmware firmware, TdxSettings settings) {
        this.firmware = firmware;
        this.settings = settings;
    }

    /** The plan. */
    public static LaunchPlan plan(OvmfFirmware firmware, TdxSettings settings) {
        try {
            return new LaunchPlan.Launches(Technology.TDX, new TdxLaunch(firmware, settings).steps());
        } catch (RefusedException | MalformedFirmwareException refused) {
            return new LaunchPlan.Refused(Technology.TDX, String.valueOf(refused.getMessage()));
        }
    }

    /**
     * The TD HOB of a launch.
     *
     * @param gpa where it starts
     * @param list what is in it
     */
    public record Hob(long gpa, TdHob list) {}

    /**
     * The TD HOB that the VMM makes; empty if the firmware has no place for one.
     *
     * @param settings with memory
     * @throws MalformedFirmwareException if the metadata are broken
     */
    public static Optional<Hob> hob(OvmfFirmware firmware, TdxSettings settings) throws MalformedFirmwareException {
        List<TdvfSection> sections =
                firmware.tdvf().map(OvmfFirmware.Tdvf::sections).orElse(List.of());
        return sections.stream()
                .filter(each -> each.type() == TdvfSection.TD_HOB)
                .findFirst()
                .map(place -> hob(place, sections, settings));
    }

    private static Hob hob(TdvfSection place, List<TdvfSection> sections, TdxSettings settings) {
        List<MemoryRange> memory = settings.memory().orElse(List.of());
        List<MemoryRange> added = new ArrayList<>();
        for (TdvfSection section : sections) {
            boolean inMemory = section.type() == TdvfSection.TD_HOB || section.type() == TdvfSection.TEMP_MEM;
            if (section.size() > 0 && (settings.vmm() == TdxVmm.GCE || inMemory)) {
                added.add(new MemoryRange(section.gpa(), section.size()));
            }
        }
        TdHob hob = settings.vmm() == TdxVmm.GCE
                ? TdHob.ofGce(memory, added, settings.earlyAccept())
                : TdHob.ofQemu(memory, added);
        return new Hob(place.gpa(), hob);
    }

    private List<LaunchStep> steps() throws RefusedException, MalformedFirmwareException {
        Optional<OvmfFirmware.Tdvf> metadata = firmware.tdvf();
        if (metadata.isEmpty()) {
            throw new RefusedException("the firmware has no TDX metadata: it is not made for TDX");
        }
        if (metadata.get().legacy() && settings.vmm() != TdxVmm.TD_SHIM) {
            throw new RefusedException("the firmware's TDX metadata are not in its GUID table, where "
                    + settings.vmm().label() + " looks for them");
        }
        List<TdvfSection> sections = metadata.get().sections();
        checkTable(sections);
        List<LaunchStep> steps = new ArrayList<>();
        for (TdvfSection section : sections) {
            check(section);
            if (!section.augmented()) {
                add(steps, section, sections);
            }
        }
        Ranges.refuseOverlaps(steps.stream().filter(TdxPages.class::isInstance).toList());
        return steps;
    }

    private void add(List<LaunchStep> steps, TdvfSection section, List<TdvfSection> sections)
            throws RefusedException, MalformedFirmwareException {
        boolean extended = section.extended() || settings.measureAll();
        MemorySegment contents = contents(section, sections, extended);
        String what = section.what();
        boolean together = settings.order() == TdxOrder.PAGE;
        steps.add(new TdxPages(section.gpa(), section.size(), contents, extended && together, what));
        if (extended && !together) {
            steps.add(new TdxExtend(section.gpa(), section.size(), contents, what));
        }
    }

    private MemorySegment contents(TdvfSection section, List<TdvfSection> sections, boolean extended)
            throws RefusedException, MalformedFirmwareException {
        if (section.rawSize() == section.size()) {
            return firmware.file().slice(section.what(), section.dataOffset(), section.rawSize());
        }
        if (section.type() == TdvfSection.TD_HOB && settings.memory().isPresent()) {
            byte[] list = hob(section, sections, settings).list().bytes(section.gpa());
            if (list.length > section.size()) {
                throw new RefusedException(place(section) + ": the TD HOB, 0x" + Integer.toHexString(list.length)
                        + " bytes, does not fit");
            }
            if (section.size() > MOST_OF_HOB) {
                throw new RefusedException(place(section) + ": more than any TD HOB takes");
            }
            byte[] pages = new byte[(int) section.size()];
            System.arraycopy(list, 0, pages, 0, list.length);
            return MemorySegment.ofArray(pages);
        }
        if (extended && section.type() == TdvfSection.TD_HOB) {
            throw new RefusedException(place(section)
                    + ": the TD HOB is measured, so the digest depends on the guest's memory; say how much it has");
        }
        if (extended && section.rawSize() != 0) {
            throw new RefusedException(place(section) + ": measured, with data of only 0x"
                    + Long.toHexString(section.rawSize()) + " bytes; loaders differ in what follows them");
        }
        return MemorySegment.NULL;
    }

    private void checkTable(List<TdvfSection> sections) throws RefusedException {
        long hobs = count(sections, TdvfSection.TD_HOB);
        if (settings.vmm() != TdxVmm.TD_SHIM && sections.size() < 2) {
            throw new RefusedException("TDX metadata with fewer than 2 sections");
        }
        if (settings.vmm() != TdxVmm.TD_SHIM && hobs != 1) {
            throw new RefusedException("TDX metadata with " + hobs + " TD_HOB sections, not one");
        }
        if (settings.vmm() == TdxVmm.GCE) {
            long volumes = sections.stream()
                    .filter(each -> each.type() <= TdvfSection.CFV)
                    .mapToLong(TdvfSection::rawSize)
                    .sum();
            if (count(sections, TdvfSection.BFV) == 0) {
                throw new RefusedException("TDX metadata without a BFV section");
            }
            if (volumes != firmware.file().size()) {
                throw new RefusedException(
                        "TDX metadata with volumes of 0x" + Long.toHexString(volumes) + " bytes in a file of 0x"
                                + Long.toHexString(firmware.file().size()));
            }
        }
    }

    private void check(TdvfSection section) throws RefusedException {
        long last = settings.vmm() == TdxVmm.TD_SHIM ? TdvfSection.LAST_OF_TD_SHIM : TdvfSection.TEMP_MEM;
        if (section.type() > last) {
            throw new RefusedException(place(section) + ": " + settings.vmm().label() + " does not know the type");
        }
        if (section.attributes() > (TdvfSection.MR_EXTEND | TdvfSection.PAGE_AUG)) {
            throw new RefusedException(
                    place(section) + ": unknown attributes, 0x" + Long.toHexString(section.attributes()));
        }
        if (section.extended() && section.augmented()) {
            throw new RefusedException(place(section) + ": measured before the launch and added after it");
        }
        if (section.size() == 0) {
            throw new RefusedException(place(section) + ": no memory, which KVM answers with EINVAL");
        }
        if (section.gpa() + section.size() > FOUR_GIB && !inMemory(section)) {
            throw new RefusedException(place(section) + ": beyond 4 GiB, where only the guest's memory can be");
        }
        boolean volume = section.type() <= TdvfSection.CFV;
        if (volume && section.rawSize() == 0) {
            throw new RefusedException(place(section) + ": a firmware volume without data");
        }
        boolean made = section.type() == TdvfSection.TD_HOB || section.type() == TdvfSection.TEMP_MEM;
        if (made && section.rawSize() != 0) {
            throw new RefusedException(place(section) + ": data for memory that the VMM makes");
        }
        if (made && settings.memory().isPresent() && !inMemory(section)) {
            throw new RefusedException(place(section) + ": not in the guest's memory");
        }
    }

    private boolean inMemory(TdvfSection section) {
        MemoryRange range = new MemoryRange(section.gpa(), section.size());
        return settings.memory().orElse(List.of()).stream().anyMatch(each -> each.contains(range));
    }

    private static long count(List<TdvfSection> sections, int type) {
        return sections.stream().filter(each -> each.type() == type).count();
    }

    private static String place(TdvfSection section) {
        return section.what() + " (at 0x" + Long.toHexString(section.offset()) + " of the file), 0x"
                + Long.toHexString(section.size()) + " bytes at 0x" + Long.toHexString(section.gpa());
    }
}
