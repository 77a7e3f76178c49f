package io.guestmem.vmm.demo;

import io.guestmem.abi.GuestRange;
import io.guestmem.kvm.populate.Content;
import io.guestmem.kvm.populate.Flavour;
import io.guestmem.kvm.populate.Measured;
import io.guestmem.kvm.populate.PopulationStep;
import io.guestmem.measure.LaunchStep;
import io.guestmem.measure.SnpPageType;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;

/** Steps of a measured launch as steps of a population. */
final class LaunchSteps {
    private LaunchSteps() {}

    /** Whether a step is a vCPU, which the end of a launch adds. */
    static boolean isVcpu(LaunchStep step) {
        return switch (step) {
            case LaunchStep.SevVmsa _ -> true;
            case LaunchStep.SnpPages pages -> pages.type() == SnpPageType.VMSA;
            case LaunchStep.SevData _, LaunchStep.TdxPages _, LaunchStep.TdxExtend _ -> false;
        };
    }

    /**
     * The step of a population; empty for a vCPU.
     *
     * @throws PopulationException for a step that no merged kernel has a command for
     */
    static Optional<PopulationStep> populate(LaunchStep step) {
        GuestRange range = GuestRange.of(step.gpa(), step.size());
        return switch (step) {
            case LaunchStep.SevData data -> Optional.of(PopulationStep.of(range, new Content.Buffer(data.contents())));
            case LaunchStep.SnpPages pages ->
                isVcpu(step)
                        ? Optional.empty()
                        : Optional.of(PopulationStep.of(range, content(pages))
                                .with(Flavour.PRIVATE)
                                .with(measured(pages.type())));
            case LaunchStep.TdxPages pages ->
                Optional.of(PopulationStep.of(range, contentOrZeroes(pages.contents()))
                        .with(Flavour.PRIVATE)
                        .with(pages.extend() ? Measured.CONTENT : Measured.PLACE));
            case LaunchStep.TdxExtend extend ->
                throw new PopulationException("KVM_TDX_EXTEND_MEMORY of " + extend.what()
                        + ": never merged; the flag KVM_TDX_MEASURE_MEMORY_REGION took its place");
            case LaunchStep.SevVmsa _ -> Optional.empty();
        };
    }

    /** A NORMAL page of zeroes is measured as such; only the type ZERO has no source. */
    private static Content content(LaunchStep.SnpPages pages) {
        boolean normal = pages.type() == SnpPageType.NORMAL && pages.contents().equals(MemorySegment.NULL);
        return normal
                ? new Content.Buffer(MemorySegment.ofArray(new byte[Math.toIntExact(pages.size())]))
                : contentOrZeroes(pages.contents());
    }

    private static Content contentOrZeroes(MemorySegment contents) {
        return contents.equals(MemorySegment.NULL) ? new Content.Zero() : new Content.Buffer(contents);
    }

    private static Measured measured(SnpPageType type) {
        return switch (type) {
            case NORMAL, VMSA, ZERO -> Measured.CONTENT;
            case UNMEASURED -> Measured.PLACE;
            case SECRETS -> Measured.SECRETS;
            case CPUID -> Measured.CPUID;
        };
    }

    /** The command that gives a step, with the type of its pages. */
    static String command(LaunchStep step) {
        return switch (step) {
            case LaunchStep.SevData _ -> "SEV_LAUNCH_UPDATE_DATA";
            case LaunchStep.SevVmsa _ -> "SEV_LAUNCH_UPDATE_VMSA";
            case LaunchStep.SnpPages pages -> "SNP_LAUNCH_UPDATE " + pages.type();
            case LaunchStep.TdxPages _ -> "TDX_INIT_MEM_REGION";
            case LaunchStep.TdxExtend _ -> "TDX_EXTEND_MEMORY";
        };
    }

    /** The ranges of steps, ascending, neighbours joined: the memslots. */
    static List<GuestRange> ranges(List<PopulationStep> steps) {
        List<GuestRange> ranges = new ArrayList<>();
        steps.stream()
                .map(PopulationStep::range)
                .sorted(Comparator.comparing(GuestRange::start))
                .forEach(range -> {
                    GuestRange last = ranges.isEmpty() ? null : ranges.getLast();
                    if (last != null && last.end().equals(range.start())) {
                        ranges.set(ranges.size() - 1, new GuestRange(last.start(), last.size() + range.size()));
                    } else {
                        ranges.add(range);
                    }
                });
        return ranges;
    }
}
