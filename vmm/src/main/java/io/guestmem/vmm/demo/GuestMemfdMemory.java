package io.guestmem.vmm.demo;

import io.guestmem.abi.HostMemory;
import io.guestmem.kvm.GuestMemfd;
import io.guestmem.kvm.MappedHostMemory;
import io.guestmem.kvm.Memslot;
import io.guestmem.kvm.Vm;
import io.guestmem.linux.MappedMemory;
import io.guestmem.vmm.Machine;
import java.util.EnumSet;

/** A guest_memfd that the host has mapped, filled from the file by {@code read(2)}. */
final class GuestMemfdMemory implements DemoMemory {
    private final GuestImage image;
    private final GuestMemfd file;
    private final HostMemory mapped;

    private GuestMemfdMemory(GuestImage image, GuestMemfd file, HostMemory mapped) {
        this.image = image;
        this.file = file;
        this.mapped = mapped;
    }

    static GuestMemfdMemory create(Vm vm, GuestImage image) {
        GuestMemfd file =
                vm.createGuestMemfd(image.memory(), EnumSet.of(GuestMemfd.Flag.MMAP, GuestMemfd.Flag.INIT_SHARED));
        return new GuestMemfdMemory(image, file, file.map(0, image.memory()));
    }

    @Override
    public MappedMemory mapping() {
        return ((MappedHostMemory) mapped).mapping();
    }

    @Override
    public Memslot slot() {
        return DemoMemory.super.slot().backedBy(file, 0);
    }

    @Override
    public void populate(Machine machine) {
        image.read(0, mapped.hva(), image.content());
    }

    @Override
    public void close() {
        mapped.close();
        file.close();
    }
}
