package io.guestmem.vmm.demo;

import io.guestmem.abi.ErrorNumber;
import io.guestmem.abi.GuestPhysical;
import io.guestmem.abi.GuestRange;
import io.guestmem.abi.HostMemory;
import io.guestmem.kvm.GuestMemfd;
import io.guestmem.kvm.GuestMemfdPopulate;
import io.guestmem.kvm.Memslot;
import io.guestmem.kvm.Vm;
import io.guestmem.vmm.Machine;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.BitSet;
import java.util.Set;

/** Private memory in a guest_memfd that the host cannot map: only the kernel puts content into it. */
final class PrivateMemory implements DemoMemory {
    private static final long PIECE = 1 << 20;

    private final GuestImage image;
    private final GuestMemfd file;

    /** What a slot has besides, for memory that is shared: none is, and nobody touches it. */
    private final HostMemory shared;

    private final BitSet populated = new BitSet();

    private PrivateMemory(GuestImage image, GuestMemfd file, HostMemory shared) {
        this.image = image;
        this.file = file;
        this.shared = shared;
    }

    static PrivateMemory create(Vm vm, GuestImage image) {
        GuestMemfd file = vm.createGuestMemfd(image.memory(), Set.of());
        vm.setPrivate(GuestRange.of(0, image.memory()), true);
        return new PrivateMemory(image, file, vm.kernel().allocate(image.memory()));
    }

    @Override
    public Memslot slot() {
        return DemoMemory.slot(shared).backedBy(file, 0);
    }

    @Override
    public void populate(Machine machine) {
        GuestMemfdPopulate request = machine.vm().guestMemfdPopulate();
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment buffer = arena.allocate(PIECE);
            for (long at = 0; at < image.memory(); ) {
                MemorySegment piece = buffer.asSlice(0, Math.min(PIECE, image.memory() - at));
                image.read(at, piece.fill((byte) 0));
                long result = request.write(new GuestPhysical(at), piece);
                if (result != -ErrorNumber.EINTR.number()) {
                    PopulationException.check("KVM_GUEST_MEMFD_POPULATE", result, at);
                    populated.set(page(at), page(at + result));
                    at += result;
                }
            }
        }
    }

    private static int page(long offset) {
        return (int) (offset / GuestPhysical.PAGE_SIZE);
    }

    /** {@inheritDoc} No page table of the process has them: these are the pages that the kernel has taken content for. */
    @Override
    public BitSet presentPages() {
        return (BitSet) populated.clone();
    }

    @Override
    public void close() {
        shared.close();
        file.close();
    }
}
