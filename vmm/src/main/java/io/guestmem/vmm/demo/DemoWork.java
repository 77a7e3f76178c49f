package io.guestmem.vmm.demo;

import io.guestmem.abi.GuestRange;
import io.guestmem.abi.HostMemory;
import io.guestmem.abi.Kernel;
import io.guestmem.vmm.Checksum;
import io.guestmem.vmm.GuestProgram;
import io.guestmem.vmm.Machine;
import java.util.List;
import java.util.Optional;

/** What the guest of a demonstration does with its memory, and what must come of it. */
sealed interface DemoWork permits ReadAll, BootReplay {
    /** The file, or the trace. */
    DemoSubject subject();

    /** What is done before the first run, for a progress display. */
    String firstStep();

    /** The content of guest memory, for the ways of population that copy one in. */
    GuestImage open();

    /** What must come of a run. */
    Checksum expected(GuestImage image);

    /** The size of guest memory in bytes. */
    long memoryBytes();

    /** The number of pages that the guest touches. */
    long pages();

    /** What a trace says that the guest will touch, in order; empty without one. */
    List<GuestRange> workingSet();

    /** Words for the guest's program. */
    long[] list();

    /** Host memory as it is before a way of population. */
    HostMemory map(DemoHost host, Kernel kernel, GuestImage image);

    /** What the guest does before anything is populated, if anything. */
    Optional<GuestProgram> before(Machine machine);

    /** What the guest does while it is measured. */
    GuestProgram program(Machine machine);

    /** What computes the checksum of a run, if the program itself does not. */
    Optional<GuestProgram> after(Machine machine);
}
