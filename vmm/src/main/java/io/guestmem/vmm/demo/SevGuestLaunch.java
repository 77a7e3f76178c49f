package io.guestmem.vmm.demo;

import io.guestmem.abi.HostMemory;
import io.guestmem.abi.HostVirtual;
import io.guestmem.abi.VmType;
import io.guestmem.kvm.Memslot;
import io.guestmem.kvm.Vcpu;
import io.guestmem.kvm.Vm;
import io.guestmem.kvm.launch.CommandResult;
import io.guestmem.kvm.launch.SevCommands;
import io.guestmem.kvm.launch.SevDataTarget;
import io.guestmem.kvm.launch.SevDevice;
import io.guestmem.kvm.populate.PopulationTarget;
import java.util.Optional;

/** SEV and SEV-ES: memory of the process is encrypted where it lies; nobody but the owner can check the measurement. */
final class SevGuestLaunch implements ConfidentialLaunch {
    /** No debugging. */
    private static final int POLICY = 1;

    /** No debugging, and the registers are encrypted. */
    private static final int POLICY_ES = 5;

    private final Vm vm;
    private final SevCommands commands;

    SevGuestLaunch(Vm vm, SevDevice device) {
        this.vm = vm;
        this.commands = new SevCommands(vm, device);
    }

    private boolean encryptsRegisters() {
        return vm.type() == VmType.SEV_ES;
    }

    /** What a guest of a type is started with. */
    static int policy(VmType type) {
        return type == VmType.SEV_ES ? POLICY_ES : POLICY;
    }

    @Override
    public void begin() {
        commands.init2(0).orThrow();
        commands.launchStart(policy(vm.type())).orThrow();
    }

    @Override
    public void prepare(Vcpu vcpu) {
        QemuReset.apply(vcpu);
    }

    @Override
    public PopulationTarget target(Memslot slot, HostMemory memory) {
        commands.register(new HostVirtual(memory.hva()), memory.length());
        return new SevDataTarget(commands, memory);
    }

    @Override
    public Finish finish(byte[] predicted) {
        CommandResult registers = encryptsRegisters() ? commands.launchUpdateVmsa() : new CommandResult.Done();
        if (registers instanceof CommandResult.Refused) {
            return new Finish(registers, Optional.empty(), Optional.empty());
        }
        byte[] measurement = commands.launchMeasure();
        return new Finish(commands.launchFinish(), Optional.of(measurement), Optional.empty());
    }
}
