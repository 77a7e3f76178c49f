package io.guestmem.vmm.demo;

import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;

/** What came of one way to populate. */
public sealed interface DemoRun {
    /** The way. */
    PopulationWay way();

    /**
     * The guest ran.
     *
     * @param way how its memory was populated
     * @param pages of guest memory, 4096 bytes each
     * @param guestFaults faults that KVM took while the guest ran ({@code pf_taken}); empty if this kernel does not count them
     * @param hostFaults page faults of this process while the guest ran, minor and major
     * @param uffdFaults faults that the second process served while the guest ran
     * @param populateSeconds time to populate, before the guest ran
     * @param guestSeconds time in the guest
     * @param checksum of the guest
     * @param ok whether it is that of the file
     * @param pictures guest memory before population, before the guest ran, and after
     */
    record Completed(
            PopulationWay way,
            long pages,
            OptionalLong guestFaults,
            long hostFaults,
            long uffdFaults,
            double populateSeconds,
            double guestSeconds,
            String checksum,
            boolean ok,
            List<MemoryPicture> pictures)
            implements DemoRun {}

    /**
     * This kernel does not have it.
     *
     * @param way what was not possible
     * @param reason why
     */
    record Skipped(PopulationWay way, String reason) implements DemoRun {}

    /** The completed run, if it is one. */
    default Optional<Completed> completed() {
        return this instanceof Completed run ? Optional.of(run) : Optional.empty();
    }
}
