package io.guestmem.vmm.demo;

import io.guestmem.abi.GuestPhysical;
import io.guestmem.abi.HostMemory;
import io.guestmem.kvm.Memslot;
import io.guestmem.vmm.Machine;
import java.util.BitSet;

/** The memory of one run: mapped, put into the machine, and populated. */
interface DemoMemory extends AutoCloseable {
    /** The memslot of host memory. */
    static Memslot slot(HostMemory memory) {
        return Memslot.of(Machine.MEMORY_SLOT, new GuestPhysical(0), memory);
    }

    /** The memslot. */
    Memslot slot();

    /**
     * Populates it; the slot is in the machine.
     *
     * @throws PopulationException if it was not possible
     */
    void populate(Machine machine);

    /** The pages that are there; looking touches none. Bit n stands for page n. */
    BitSet presentPages();

    /** Faults that the server behind a userfaultfd has served so far. */
    default long servedFaults() {
        return 0;
    }

    @Override
    void close();
}
