package io.guestmem.measure.launch;

import io.guestmem.measure.LaunchStep;
import io.guestmem.measure.LaunchStep.SnpPages;
import io.guestmem.measure.LaunchStep.TdxPages;
import io.guestmem.measure.SnpMeasurement;
import io.guestmem.measure.SnpPageType;
import io.guestmem.measure.Technology;
import io.guestmem.measure.firmware.IgvmDirective;
import io.guestmem.measure.firmware.IgvmDirective.PageData;
import io.guestmem.measure.firmware.IgvmFile;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalLong;

/**
 * The launch of a guest from an IGVM file: its directives decide what is populated and in which order. The limits are those of KVM
 * (Coconut SVSM {@code igvmmeasure --check-kvm}): one VMSA, the last of all pages, where KVM puts it.
 */
public final class IgvmLaunch {
    /** CR0 as KVM leaves it in protected mode and in real mode. */
    private static final List<Long> CR0_OF_KVM = List.of(0x31L, 0x30L);

    private final Technology technology;
    private final boolean nativeZero;
    private final List<LaunchStep> steps = new ArrayList<>();
    private int vmsas;

    private IgvmLaunch(Technology technology, boolean nativeZero) {
        this.technology = technology;
        this.nativeZero = nativeZero;
    }

    /**
     * The plan.
     *
     * @param nativeZero whether pages without data are ZERO pages of SNP, as in QEMU; otherwise they are NORMAL pages of zeroes
     */
    public static LaunchPlan plan(Technology technology, IgvmFile file, boolean nativeZero) {
        try {
            return new LaunchPlan.Launches(technology, new IgvmLaunch(technology, nativeZero).steps(file));
        } catch (RefusedException refused) {
            return new LaunchPlan.Refused(technology, String.valueOf(refused.getMessage()));
        }
    }

    private List<LaunchStep> steps(IgvmFile file) throws RefusedException {
        int platform = switch (technology) {
            case SEV -> IgvmFile.SEV;
            case SEV_ES -> IgvmFile.SEV_ES;
            case SNP -> IgvmFile.SNP;
            case TDX -> IgvmFile.TDX;
        };
        OptionalLong mask = file.mask(platform);
        if (mask.isEmpty()) {
            throw new RefusedException("the IGVM file does not support " + technology.label());
        }
        for (IgvmDirective directive : file.directives()) {
            if ((directive.mask() & mask.getAsLong()) != 0) {
                apply(directive);
            }
        }
        if (technology == Technology.SNP || technology == Technology.TDX) {
            Ranges.refuseOverlaps(steps);
        }
        return steps;
    }

    private void apply(IgvmDirective directive) throws RefusedException {
        switch (directive) {
            case PageData page when page.shared() -> {}
            case PageData page -> {
                refuseAfterVmsa(directive);
                page(page);
            }
            case IgvmDirective.Parameters parameters -> {
                refuseAfterVmsa(directive);
                unmeasured(parameters.gpa(), parameters.size(), "parameters");
            }
            case IgvmDirective.VpContext context -> vmsa(context);
            case IgvmDirective.IdBlock _ -> {}
        }
    }

    private void page(PageData page) {
        String what = "page data";
        switch (technology) {
            case SEV, SEV_ES -> {
                if (!page.contents().equals(MemorySegment.NULL)) {
                    steps.add(new LaunchStep.SevData(page.gpa(), page.contents(), what));
                }
            }
            case SNP -> steps.add(new SnpPages(type(page), page.gpa(), page.size(), page.contents(), what));
            case TDX -> steps.add(new TdxPages(page.gpa(), page.size(), page.contents(), !page.unmeasured(), what));
        }
    }

    private SnpPageType type(PageData page) {
        return switch (page.kind()) {
            case SECRETS -> SnpPageType.SECRETS;
            case CPUID_DATA, CPUID_XF -> SnpPageType.CPUID;
            case NORMAL -> {
                if (page.unmeasured()) {
                    yield SnpPageType.UNMEASURED;
                }
                yield nativeZero && page.contents().equals(MemorySegment.NULL) ? SnpPageType.ZERO : SnpPageType.NORMAL;
            }
        };
    }

    private void unmeasured(long gpa, long size, String what) {
        switch (technology) {
            case SEV, SEV_ES -> {}
            case SNP -> steps.add(new SnpPages(SnpPageType.UNMEASURED, gpa, size, MemorySegment.NULL, what));
            case TDX -> steps.add(new TdxPages(gpa, size, MemorySegment.NULL, false, what));
        }
    }

    private void vmsa(IgvmDirective.VpContext context) throws RefusedException {
        String place = "the VMSA at 0x" + Long.toHexString(context.offset()) + " of the file";
        if (vmsas++ > 0) {
            throw new RefusedException(place + " is not the only one: KVM takes one");
        }
        switch (technology) {
            case SEV, TDX -> {}
            case SEV_ES -> steps.add(new LaunchStep.SevVmsa(context.vcpu(), context.contents()));
            case SNP -> {
                if (context.gpa() != SnpMeasurement.VMSA_GPA) {
                    throw new RefusedException(place + " is for address 0x" + Long.toHexString(context.gpa())
                            + "; KVM puts it at 0x" + Long.toHexString(SnpMeasurement.VMSA_GPA));
                }
                long cr0 = VmsaField.CR0.get(context.contents().toArray(ValueLayout.JAVA_BYTE));
                if (!CR0_OF_KVM.contains(cr0)) {
                    throw new RefusedException(
                            place + " has CR0 0x" + Long.toHexString(cr0) + "; KVM makes 0x31 or 0x30 of it");
                }
                steps.add(new SnpPages(
                        SnpPageType.VMSA,
                        context.gpa(),
                        LaunchStep.PAGE,
                        context.contents(),
                        "vCPU " + context.vcpu()));
            }
        }
    }

    private void refuseAfterVmsa(IgvmDirective directive) throws RefusedException {
        if (vmsas > 0) {
            throw new RefusedException("the page at 0x" + Long.toHexString(directive.offset())
                    + " of the file comes after the VMSA, which KVM measures last");
        }
    }
}
