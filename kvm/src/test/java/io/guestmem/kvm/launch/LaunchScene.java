package io.guestmem.kvm.launch;

import io.guestmem.abi.GuestPhysical;
import io.guestmem.abi.GuestRange;
import io.guestmem.abi.HostMemory;
import io.guestmem.abi.VmType;
import io.guestmem.kvm.Cpuid;
import io.guestmem.kvm.Kvm;
import io.guestmem.kvm.Memslot;
import io.guestmem.kvm.Vcpu;
import io.guestmem.kvm.Vm;
import io.guestmem.kvm.populate.Content;
import io.guestmem.kvm.populate.Flavour;
import io.guestmem.kvm.populate.GuestMemory;
import io.guestmem.kvm.populate.PopulationOutcome;
import io.guestmem.kvm.populate.PopulationPlan;
import io.guestmem.kvm.populate.PopulationStep;
import io.guestmem.kvm.populate.PopulationTarget;
import io.guestmem.kvm.populate.Populator;
import io.guestmem.kvm.populate.StepOutcome;
import io.guestmem.soft.LaunchSnapshot;
import io.guestmem.soft.SoftKernel;
import io.guestmem.soft.SoftKernelOptions;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.time.Duration;
import java.util.List;
import java.util.Set;

/** A guest whose launch has begun, with one vCPU and a slot, and a populator that gives it memory by the commands of its launch. */
final class LaunchScene implements AutoCloseable {
    static final long PAGE = GuestPhysical.PAGE_SIZE;
    static final long BASE = 0x100000;
    private static final int PAGES = 16;

    final SoftKernel soft;
    final HinderedKernel kernel;
    final Kvm kvm;
    final Vm vm;
    final Vcpu vcpu;
    final HostMemory memory;
    final SevDevice device;
    final PopulationTarget target;
    private final GuestMemory guest;

    LaunchScene(VmType type) {
        soft = new SoftKernel(SoftKernelOptions.defaults()
                .with()
                .vmTypes(SoftKernelOptions.vmTypesWith(type))
                .build());
        kernel = new HinderedKernel(soft);
        kvm = Kvm.open(kernel);
        vm = kvm.createVm(type);
        device = SevDevice.open(kernel);
        begin();
        vcpu = vm.createVcpu(0);
        memory = kernel.allocate(PAGES * PAGE);
        Memslot slot = Memslot.of(0, new GuestPhysical(BASE), memory);
        target = target();
        if (type.privateMemory()) {
            slot = slot.backedBy(vm.createGuestMemfd(PAGES * PAGE, Set.of()), 0);
            guest = GuestMemory.builder().slot(slot, memory, List.of(target)).build();
        } else {
            guest = GuestMemory.builder().target(slot.range(), target).build();
        }
        vm.set(slot);
    }

    private void begin() {
        switch (vm.type()) {
            case SNP -> {
                snp().init2(0).orThrow();
                snp().launchStart(0x30000).orThrow();
            }
            case TDX -> {
                Cpuid.Entry sizes = new Cpuid.Entry(0x8000_0008, 0, 0, 48 << 16, 0, 0, 0);
                tdx().initVm(0, 3, new Cpuid(List.of(sizes))).orThrow();
            }
            default -> {
                sev().init2(0).orThrow();
                sev().launchStart(1).orThrow();
            }
        }
    }

    private PopulationTarget target() {
        return switch (vm.type()) {
            case SNP -> new SnpLaunchTarget(snp(), new GuestPhysical(BASE));
            case TDX -> {
                tdx().initVcpu(vcpu, new GuestPhysical(0)).orThrow();
                yield new TdxRegionTarget(tdx(), vcpu, new GuestPhysical(BASE));
            }
            default -> new SevDataTarget(sev(), memory);
        };
    }

    SnpCommands snp() {
        return new SnpCommands(vm, device);
    }

    SevCommands sev() {
        return new SevCommands(vm, device);
    }

    TdxCommands tdx() {
        return new TdxCommands(vm);
    }

    static GuestPhysical page(long number) {
        return new GuestPhysical(BASE + number * PAGE);
    }

    static GuestRange pages(long first, long count) {
        return new GuestRange(page(first), count * PAGE);
    }

    /** Pages that are full of their number and a seed. */
    static MemorySegment content(long count, int seed) {
        MemorySegment content = Arena.ofAuto().allocate(count * PAGE, PAGE);
        for (long i = 0; i < count; i++) {
            content.asSlice(i * PAGE, PAGE).fill((byte) (seed + i));
        }
        return content;
    }

    /** A step with content, of the flavour that the type has. */
    PopulationStep step(long first, long count, int seed) {
        return step(PopulationStep.of(pages(first, count), new Content.Buffer(content(count, seed))));
    }

    PopulationStep step(PopulationStep step) {
        return vm.type().privateMemory() ? step.with(Flavour.PRIVATE) : step;
    }

    PopulationOutcome run(PopulationStep... steps) {
        return Populator.of(vm, guest, List.of(vcpu))
                .with(Duration.ofSeconds(5))
                .run(PopulationPlan.of(steps));
    }

    LaunchSnapshot launch() {
        return soft.inspect(vm.file()).launch().orElseThrow();
    }

    /** How a step ended, in words. */
    static String words(StepOutcome outcome) {
        return switch (outcome) {
            case StepOutcome.Done done -> "done " + done.shortfalls();
            case StepOutcome.PartlyDone part ->
                "partly: " + part.reason().what() + " at " + part.reason().at();
            case StepOutcome.Refused refused -> "refused: " + refused.reason().what();
        };
    }

    static List<String> words(PopulationOutcome outcome) {
        return outcome.steps().stream().map(LaunchScene::words).toList();
    }

    @Override
    public void close() {
        kvm.close();
        memory.close();
        device.close();
        soft.close();
    }
}
