package io.guestmem.vmm.demo;

/** A way to get memory into a guest, or none. */
public enum PopulationWay {
    /** Nothing is populated: the file is mapped, and every page is a fault when the guest touches it. */
    NONE("none", "cold: the guest faults everything in"),
    /** {@code madvise(MADV_POPULATE_READ)}: the host's page table, not KVM's. */
    POPULATE("populate", "host page table by MADV_POPULATE_READ"),
    /** {@code KVM_PRE_FAULT_MEMORY}: the host's page table and KVM's. */
    PRE_FAULT("pre_fault", "stage-2 page table by KVM_PRE_FAULT_MEMORY"),
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
