package io.guestmem.diff;

import io.guestmem.abi.Kernel;
import io.guestmem.abi.KvmFile;
import io.guestmem.abi.KvmIoctl;

/**
 * A VM with a vCPU that stays as long as sequences come and go. The first ones of a kernel switch branches on by patching its
 * code, the last ones switch them off: that is slow, and QEMU's software CPU does not always survive it.
 */
record Standing(KvmFile vm, KvmFile vcpu) implements AutoCloseable {
    static Standing on(Kernel kernel) {
        try (KvmFile system = kernel.open()) {
            long made = World.must("KVM_CREATE_VM", World.request(system, KvmIoctl.CREATE_VM, 0));
            KvmFile vm = kernel.adopt((int) made, "standing vm");
            long vcpu = World.must("KVM_CREATE_VCPU", World.request(vm, KvmIoctl.CREATE_VCPU, 0));
            return new Standing(vm, kernel.adopt((int) vcpu, "standing vcpu"));
        }
    }

    @Override
    public void close() {
        vcpu.close();
        vm.close();
    }
}
