package io.guestmem.vmm.demo;

import io.guestmem.abi.GuestPhysical;
import io.guestmem.abi.GuestRange;
import io.guestmem.abi.HostMemory;
import io.guestmem.abi.Kernel;
import io.guestmem.vmm.Checksum;
import io.guestmem.vmm.GuestProgram;
import io.guestmem.vmm.Machine;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/**
 * The guest reads all of its memory, which is a file.
 *
 * @param file its content
 * @param memoryBytes the size of guest memory
 */
record ReadAll(Path file, long memoryBytes) implements DemoWork {
    @Override
    public DemoSubject subject() {
        return new DemoSubject.Image(file);
    }

    @Override
    public String firstStep() {
        return "checksum of the file";
    }

    @Override
    public GuestImage open() {
        return GuestImage.open(file, memoryBytes);
    }

    @Override
    public Checksum expected(GuestImage opened) {
        return opened.checksum();
    }

    @Override
    public long pages() {
        return memoryBytes / GuestPhysical.PAGE_SIZE;
    }

    @Override
    public List<GuestRange> workingSet() {
        return List.of();
    }

    @Override
    public long[] list() {
        return new long[0];
    }

    @Override
    public HostMemory map(DemoHost host, Kernel kernel, GuestImage opened) {
        return host.map(opened);
    }

    @Override
    public GuestProgram program(Machine machine) {
        return GuestProgram.checksum(machine.memory());
    }

    @Override
    public Optional<GuestProgram> before(Machine machine) {
        return Optional.empty();
    }

    @Override
    public Optional<GuestProgram> after(Machine machine) {
        return Optional.empty();
    }
}
