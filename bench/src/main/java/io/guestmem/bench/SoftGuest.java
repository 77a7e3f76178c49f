package io.guestmem.bench;

import io.guestmem.abi.GuestPhysical;
import io.guestmem.abi.GuestRange;
import io.guestmem.abi.HostAdvice;
import io.guestmem.abi.HostMemory;
import io.guestmem.abi.VmType;
import io.guestmem.kvm.Kvm;
import io.guestmem.kvm.Memslot;
import io.guestmem.kvm.PreFaultResult;
import io.guestmem.kvm.Statistics;
import io.guestmem.kvm.Vcpu;
import io.guestmem.kvm.Vm;
import io.guestmem.soft.SoftKernel;
import io.guestmem.soft.SoftKernelOptions;
import io.guestmem.soft.VmInspector;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.function.Function;

/**
 * A VM of the software kernel with one memslot at gpa 0. Its host memory was touched, so the host's page table is full; stage 2 is
 * empty. No page has content, and none has memory of this machine: a guest may be larger than the machine.
 */
final class SoftGuest implements AutoCloseable {
    private static final int SMALL = 1;
    private static final int HUGE = 2;

    private final SoftKernel kernel = new SoftKernel(SoftKernelOptions.defaults());
    private final List<Vcpu> vcpus = new ArrayList<>();
    private final Vm vm;
    private final Statistics statistics;
    private final VmInspector inspector;
    private final HostMemory memory;
    private final Memslot slot;
    private final int level;

    private SoftGuest(int vcpus, Function<SoftKernel, HostMemory> host, int level, Set<Memslot.Flag> flags) {
        this.level = level;
        try {
            WatchedKernel watched = new WatchedKernel(kernel);
            vm = Kvm.open(watched).createVm(VmType.DEFAULT);
            inspector = kernel.inspect(watched.newest());
            statistics = vm.statistics();
            for (int id = 0; id < vcpus; id++) {
                this.vcpus.add(vm.createVcpu(id));
            }
            memory = host.apply(kernel);
            long touched = memory.advise(HostAdvice.POPULATE_WRITE, 0, memory.length());
            if (touched != 0) {
                throw new BenchmarkException("the host memory cannot be touched: " + touched);
            }
            Memslot plain = Memslot.of(0, new GuestPhysical(0), memory);
            slot = flags.stream().reduce(plain, Memslot::with, (_, last) -> last);
            vm.set(slot);
        } catch (RuntimeException failed) {
            kernel.close();
            throw failed;
        }
    }

    /** The host and stage 2 have pages of 4 KiB. */
    static SoftGuest ofSmallPages(int vcpus, long bytes) {
        return new SoftGuest(vcpus, kernel -> kernel.allocate(bytes), SMALL, Set.of());
    }

    /** The host and stage 2 have pages of 2 MiB. */
    static SoftGuest ofHugePages(long bytes) {
        return new SoftGuest(1, hugetlb(bytes), HUGE, Set.of());
    }

    /** The host has pages of 2 MiB, and stage 2 pages of 4 KiB, for the memslot logs writes. */
    static SoftGuest ofLoggedHugePages(long bytes) {
        return new SoftGuest(1, hugetlb(bytes), SMALL, Set.of(Memslot.Flag.LOG_DIRTY_PAGES));
    }

    private static Function<SoftKernel, HostMemory> hugetlb(long bytes) {
        return kernel -> kernel.process().allocateHugePages(HUGE, bytes);
    }

    /** Pages of the size that stage 2 has. */
    long pages() {
        return memory.length() / (level == HUGE ? BenchmarkSettings.PIECE : GuestPhysical.PAGE_SIZE);
    }

    VmInspector inspector() {
        return inspector;
    }

    /** Native memory of the kernel itself: stage-2 tables, free ones too, and what was there before the first of them. */
    long kernelBytes() {
        return kernel.memoryUse().kernelBytes();
    }

    /** Leaves of stage 2, as the VM's statistics say. */
    private long mapped() {
        return statistics.value(level == HUGE ? "pages_2m" : "pages_4k").orElseThrow();
    }

    /** Leaves of stage 2, each of them visited. */
    long counted() {
        return inspector.countLeaves(level);
    }

    /** Makes stage 2 empty: the tables are given back. */
    private void clear() {
        vm.delete(slot);
        vm.set(slot);
    }

    /** Pre-faults everything on one vCPU. */
    void preFault() {
        preFault(0, GuestRange.of(0, memory.length()));
    }

    private void preFault(int vcpu, GuestRange range) {
        PreFaultResult result = vcpus.get(vcpu).preFault(range);
        if (!(result instanceof PreFaultResult.Complete)) {
            throw new BenchmarkException("KVM_PRE_FAULT_MEMORY: " + result);
        }
    }

    /** Pre-faulting everything into an empty stage 2, on one vCPU. */
    RepeatedWork preFaulting() {
        return new RepeatedWork(this::clear, RepeatedWork.timed(this::preFault), this::mapped, pages());
    }

    /** The same on a team, whose threads have a vCPU and a part of memory each. */
    RepeatedWork preFaulting(Team team) {
        long part = memory.length() / team.size();
        return new RepeatedWork(
                this::clear,
                () -> team.run(number -> preFault(number, GuestRange.of(number * part, part))),
                this::mapped,
                pages());
    }

    /** An invalidation of all host memory, as munmap makes it; the tables stay. */
    RepeatedWork invalidating() {
        return new RepeatedWork(
                this::preFault,
                RepeatedWork.timed(() -> inspector
                        .openInvalidation(memory.hva(), memory.length())
                        .close()),
                this::mapped,
                0);
    }

    /** Deleting the memslot, with everything that is in stage 2. */
    RepeatedWork deleting() {
        return new RepeatedWork(
                () -> {
                    vm.set(slot);
                    preFault();
                },
                RepeatedWork.timed(() -> vm.delete(slot)),
                this::mapped,
                0);
    }

    /** All memory goes with the kernel. */
    @Override
    public void close() {
        kernel.close();
    }
}
