package io.guestmem.vmm.demo;

import io.guestmem.abi.Capability;
import io.guestmem.abi.GuestPhysical;
import io.guestmem.abi.HostMemory;
import io.guestmem.kvm.Cpuid;
import io.guestmem.kvm.Memslot;
import io.guestmem.kvm.Vcpu;
import io.guestmem.kvm.Vm;
import io.guestmem.kvm.launch.TdxCommands;
import io.guestmem.kvm.launch.TdxRegionTarget;
import io.guestmem.kvm.populate.PopulationTarget;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** TDX: the measurement is in the TD's reports, which only the TD asks for. */
final class TdxGuestLaunch implements ConfidentialLaunch {
    private static final int ADDRESS_SIZES = 0x8000_0008;
    private static final int GUEST_BITS = 0xFF << 16;
    private static final int FOUR_LEVELS = 48 << 16;

    /** x87 and SSE, which the TDX module insists on. */
    private static final long XFAM = 3;

    /** Pins of the I/O APIC outside the kernel, as many as the usual one has. */
    private static final long PINS = 24;

    private final Vm vm;
    private final TdxCommands commands;
    private @Nullable Vcpu first;

    TdxGuestLaunch(Vm vm) {
        this.vm = vm;
        this.commands = new TdxCommands(vm);
    }

    /** {@inheritDoc} Source of the interrupt controllers: Linux 7.2 {@code tdx.c:tdx_vcpu_create} wants them split. */
    @Override
    public void begin() {
        if (vm.capability(Capability.SPLIT_IRQCHIP) != 0) {
            vm.enable(Capability.SPLIT_IRQCHIP, PINS);
        }
        commands.initVm(0, XFAM, cpuid(commands.capabilities().cpuid(), vm.kvm().supportedCpuid()))
                .orThrow();
    }

    /** What can be chosen, as far as KVM supports it, with 48 bits of guest-physical addresses. */
    private static Cpuid cpuid(Cpuid configurable, Cpuid supported) {
        List<Cpuid.Entry> entries = new ArrayList<>();
        for (Cpuid.Entry can : configurable.entries()) {
            Optional<Cpuid.Entry> known = supported.entries().stream()
                    .filter(each -> each.function() == can.function() && each.index() == can.index())
                    .findFirst();
            if (can.function() == ADDRESS_SIZES) {
                int eax = (known.map(Cpuid.Entry::eax).orElse(0) & can.eax() & ~GUEST_BITS) | FOUR_LEVELS;
                entries.add(new Cpuid.Entry(can.function(), can.index(), can.flags(), eax, 0, 0, 0));
            } else if (known.isPresent()) {
                entries.add(both(can, known.get()));
            }
        }
        return new Cpuid(entries);
    }

    private static Cpuid.Entry both(Cpuid.Entry can, Cpuid.Entry known) {
        return new Cpuid.Entry(
                can.function(),
                can.index(),
                can.flags(),
                can.eax() & known.eax(),
                can.ebx() & known.ebx(),
                can.ecx() & known.ecx(),
                can.edx() & known.edx());
    }

    /** {@inheritDoc} Nobody can give a TD's vCPU registers; it needs a CPUID with x2APIC before it is initialised. */
    @Override
    public void prepare(Vcpu vcpu) {
        vcpu.setCpuid(vm.kvm().supportedCpuid());
        commands.initVcpu(vcpu, new GuestPhysical(0)).orThrow();
        first = vcpu;
    }

    @Override
    public PopulationTarget target(Memslot slot, HostMemory memory) {
        Vcpu vcpu = first;
        if (vcpu == null) {
            throw new IllegalStateException("memory is added through a vCPU, and none is prepared");
        }
        return new TdxRegionTarget(commands, vcpu, slot.range().start());
    }

    @Override
    public Finish finish(byte[] predicted) {
        return new Finish(commands.finalizeVm(), Optional.empty(), Optional.empty());
    }
}
