package io.guestmem.vmm.demo;

import io.guestmem.abi.GuestPhysical;
import io.guestmem.abi.GuestRange;
import io.guestmem.abi.HostMemory;
import io.guestmem.kvm.GuestMemfd;
import io.guestmem.kvm.Memslot;
import io.guestmem.kvm.PreFaultResult;
import io.guestmem.kvm.Vcpu;
import io.guestmem.kvm.Vm;
import io.guestmem.kvm.launch.SevDevice;
import io.guestmem.kvm.populate.GuestMemory;
import io.guestmem.kvm.populate.Measured;
import io.guestmem.kvm.populate.PopulationOutcome;
import io.guestmem.kvm.populate.PopulationPlan;
import io.guestmem.kvm.populate.PopulationStep;
import io.guestmem.kvm.populate.PopulationTarget;
import io.guestmem.kvm.populate.Populator;
import io.guestmem.kvm.populate.StepOutcome;
import io.guestmem.measure.LaunchStep;
import io.guestmem.soft.LaunchSnapshot;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** A VM that is being launched, with memslots for all that its plan has. It owns the VM. For one thread. */
final class LaunchMachine implements AutoCloseable {
    /** Private memory that the guest gets without content, to show what becomes of it: bytes. */
    static final long UNPOPULATED = 4 * GuestPhysical.PAGE_SIZE;

    private final Vm vm;
    private final ConfidentialLaunch launch;
    private final List<HostMemory> memories = new ArrayList<>();
    private final GuestMemory.Builder memory = GuestMemory.builder();
    private final List<LaunchStep> steps = new ArrayList<>();
    private final List<PopulationStep> population = new ArrayList<>();
    private List<GuestRange> slots = new ArrayList<>();
    private @Nullable Vcpu vcpu;

    LaunchMachine(Vm vm, SevDevice device) {
        this.vm = vm;
        this.launch = ConfidentialLaunch.of(vm, device);
    }

    Vm vm() {
        return vm;
    }

    ConfidentialLaunch launch() {
        return launch;
    }

    /**
     * Makes the VM a guest with one vCPU, and memslots.
     *
     * @param plan whose vCPUs come last
     * @throws io.guestmem.abi.KernelException if KVM refuses
     */
    void begin(List<LaunchStep> plan) {
        for (LaunchStep step : plan) {
            LaunchSteps.populate(step).ifPresent(made -> {
                steps.add(step);
                population.add(made);
            });
        }
        launch.begin();
        Vcpu made = vm.createVcpu(0);
        launch.prepare(made);
        vcpu = made;
        slots = LaunchSteps.ranges(population);
        if (vm.type().privateMemory()) {
            slots.add(new GuestRange(slots.getLast().end(), UNPOPULATED));
        }
        for (int i = 0; i < slots.size(); i++) {
            addSlot(i, slots.get(i));
        }
    }

    private void addSlot(int id, GuestRange range) {
        HostMemory shared = vm.kernel().allocate(range.size());
        memories.add(shared);
        Memslot slot = Memslot.of(id, range.start(), shared);
        PopulationTarget target = launch.target(slot, shared);
        if (vm.type().privateMemory()) {
            GuestMemfd file = vm.createGuestMemfd(range.size(), Set.of());
            slot = slot.backedBy(file, 0);
            vm.setPrivate(range, true);
            memory.slot(slot, shared, List.of(target));
        } else {
            memory.target(range, target);
        }
        vm.set(slot);
    }

    private Vcpu vcpu() {
        if (vcpu == null) {
            throw new IllegalStateException("not begun");
        }
        return vcpu;
    }

    /** Gives the guest its memory. */
    PopulationOutcome populate() {
        return Populator.of(vm, memory.build(), List.of(vcpu())).run(new PopulationPlan(population));
    }

    /** How the steps ended, in order. */
    List<LaunchResult.Step> steps(PopulationOutcome outcome) {
        List<LaunchResult.Step> results = new ArrayList<>();
        for (int i = 0; i < steps.size(); i++) {
            LaunchStep step = steps.get(i);
            boolean content = population.get(i).measured() == Measured.CONTENT;
            StepOutcome ended = outcome.steps().get(i);
            results.add(new LaunchResult.Step(
                    LaunchSteps.command(step),
                    step.what(),
                    step.gpa(),
                    step.size(),
                    ended.done(),
                    content ? "content" : "place",
                    switch (ended) {
                        case StepOutcome.Done _ -> Optional.empty();
                        case StepOutcome.PartlyDone part ->
                            Optional.of(part.reason().what());
                        case StepOutcome.Refused refused ->
                            Optional.of(refused.reason().what());
                    }));
        }
        return results;
    }

    /**
     * What a pre-fault of all memory maps.
     *
     * @param refusal why not all
     */
    record Mapped(long bytes, Optional<String> refusal) {}

    /** Pre-faults all memory, as far as the kernel allows it now. */
    Mapped preFault() {
        long bytes = 0;
        for (GuestRange range : slots) {
            PreFaultResult result = vcpu().preFault(range);
            bytes += result.done();
            Optional<String> refusal = switch (result) {
                case PreFaultResult.Complete _ -> Optional.empty();
                case PreFaultResult.Refused refused -> Optional.of(refused.error() + " at " + refused.at());
                case PreFaultResult.Busy busy -> Optional.of("EAGAIN at " + busy.at());
                case PreFaultResult.Interrupted stopped -> Optional.of("interrupted at " + stopped.at());
            };
            if (refusal.isPresent()) {
                return new Mapped(bytes, refusal);
            }
        }
        return new Mapped(bytes, Optional.empty());
    }

    /** How many pages are in which state. */
    Map<String, Long> pages(DemoHost host) {
        return host.launch(vm)
                .map(seen -> seen.pages().stream()
                        .collect(
                                Collectors.groupingBy(LaunchSnapshot.Page::state, TreeMap::new, Collectors.counting())))
                .orElseGet(TreeMap::new);
    }

    @Override
    public void close() {
        try {
            vm.close();
        } finally {
            memories.forEach(HostMemory::close);
        }
    }
}
