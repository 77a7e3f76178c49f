package io.guestmem.vmm.demo;

import io.guestmem.abi.HostMemory;
import io.guestmem.abi.VmType;
import io.guestmem.kvm.Memslot;
import io.guestmem.kvm.Vcpu;
import io.guestmem.kvm.Vm;
import io.guestmem.kvm.launch.CommandResult;
import io.guestmem.kvm.launch.SevDevice;
import io.guestmem.kvm.populate.PopulationTarget;
import java.util.Optional;

/** The commands of one launch, in the order in which a VMM makes them; the same for every kernel. For one thread. */
sealed interface ConfidentialLaunch permits SevGuestLaunch, SnpGuestLaunch, TdxGuestLaunch {
    /**
     * The launch of a VM.
     *
     * @param device open as long as commands are made
     * @throws IllegalArgumentException if a VM of its type is not launched
     */
    static ConfidentialLaunch of(Vm vm, SevDevice device) {
        return switch (vm.type()) {
            case SEV, SEV_ES -> new SevGuestLaunch(vm, device);
            case SNP -> new SnpGuestLaunch(vm, device);
            case TDX -> new TdxGuestLaunch(vm);
            case DEFAULT, SW_PROTECTED -> throw new IllegalArgumentException("not launched: " + vm.type());
        };
    }

    /** Whether VMs of a type are launched. */
    static boolean isFor(VmType type) {
        return type != VmType.DEFAULT && type != VmType.SW_PROTECTED;
    }

    /**
     * Makes the VM a guest and begins.
     *
     * @throws io.guestmem.abi.KernelException if a command is refused
     */
    void begin();

    /**
     * Gives a vCPU the registers that QEMU resets it to, where anybody can.
     *
     * @throws io.guestmem.abi.KernelException if a command is refused
     */
    void prepare(Vcpu vcpu);

    /** How memory gets into the guest. */
    PopulationTarget target(Memslot slot, HostMemory memory);

    /**
     * How a launch ended.
     *
     * @param result of the command that it ended with
     * @param measurement what {@code LAUNCH_MEASURE} returned
     * @param compared whether the firmware compared the digest with the predicted one, and what it found
     */
    record Finish(CommandResult result, Optional<byte[]> measurement, Optional<Boolean> compared) {}

    /**
     * Ends it.
     *
     * @param predicted the digest that it should have
     */
    Finish finish(byte[] predicted);
}
