package io.guestmem.vmm.demo;

import io.guestmem.abi.ErrorNumber;
import io.guestmem.abi.GuestRange;
import io.guestmem.abi.HostAdvice;
import io.guestmem.abi.HostMemory;
import io.guestmem.kvm.MapMemory;
import io.guestmem.kvm.Memslot;
import io.guestmem.kvm.PreFaultResult;
import io.guestmem.kvm.populate.Access;
import io.guestmem.kvm.populate.GuestMemory;
import io.guestmem.kvm.populate.PopulationOutcome;
import io.guestmem.kvm.populate.PopulationPlan;
import io.guestmem.kvm.populate.PopulationStep;
import io.guestmem.kvm.populate.Populator;
import io.guestmem.kvm.populate.StepOutcome;
import io.guestmem.vmm.Machine;
import java.util.BitSet;
import java.util.List;

/**
 * A mapping of the process: the file, mapped privately, with zeroes behind it, as a VMM does that resumes a snapshot; or anonymous
 * memory.
 *
 * @param way nothing, the host's page table, or KVM's
 * @param workingSet what the guest will touch, in order; for {@link PopulationWay#WORKING_SET}
 */
record MappedGuestMemory(PopulationWay way, DemoHost host, HostMemory memory, List<GuestRange> workingSet)
        implements DemoMemory {
    @Override
    public Memslot slot() {
        return DemoMemory.slot(memory);
    }

    @Override
    public void populate(Machine machine) {
        switch (way) {
            case POPULATE ->
                PopulationException.check(
                        "MADV_POPULATE_READ", memory.advise(HostAdvice.POPULATE_READ, 0, memory.length()), 0);
            case POPULATE_WRITE ->
                PopulationException.check(
                        "MADV_POPULATE_WRITE", memory.advise(HostAdvice.POPULATE_WRITE, 0, memory.length()), 0);
            case POPULATOR -> populate(machine, List.of(machine.memory()));
            case WORKING_SET -> populate(machine, workingSet);
            case PRE_FAULT -> {
                preFault(machine, machine.memory());
                preFault(machine, machine.bootRange());
            }
            case MAP_MEMORY -> {
                mapMemory(machine, machine.memory());
                mapMemory(machine, machine.bootRange());
            }
            default -> {
                // Cold: the guest populates.
            }
        }
    }

    private void populate(Machine machine, List<GuestRange> ranges) {
        GuestMemory guest = GuestMemory.builder().slot(slot(), memory).build();
        PopulationPlan plan = new PopulationPlan(ranges.stream()
                .map(range -> PopulationStep.map(range).with(Access.WRITE))
                .toList());
        PopulationOutcome outcome =
                Populator.of(machine.vm(), guest, List.of(machine.vcpu())).run(plan);
        if (!outcome.isComplete()) {
            throw new PopulationException("the populator did " + outcome.done() + " of " + plan.bytes() + " bytes: "
                    + outcome.steps().stream()
                            .filter(step -> !(step instanceof StepOutcome.Done))
                            .findFirst());
        }
    }

    private static void preFault(Machine machine, GuestRange range) {
        PreFaultResult result = machine.vcpu().preFault(range);
        if (!(result instanceof PreFaultResult.Complete)) {
            throw new PopulationException("KVM_PRE_FAULT_MEMORY of " + range + ": " + result);
        }
    }

    /** The second proposal: it answers 0 when all is mapped, and tells an error with the progress before it. */
    private static void mapMemory(Machine machine, GuestRange range) {
        MapMemory.Answer answer = new MapMemory.Answer(
                -ErrorNumber.EINTR.number(), new MapMemory.V2(range.start().value(), range.size(), 0));
        while (answer.result() == -ErrorNumber.EINTR.number()) {
            answer = machine.vcpu().mapMemory(answer.left());
        }
        if (answer.result() < 0) {
            throw new PopulationException("KVM_MAP_MEMORY of " + range + ": "
                    + ErrorNumber.symbol(Math.toIntExact(-answer.result())) + ", left " + answer.left());
        }
    }

    @Override
    public BitSet presentPages() {
        return host.presentPages(memory);
    }

    @Override
    public void close() {
        memory.close();
    }
}
