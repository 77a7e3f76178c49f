package io.guestmem.vmm.demo;

import java.util.EnumSet;
import java.util.Set;

/** A way to get memory into a guest, or none. */
public enum PopulationWay {
    /** Nothing is populated: the file is mapped, and every page is a fault when the guest touches it. */
    NONE("none", "cold: the guest faults everything in"),
    /** {@code madvise(MADV_POPULATE_READ)}: the host's page table, not KVM's. */
    POPULATE("populate", "host page table by MADV_POPULATE_READ"),
    /** {@code madvise(MADV_POPULATE_WRITE)}: the host's page table, with pages that a guest may write at once. */
    POPULATE_WRITE("populate_write", "host page table by MADV_POPULATE_WRITE"),
    /** {@code KVM_PRE_FAULT_MEMORY}: the host's page table and KVM's. */
    PRE_FAULT("pre_fault", "stage-2 page table by KVM_PRE_FAULT_MEMORY"),
    /** What {@link io.guestmem.kvm.populate.Populator} makes of all memory that is to be written. */
    POPULATOR("populator", "pages made writable, then stage 2 where the kernel can, by the populator"),
    /** The same for what a trace says that the guest will touch. */
    WORKING_SET("working_set", "the same for the pages of the trace only, in its order"),
    /** {@code KVM_MAP_MEMORY}, which was proposed and became {@link #PRE_FAULT}. */
    MAP_MEMORY("map_memory", "stage-2 page table by KVM_MAP_MEMORY, as proposed in April 2024"),
    /** A second process copies everything in through a userfaultfd before the guest runs. */
    UFFD("uffd", "UFFDIO_COPY of everything from a second process"),
    /** A second process copies each page in when the guest touches it. */
    UFFD_DEMAND("uffd_demand", "UFFDIO_COPY of each page when the guest touches it"),
    /** A guest_memfd that the host has mapped is filled from the file. */
    GUEST_MEMFD("guest_memfd", "guest_memfd with MMAP, filled by read(2)"),
    /** A guest_memfd that the host cannot map, private to the guest, is filled by the kernel, as was proposed. */
    GMEM_POPULATE("gmem_populate", "private memory by KVM_GUEST_MEMFD_POPULATE, as proposed in October 2024");

    private final String id;
    private final String description;

    PopulationWay(String id, String description) {
        this.id = id;
        this.description = description;
    }

    /** The ways for memory that is a file and that the guest reads: there is nothing to make writable, and no trace. */
    public static Set<PopulationWay> forReading() {
        return EnumSet.complementOf(EnumSet.of(POPULATE_WRITE, POPULATOR, WORKING_SET));
    }

    /** The name for scripts. */
    public String id() {
        return id;
    }

    /** What happens, in a few words. */
    public String description() {
        return description;
    }

    /** {@link #id}. */
    @Override
    public String toString() {
        return id;
    }
}
