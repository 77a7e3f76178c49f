package io.guestmem.vmm.demo;

import io.guestmem.abi.ErrorNumber;
import io.guestmem.abi.GuestRange;
import io.guestmem.abi.HostAdvice;
import io.guestmem.abi.HostMemory;
import io.guestmem.abi.Kernel;
import io.guestmem.vmm.Checksum;
import io.guestmem.vmm.GuestProgram;
import io.guestmem.vmm.Machine;
import io.guestmem.vmm.trace.FirstTouchTrace;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Optional;
import java.util.stream.LongStream;

/**
 * The guest touches memory as a booting kernel did: it writes to each page of a trace, in its order, how many are left. The memory
 * is anonymous, and holds only what was loaded: a VMM has written that before.
 *
 * @param boot the trace
 * @param hugePages whether the host's memory may have pages of 2 MiB
 */
record BootReplay(FirstTouchTrace boot, boolean hugePages) implements DemoWork {
    @Override
    public DemoSubject subject() {
        return new DemoSubject.Boot(boot, hugePages);
    }

    @Override
    public String firstStep() {
        return "checksum of the trace";
    }

    @Override
    public GuestImage open() {
        return GuestImage.zeroes(memoryBytes());
    }

    /** The words that the guest writes, in their order: a page that was touched out of turn, or not at all, has another. */
    @Override
    public Checksum expected(GuestImage opened) {
        long pages = pages();
        long[] left = LongStream.range(0, pages).map(turn -> pages - turn).toArray();
        return Checksum.EMPTY.and(MemorySegment.ofArray(left));
    }

    @Override
    public long memoryBytes() {
        return boot.memoryBytes();
    }

    @Override
    public long pages() {
        return boot.loadedPages() + boot.touchedPages();
    }

    @Override
    public List<GuestRange> workingSet() {
        return boot.workingSet();
    }

    @Override
    public long[] list() {
        return boot.addresses();
    }

    @Override
    public HostMemory map(DemoHost host, Kernel kernel, GuestImage opened) {
        HostMemory memory = kernel.allocate(memoryBytes());
        try {
            HostAdvice size = hugePages ? HostAdvice.HUGE_PAGE : HostAdvice.NO_HUGE_PAGE;
            long result = memory.advise(size, 0, memory.length());
            // A kernel without transparent huge pages does not know the advice.
            if (result != -ErrorNumber.EINVAL.number()) {
                PopulationException.check("madvise", result, 0);
            }
            for (GuestRange range : boot.loadedRanges()) {
                long at = range.start().value();
                PopulationException.check(
                        "MADV_POPULATE_WRITE", memory.advise(HostAdvice.POPULATE_WRITE, at, range.size()), at);
            }
            return memory;
        } catch (RuntimeException failed) {
            memory.close();
            throw failed;
        }
    }

    @Override
    public GuestProgram program(Machine machine) {
        return GuestProgram.touchListed(list(machine), GuestProgram.Access.WRITE);
    }

    private GuestRange list(Machine machine) {
        return machine.list(Math.toIntExact(pages()));
    }

    /** The guest reads page tables, program and list: so all faults that are measured are those of its memory. */
    @Override
    public Optional<GuestProgram> before(Machine machine) {
        return Optional.of(GuestProgram.checksum(machine.bootRange()));
    }

    @Override
    public Optional<GuestProgram> after(Machine machine) {
        return Optional.of(GuestProgram.checksumListed(list(machine)));
    }
}
