package io.guestmem.bench;

import io.guestmem.abi.Capability;
import io.guestmem.abi.GuestPhysical;
import io.guestmem.abi.GuestRange;
import io.guestmem.abi.HostAdvice;
import io.guestmem.abi.HostMemory;
import io.guestmem.abi.HostMemoryKind;
import io.guestmem.abi.KernelException;
import io.guestmem.abi.VmType;
import io.guestmem.kvm.Kvm;
import io.guestmem.kvm.LinuxKernel;
import io.guestmem.kvm.Memslot;
import io.guestmem.kvm.PreFaultResult;
import io.guestmem.kvm.Vcpu;
import io.guestmem.kvm.Vm;
import io.guestmem.kvm.populate.GuestMemory;
import io.guestmem.kvm.populate.PopulationOutcome;
import io.guestmem.kvm.populate.PopulationPlan;
import io.guestmem.kvm.populate.Populator;
import java.util.List;
import java.util.Optional;

/**
 * What the populator adds to the requests that it makes, on the real kernel in steps of 2 MiB: {@code KVM_PRE_FAULT_MEMORY}, or
 * {@code MADV_POPULATE_READ} where that is not there. The memory is a memfd with its pages in the page cache, so that mapping is all
 * the work; each round has a fresh VM and host page table.
 */
final class PopulateOverheadBenchmark implements Benchmark {
    private static final List<Bound> BOUNDS = List.of(Bound.ratioAtLeast(0.95));
    private static final double GIB = 1L << 30;
    private static final long STEP = Populator.DEFAULT_CHUNK;

    @Override
    public String name() {
        return "populate-overhead";
    }

    @Override
    public String what() {
        return "mapping memory in steps of 2 MiB with the populator, against a loop of the same requests";
    }

    @Override
    public Optional<String> unavailable(BenchmarkSettings settings) {
        try (BenchmarkVm _ = new BenchmarkVm()) {
            return Optional.empty();
        } catch (KernelException refused) {
            return Optional.of(String.valueOf(refused.getMessage()));
        }
    }

    @Override
    public BenchmarkResult run(BenchmarkSettings settings) {
        LinuxKernel kernel = new LinuxKernel();
        try (HostMemory memory = kernel.allocate(HostMemoryKind.SHARED_MEMFD, settings.copyBytes())) {
            check(memory.advise(HostAdvice.POPULATE_WRITE, 0, memory.length()));
            double stageTwo = fresh(kernel, memory, (vm, _, _) -> hasStageTwo(vm));
            String request = stageTwo == 0 ? "MADV_POPULATE_READ" : "KVM_PRE_FAULT_MEMORY";
            return SideBySide.measure(
                            () -> fresh(kernel, memory, PopulateOverheadBenchmark::populate),
                            () -> fresh(kernel, memory, PopulateOverheadBenchmark::loop),
                            settings)
                    .most(name(), "GiB/s", BOUNDS, settings, request + " of " + (memory.length() >> 20) + " MiB");
        }
    }

    private static void check(long result) {
        if (result != 0) {
            throw new BenchmarkException("madvise: " + result);
        }
    }

    /** A side: what it does with a fresh VM. */
    private interface Side {
        double of(Vm vm, Vcpu vcpu, HostMemory memory);
    }

    private static double fresh(LinuxKernel kernel, HostMemory memory, Side side) {
        check(memory.advise(HostAdvice.DONT_NEED, 0, memory.length()));
        try (Kvm kvm = Kvm.open(kernel)) {
            Vm vm = kvm.createVm(VmType.DEFAULT);
            vm.set(Memslot.of(0, new GuestPhysical(0), memory));
            return side.of(vm, vm.createVcpu(0), memory);
        }
    }

    private static double hasStageTwo(Vm vm) {
        return vm.capability(Capability.PRE_FAULT_MEMORY);
    }

    private static double populate(Vm vm, Vcpu vcpu, HostMemory memory) {
        Memslot slot = Memslot.of(0, new GuestPhysical(0), memory);
        GuestMemory guest = GuestMemory.builder().slot(slot, memory).build();
        Populator populator = Populator.of(vm, guest, List.of(vcpu));
        long start = System.nanoTime();
        PopulationOutcome outcome = populator.run(PopulationPlan.preFault(slot.range()));
        long elapsed = System.nanoTime() - start;
        if (!outcome.isComplete()) {
            throw new BenchmarkException(outcome.toString());
        }
        return rate(memory, elapsed);
    }

    private static double loop(Vm vm, Vcpu vcpu, HostMemory memory) {
        boolean stageTwo = hasStageTwo(vm) != 0;
        long start = System.nanoTime();
        for (long at = 0; at < memory.length(); at += STEP) {
            if (!stageTwo) {
                check(memory.advise(HostAdvice.POPULATE_READ, at, STEP));
            } else if (!(vcpu.preFault(GuestRange.of(at, STEP)) instanceof PreFaultResult.Complete)) {
                throw new BenchmarkException("pre-fault stopped at " + at);
            }
        }
        return rate(memory, System.nanoTime() - start);
    }

    private static double rate(HostMemory memory, long nanos) {
        return memory.length() / GIB * 1e9 / nanos;
    }
}
