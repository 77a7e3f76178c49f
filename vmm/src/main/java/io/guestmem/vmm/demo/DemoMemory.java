package io.guestmem.vmm.demo;

import io.guestmem.abi.GuestRange;
import io.guestmem.abi.HostVirtual;
import io.guestmem.kvm.Memslot;
import io.guestmem.linux.MappedMemory;
import io.guestmem.vmm.Machine;

/** The memory of one run: mapped, put into the machine, and populated. */
interface DemoMemory extends AutoCloseable {
    /** The host's mapping. */
    MappedMemory mapping();

    /** The memslot. */
    default Memslot slot() {
        MappedMemory mapping = mapping();
        return Memslot.of(Machine.MEMORY_SLOT, GuestRange.of(0, mapping.length()), new HostVirtual(mapping.address()));
    }

    /**
     * Populates it; the slot is in the machine.
     *
     * @throws PopulationException if it was not possible
     */
    void populate(Machine machine);

    /** Faults that a second process has served so far. */
    default long servedFaults() {
        return 0;
    }

    @Override
    void close();
}
