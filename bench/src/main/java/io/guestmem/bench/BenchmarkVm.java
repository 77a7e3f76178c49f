package io.guestmem.bench;

import io.guestmem.abi.GuestPhysical;
import io.guestmem.abi.GuestRange;
import io.guestmem.abi.HostMemory;
import io.guestmem.abi.KernelException;
import io.guestmem.abi.VmType;
import io.guestmem.kvm.Kvm;
import io.guestmem.kvm.LinuxKernel;
import io.guestmem.kvm.Memslot;
import io.guestmem.kvm.Vcpu;
import io.guestmem.kvm.Vm;
import java.util.Optional;

/** A VM of one vCPU and one page of memory, with the numbers of its descriptors, which the typed API keeps to itself. */
final class BenchmarkVm implements AutoCloseable {
    /** The page that the guest has. */
    static final GuestRange PAGE = GuestRange.of(0, GuestPhysical.PAGE_SIZE);

    private final Kvm kvm;
    private final HostMemory memory;
    private final Vm vm;
    private final int vmDescriptor;
    private final Vcpu vcpu;
    private final int vcpuDescriptor;

    /**
     * Makes it.
     *
     * @throws io.guestmem.abi.KernelUnavailableException if there is no {@code /dev/kvm} or it may not be opened
     * @throws io.guestmem.abi.KernelException if KVM refuses
     */
    BenchmarkVm() {
        WatchedKernel kernel = new WatchedKernel(new LinuxKernel());
        kvm = Kvm.open(kernel);
        try {
            vm = kvm.createVm(VmType.DEFAULT);
            vmDescriptor = kernel.newest().descriptor();
            vcpu = vm.createVcpu(0);
            vcpuDescriptor = kernel.newest().descriptor();
            memory = kernel.allocate(PAGE.size());
        } catch (RuntimeException failed) {
            kvm.close();
            throw failed;
        }
        try {
            vm.set(Memslot.of(0, PAGE.start(), memory));
        } catch (RuntimeException failed) {
            close();
            throw failed;
        }
    }

    /** Why there can be none here; empty if there can. */
    static Optional<String> refusal() {
        try (BenchmarkVm _ = new BenchmarkVm()) {
            return Optional.empty();
        } catch (KernelException refused) {
            return Optional.of(String.valueOf(refused.getMessage()));
        }
    }

    Vm vm() {
        return vm;
    }

    int vmDescriptor() {
        return vmDescriptor;
    }

    Vcpu vcpu() {
        return vcpu;
    }

    int vcpuDescriptor() {
        return vcpuDescriptor;
    }

    @Override
    public void close() {
        kvm.close();
        memory.close();
    }
}
