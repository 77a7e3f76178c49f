package io.guestmem.diff.translate;

import io.guestmem.abi.ErrorNumber;
import io.guestmem.abi.Kernel;
import io.guestmem.abi.KernelException;
import io.guestmem.abi.VmType;
import io.guestmem.kvm.Cpuid;
import io.guestmem.kvm.Kvm;
import io.guestmem.kvm.SystemRegisters;
import io.guestmem.kvm.Vcpu;
import io.guestmem.kvm.Vm;
import io.guestmem.paging.PagingState;

/** A VM with one vCPU over a {@link GuestRam}. For one thread. */
final class OracleGuest implements AutoCloseable {
    private final Kvm kvm;
    private final Cpuid supported;
    private final GuestRam ram;
    private final Vcpu vcpu;
    private final SystemRegisters reset;

    /**
     * A guest with all CPUID that the kernel supports.
     *
     * @throws io.guestmem.abi.KernelUnavailableException if the kernel has no KVM
     */
    OracleGuest(Kernel kernel, boolean readOnlyTable) {
        this.kvm = Kvm.open(kernel);
        GuestRam made = null;
        try {
            this.supported = kvm.supportedCpuid();
            made = new GuestRam(kernel, features().paging().maxPhysicalAddressBits(), readOnlyTable);
            Vm vm = kvm.createVm(VmType.DEFAULT);
            made.putInto(vm);
            this.vcpu = vm.createVcpu(0);
            vcpu.setCpuid(supported);
            this.reset = vcpu.systemRegisters();
            this.ram = made;
        } catch (RuntimeException failed) {
            kvm.close();
            if (made != null) {
                made.close();
            }
            throw failed;
        }
    }

    Kvm kvm() {
        return kvm;
    }

    Cpuid supported() {
        return supported;
    }

    CpuFeatures features() {
        return CpuFeatures.of(supported);
    }

    GuestRam ram() {
        return ram;
    }

    Vcpu vcpu() {
        return vcpu;
    }

    /**
     * Gives the vCPU its system registers.
     *
     * @return whether it has them now: a kernel may refuse some, or drop them without a word
     */
    boolean enter(PagingState state) {
        try {
            vcpu.setSystemRegisters(Monitor.registers(reset, state));
        } catch (KernelException refused) {
            if (refused.errno() == ErrorNumber.EINVAL.number()) {
                return false;
            }
            throw refused;
        }
        SystemRegisters now = vcpu.systemRegisters();
        return now.cr0() == state.cr0()
                && now.cr3() == state.cr3()
                && now.cr4() == state.cr4()
                && now.efer() == state.efer();
    }

    @Override
    public void close() {
        kvm.close();
        ram.close();
    }
}
