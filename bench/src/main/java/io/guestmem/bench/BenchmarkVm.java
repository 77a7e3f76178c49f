package io.guestmem.bench;

import io.guestmem.abi.GuestPhysical;
import io.guestmem.abi.GuestRange;
import io.guestmem.abi.HostMemory;
import io.guestmem.abi.HostMemoryKind;
import io.guestmem.abi.Kernel;
import io.guestmem.abi.KvmFile;
import io.guestmem.abi.UserMemory;
import io.guestmem.abi.VcpuThread;
import io.guestmem.abi.VmType;
import io.guestmem.kvm.Kvm;
import io.guestmem.kvm.LinuxKernel;
import io.guestmem.kvm.Memslot;
import io.guestmem.kvm.Vcpu;
import io.guestmem.kvm.Vm;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;

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
        WatchedKernel kernel = new WatchedKernel(new LinuxKernel(), new ArrayList<>());
        kvm = Kvm.open(kernel);
        try {
            vm = kvm.createVm(VmType.DEFAULT);
            vmDescriptor = kernel.newest();
            vcpu = vm.createVcpu(0);
            vcpuDescriptor = kernel.newest();
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

    /** The real kernel, and every file that it was asked to take over; what it hands out is the real kernel's own. */
    private record WatchedKernel(Kernel kernel, List<KvmFile> adopted) implements Kernel {
        int newest() {
            return adopted.getLast().descriptor();
        }

        @Override
        public String name() {
            return kernel.name();
        }

        @Override
        public KvmFile open() {
            return kernel.open();
        }

        @Override
        public KvmFile adopt(int descriptor, String name) {
            adopted.add(kernel.adopt(descriptor, name));
            return adopted.getLast();
        }

        @Override
        public HostMemory allocate(HostMemoryKind kind, long length) {
            return kernel.allocate(kind, length);
        }

        @Override
        public UserMemory expose(MemorySegment memory) {
            return kernel.expose(memory);
        }

        @Override
        public VcpuThread currentThread() {
            return kernel.currentThread();
        }
    }
}
