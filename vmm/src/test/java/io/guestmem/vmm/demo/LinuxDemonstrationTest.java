package io.guestmem.vmm.demo;

import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.guestmem.abi.Capability;
import io.guestmem.abi.Kernel;
import io.guestmem.abi.KernelUnavailableException;
import io.guestmem.abi.VmType;
import io.guestmem.kvm.Kvm;
import io.guestmem.kvm.LinuxKernel;
import io.guestmem.vmm.HostKernel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.EnumSet;
import java.util.Set;
import org.junit.jupiter.api.Test;

/** The demonstration on the kernel of this host. */
class LinuxDemonstrationTest extends DemonstrationContract {
    @Override
    Kernel kernel() {
        return HostKernel.get();
    }

    /** Plain mappings it has; of userfaultfd the device decides; what was never merged it lacks. */
    @Override
    Set<PopulationWay> lacking() {
        Set<PopulationWay> lacking = EnumSet.of(PopulationWay.MAP_MEMORY, PopulationWay.GMEM_POPULATE);
        try (Kvm kvm = Kvm.open(kernel())) {
            if (kvm.capability(Capability.PRE_FAULT_MEMORY) == 0) {
                lacking.add(PopulationWay.PRE_FAULT);
            }
            if ((kvm.capability(Capability.GUEST_MEMFD_FLAGS) & 3) != 3) {
                lacking.add(PopulationWay.GUEST_MEMFD);
            }
        }
        if (!Files.isWritable(Path.of("/dev/userfaultfd"))) {
            lacking.add(PopulationWay.UFFD);
            lacking.add(PopulationWay.UFFD_DEMAND);
        }
        return lacking;
    }

    @Test
    void aHostWithoutKvmIsUnavailable() {
        Kernel none = new LinuxKernel(directory.resolve("kvm"));

        assertThatExceptionOfType(KernelUnavailableException.class)
                .isThrownBy(() -> new Demonstration(none, VmType.DEFAULT, file(1), MIB).run(ALL, SILENT))
                .withMessage("open: ENOENT (2): " + directory.resolve("kvm"));
    }

    @Test
    void aKernelWithoutPrivateMemorySaysSo() {
        try (Kvm kvm = Kvm.open(kernel())) {
            assumeTrue(!kvm.vmTypes().contains(VmType.SW_PROTECTED), "this kernel makes VMs with private memory");
        }

        assertThatExceptionOfType(UnavailableVmTypeException.class)
                .isThrownBy(() -> new Demonstration(kernel(), VmType.SW_PROTECTED, file(1), MIB).run(ALL, SILENT))
                .withMessage("KVM_CAP_VM_TYPES: the kernel linux makes no VM of type sw_protected");
    }
}
