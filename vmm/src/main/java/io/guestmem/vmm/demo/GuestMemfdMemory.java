package io.guestmem.vmm.demo;

import io.guestmem.abi.HostMemory;
import io.guestmem.kvm.GuestMemfd;
import io.guestmem.kvm.Memslot;
import io.guestmem.kvm.Vm;
import io.guestmem.vmm.Machine;
import java.util.BitSet;
import java.util.EnumSet;

/** A guest_memfd that the host has mapped, filled from the file by {@code read(2)}. */
final class GuestMemfdMemory implements DemoMemory {
    private final DemoHost host;
    private final GuestImage image;
    private final GuestMemfd file;
    private final HostMemory mapped;

    private GuestMemfdMemory(DemoHost host, GuestImage image, GuestMemfd file, HostMemory mapped) {
        this.host = host;
        this.image = image;
        this.file = file;
        this.mapped = mapped;
    }

    static GuestMemfdMemory create(DemoHost host, Vm vm, GuestImage image) {
        GuestMemfd file =
                vm.createGuestMemfd(image.memory(), EnumSet.of(GuestMemfd.Flag.MMAP, GuestMemfd.Flag.INIT_SHARED));
        return new GuestMemfdMemory(host, image, file, file.map(0, image.memory()));
    }

    @Override
    public Memslot slot() {
        return DemoMemory.slot(mapped).backedBy(file, 0);
    }

    @Override
    public void populate(Machine machine) {
        host.read(image, mapped);
    }

    @Override
    public BitSet presentPages() {
        return host.presentPages(mapped);
    }

    @Override
    public void close() {
        mapped.close();
        file.close();
    }
}
