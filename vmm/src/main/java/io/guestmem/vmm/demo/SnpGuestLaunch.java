package io.guestmem.vmm.demo;

import io.guestmem.abi.HostMemory;
import io.guestmem.kvm.Memslot;
import io.guestmem.kvm.Vcpu;
import io.guestmem.kvm.Vm;
import io.guestmem.kvm.launch.CommandResult;
import io.guestmem.kvm.launch.SevDevice;
import io.guestmem.kvm.launch.SnpCommands;
import io.guestmem.kvm.launch.SnpLaunchTarget;
import io.guestmem.kvm.populate.PopulationTarget;
import io.guestmem.measure.IdAuthentication;
import io.guestmem.measure.IdBlock;
import java.security.GeneralSecurityException;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.spec.ECGenParameterSpec;
import java.util.Optional;

/** SNP: the firmware itself compares the launch digest with the predicted one, which it is given in an ID block. */
final class SnpGuestLaunch implements ConfidentialLaunch {
    private static final int BAD_MEASUREMENT = 0x0B;
    private static final int ID_SIZE = 16;

    private final SnpCommands commands;

    SnpGuestLaunch(Vm vm, SevDevice device) {
        this.commands = new SnpCommands(vm, device);
    }

    @Override
    public void begin() {
        commands.init2(0).orThrow();
        commands.launchStart(IdBlock.STANDARD_POLICY).orThrow();
    }

    @Override
    public void prepare(Vcpu vcpu) {
        QemuReset.apply(vcpu);
    }

    @Override
    public PopulationTarget target(Memslot slot, HostMemory memory) {
        return new SnpLaunchTarget(commands, slot.range().start());
    }

    @Override
    public Finish finish(byte[] predicted) {
        IdBlock block = IdBlock.of(predicted, new byte[ID_SIZE], new byte[ID_SIZE], 0, IdBlock.STANDARD_POLICY);
        CommandResult result =
                commands.launchFinish(Optional.of(new SnpCommands.Identity(block.bytes(), sign(block), false)));
        Optional<Boolean> compared = switch (result) {
            case CommandResult.Done _ -> Optional.of(true);
            case CommandResult.Refused refused ->
                refused.status() == BAD_MEASUREMENT ? Optional.of(false) : Optional.empty();
        };
        return new Finish(result, Optional.empty(), compared);
    }

    /** With a key that is used once: nobody is to trust it. */
    private static byte[] sign(IdBlock block) {
        try {
            KeyPairGenerator generator = KeyPairGenerator.getInstance("EC");
            generator.initialize(new ECGenParameterSpec("secp384r1"));
            KeyPair key = generator.generateKeyPair();
            return IdAuthentication.page(block, key, Optional.empty());
        } catch (GeneralSecurityException impossible) {
            throw new AssertionError("every JDK has P-384", impossible);
        }
    }
}
