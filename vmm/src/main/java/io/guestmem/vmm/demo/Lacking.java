package io.guestmem.vmm.demo;

import io.guestmem.abi.Capability;
import io.guestmem.abi.CreateGuestMemfdLayout;
import io.guestmem.abi.ErrorNumber;
import io.guestmem.abi.GuestPhysical;
import io.guestmem.abi.GuestRange;
import io.guestmem.abi.VmType;
import io.guestmem.kvm.Kvm;
import io.guestmem.kvm.MapMemory;
import io.guestmem.vmm.Machine;
import java.util.Optional;

/**
 * Finds out why a kernel does not have a way to populate. What was never merged has no capability number of its own, and is
 * tried.
 *
 * @param type of the VMs
 */
record Lacking(DemoHost host, Kvm kvm, VmType type) {
    /** The reason; empty if the kernel has it. */
    Optional<String> reason(PopulationWay way) {
        return switch (way) {
            case NONE, POPULATE, POPULATE_WRITE, POPULATOR, WORKING_SET -> Optional.empty();
            case UFFD, UFFD_DEMAND -> host.lackingUserfaultfd();
            case PRE_FAULT, MAP_MEMORY, GUEST_MEMFD, GMEM_POPULATE -> ask(way);
        };
    }

    private Optional<String> ask(PopulationWay way) {
        try (Machine machine = Machine.create(kvm, type, GuestPhysical.PAGE_SIZE)) {
            return switch (way) {
                case PRE_FAULT -> preFault(machine);
                case MAP_MEMORY -> mapMemory(machine);
                case GUEST_MEMFD -> mappableGuestMemfd(machine);
                default -> populate(machine);
            };
        }
    }

    private static Optional<String> preFault(Machine machine) {
        return machine.vm().capability(Capability.PRE_FAULT_MEMORY) != 0
                ? Optional.empty()
                : Optional.of("KVM_CAP_PRE_FAULT_MEMORY is 0: shadow paging, or a kernel before 6.11");
    }

    private static Optional<String> mapMemory(Machine machine) {
        return machine.vcpu().knows(new MapMemory.V2(0, 0, 0))
                ? Optional.empty()
                : Optional.of("KVM_MAP_MEMORY is EINVAL: never merged under this name");
    }

    private static Optional<String> mappableGuestMemfd(Machine machine) {
        long needed = CreateGuestMemfdLayout.MMAP | CreateGuestMemfdLayout.INIT_SHARED;
        int flags = machine.vm().capability(Capability.GUEST_MEMFD_FLAGS);
        return (flags & needed) == needed
                ? Optional.empty()
                : Optional.of(
                        "KVM_CAP_GUEST_MEMFD_FLAGS is " + flags + ": no guest_memfd that the host can map and touch");
    }

    /** There is no memory at the address, so that a kernel that knows the request refuses it in another way. */
    private Optional<String> populate(Machine machine) {
        if (!type.privateMemory()) {
            return Optional.of("this type of VM has no private memory, sw_protected has");
        }
        long result = machine.vm().guestMemfdPopulate().zero(GuestRange.of(0, GuestPhysical.PAGE_SIZE));
        return result == -ErrorNumber.ENOTTY.number()
                ? Optional.of("KVM_GUEST_MEMFD_POPULATE is ENOTTY: never merged")
                : Optional.empty();
    }
}
