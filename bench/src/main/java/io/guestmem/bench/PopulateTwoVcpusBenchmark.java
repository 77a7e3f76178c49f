package io.guestmem.bench;

import io.guestmem.abi.GuestPhysical;
import io.guestmem.abi.GuestRange;
import io.guestmem.abi.HostAdvice;
import io.guestmem.abi.HostMemory;
import io.guestmem.abi.HostMemoryKind;
import io.guestmem.abi.VmType;
import io.guestmem.kvm.Kvm;
import io.guestmem.kvm.Memslot;
import io.guestmem.kvm.Vm;
import io.guestmem.kvm.populate.GuestMemory;
import io.guestmem.kvm.populate.PopulationOutcome;
import io.guestmem.kvm.populate.PopulationPlan;
import io.guestmem.kvm.populate.Populator;
import io.guestmem.soft.SoftKernel;
import io.guestmem.soft.SoftKernelOptions;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;

/**
 * What a second vCPU is worth to the populator, on the software kernel: each side maps the same memory of a fresh VM. The figures are
 * those of the best rounds: two threads need two processors, and others use them, too.
 */
final class PopulateTwoVcpusBenchmark implements Benchmark {
    private static final List<Bound> BOUNDS = List.of(Bound.ratioAtLeast(1.6));

    /** The same memory many times, so that a round lasts long enough to start a thread in. */
    private static final int SLOTS = 8;

    /** Short runs, many of them. */
    private static final int RUNS = 8;

    /** Not a multiple of 2 MiB: all pages are small. */
    private static final long START = GuestPhysical.PAGE_SIZE;

    private static final double GIB = 1L << 30;

    @Override
    public String name() {
        return "populate-two-vcpus";
    }

    @Override
    public String what() {
        return "pre-faulting small pages on the software kernel with two vCPUs, against the same with one";
    }

    @Override
    public Optional<String> unavailable(BenchmarkSettings settings) {
        int processors = Runtime.getRuntime().availableProcessors();
        return processors < 2 ? Optional.of("there is one processor: " + processors) : Optional.empty();
    }

    @Override
    public BenchmarkResult run(BenchmarkSettings settings) {
        long bytes = settings.copyBytes();
        try (SoftKernel kernel = new SoftKernel(SoftKernelOptions.defaults());
                HostMemory memory = kernel.allocate(HostMemoryKind.SHARED_MEMFD, bytes)) {
            long populated = memory.advise(HostAdvice.POPULATE_WRITE, 0, bytes);
            if (populated != 0) {
                throw new BenchmarkException("MADV_POPULATE_WRITE: " + populated);
            }
            return SideBySide.measure(
                            new BestOf(RUNS, () -> rate(kernel, memory, 2)),
                            new BestOf(RUNS, () -> rate(kernel, memory, 1)),
                            settings)
                    .most(
                            name(),
                            "GiB/s",
                            BOUNDS,
                            settings,
                            "kernel soft, " + ((SLOTS * bytes) >> 20) + " MiB a round");
        }
    }

    private static double rate(SoftKernel kernel, HostMemory memory, int vcpus) {
        try (Kvm kvm = Kvm.open(kernel)) {
            Vm vm = kvm.createVm(VmType.DEFAULT);
            GuestMemory.Builder guest = GuestMemory.builder();
            for (int i = 0; i < SLOTS; i++) {
                Memslot slot = Memslot.of(i, new GuestPhysical(START + i * memory.length()), memory);
                vm.set(slot);
                guest.slot(slot, memory);
            }
            Populator populator = Populator.of(
                    vm,
                    guest.build(),
                    IntStream.range(0, vcpus).mapToObj(vm::createVcpu).toList());
            PopulationOutcome outcome =
                    populator.run(PopulationPlan.preFault(GuestRange.of(START, SLOTS * memory.length())));
            if (!outcome.isComplete() || outcome.threads() != vcpus) {
                throw new BenchmarkException(outcome.threads() + " threads, " + outcome.steps());
            }
            return outcome.done() / GIB * 1e9 / outcome.elapsed().toNanos();
        }
    }
}
