package io.guestmem.vmm.demo;

import io.guestmem.abi.GuestRange;
import io.guestmem.kvm.PreFaultResult;
import io.guestmem.linux.Advice;
import io.guestmem.linux.AdviceResult;
import io.guestmem.linux.MappedMemory;
import io.guestmem.linux.Mapping;
import io.guestmem.linux.Protection;
import io.guestmem.linux.Sharing;
import io.guestmem.vmm.Machine;

/**
 * The file, mapped privately, with zeroes behind it: what a VMM does that resumes a snapshot.
 *
 * @param way nothing, the host's page table, or KVM's
 */
record FileMemory(PopulationWay way, Mapping mapping) implements DemoMemory {
    static FileMemory map(PopulationWay way, GuestImage image) {
        Mapping mapping = Mapping.anonymous(image.memory(), Sharing.PRIVATE);
        try {
            mapping.replace(0, image.file(), 0, image.contentPages(), Protection.READ_WRITE, Sharing.PRIVATE);
            return new FileMemory(way, mapping);
        } catch (RuntimeException failed) {
            mapping.close();
            throw failed;
        }
    }

    @Override
    public void populate(Machine machine) {
        switch (way) {
            case POPULATE -> populateHost(mapping);
            case PRE_FAULT -> {
                preFault(machine, machine.memory());
                preFault(machine, machine.bootRange());
            }
            default -> {
                // Cold: the guest populates.
            }
        }
    }

    private static void populateHost(MappedMemory mapping) {
        if (mapping.advise(Advice.POPULATE_READ) instanceof AdviceResult.Refused refused) {
            throw new PopulationException("MADV_POPULATE_READ: " + refused.errno());
        }
    }

    private static void preFault(Machine machine, GuestRange range) {
        PreFaultResult result = machine.vcpu().preFault(range);
        if (!(result instanceof PreFaultResult.Complete)) {
            throw new PopulationException("KVM_PRE_FAULT_MEMORY of " + range + ": " + result);
        }
    }

    @Override
    public void close() {
        mapping.close();
    }
}
