package io.guestmem.kvm.populate;

import io.guestmem.abi.GuestPhysical;
import io.guestmem.kvm.Vcpu;
import io.guestmem.kvm.Vm;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * Populates guest memory, on whatever kernel is below. Immutable; may be used by several threads for ranges that do not overlap.
 *
 * <pre>{@code
 * GuestMemory memory = GuestMemory.builder().slot(slot, hostMemory).build();
 * PopulationOutcome outcome = Populator.of(vm, memory, List.of(vcpu)).run(PopulationPlan.preFault(slot.range()));
 * }</pre>
 *
 * <p>What it makes of a step:
 *
 * <ol>
 *   <li>the range gets its flavour ({@code KVM_SET_MEMORY_ATTRIBUTES}), if the VM has private memory, and the advice for its pages
 *   <li>content is read, in pieces, and put behind the range
 *   <li>KVM maps it ({@code KVM_PRE_FAULT_MEMORY}), after the host's pages were made writable if that is wanted
 *   <li>where the kernel cannot do that, the host's page table is populated ({@code MADV_POPULATE_READ}, {@code _WRITE}, or
 *       {@code fallocate(2)} of a guest_memfd), and the outcome says so
 * </ol>
 *
 * <p>While it works nobody may run its vCPUs ({@code KVM_RUN} and pre-faults exclude each other), and nobody should delete memslots
 * of the VM: a pre-fault of another slot may then wait in the kernel until a signal comes (Linux 7.2
 * {@code mmu.c:kvm_tdp_page_prefault}). Memory under a userfaultfd that nobody serves blocks likewise.
 *
 * @param vm whose memory it is; empty in a process that has the memory, but not the VM
 * @param memory what is behind guest-physical addresses
 * @param vcpus to map with, one thread each; without any, only the host's memory is populated, by one thread
 * @param patience how long a memslot or memory may stay busy without any progress
 * @param chunkSize between these steps cancellation is seen: a multiple of 4096 bytes
 */
public record Populator(Optional<Vm> vm, GuestMemory memory, List<Vcpu> vcpus, Duration patience, long chunkSize) {
    /** The chunk by default: the size of one entry of a page directory. */
    public static final long DEFAULT_CHUNK = 2L << 20;

    private static final Duration DEFAULT_PATIENCE = Duration.ofSeconds(1);

    /** Copies the list, and checks that no vCPU is in it twice, and the chunk. */
    public Populator {
        vcpus = List.copyOf(vcpus);
        if (chunkSize <= 0 || chunkSize % GuestPhysical.PAGE_SIZE != 0) {
            throw new IllegalArgumentException("not a multiple of 4096: " + chunkSize);
        }
        if (Set.copyOf(vcpus).size() != vcpus.size()) {
            throw new IllegalArgumentException("a vCPU twice: two threads would use it");
        }
    }

    /** A populator of a VM. */
    public static Populator of(Vm vm, GuestMemory memory, List<Vcpu> vcpus) {
        return new Populator(Optional.of(vm), memory, vcpus, DEFAULT_PATIENCE, DEFAULT_CHUNK);
    }

    /** A populator of memory whose VM belongs to another process. */
    public static Populator of(GuestMemory memory) {
        return new Populator(Optional.empty(), memory, List.of(), DEFAULT_PATIENCE, DEFAULT_CHUNK);
    }

    /** The same with another patience. */
    public Populator with(Duration otherPatience) {
        return new Populator(vm, memory, vcpus, otherPatience, chunkSize);
    }

    /** The same with chunks of another size. */
    public Populator withChunk(long otherSize) {
        return new Populator(vm, memory, vcpus, patience, otherSize);
    }

    /** A population that can be watched and cancelled. Nothing happens before {@link Population#run}. */
    public Population prepare(PopulationPlan plan) {
        return new Population(this, plan);
    }

    /** Carries out a plan; see {@link Population#run}. */
    public PopulationOutcome run(PopulationPlan plan) {
        return prepare(plan).run();
    }
}
