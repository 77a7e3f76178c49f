package io.guestmem.kvm;

import io.guestmem.abi.Capability;
import io.guestmem.abi.Kernel;
import io.guestmem.abi.KvmFile;
import io.guestmem.abi.KvmIoctl;
import io.guestmem.abi.VmType;
import java.util.EnumSet;
import java.util.Set;

/**
 * KVM as a system: what it can do, and the machines it makes. Thread-safe.
 *
 * <p>Closing it closes its VMs first.
 */
public final class Kvm implements AutoCloseable {
    private static final int API_VERSION = 12;

    private final Kernel kernel;
    private final KvmFile file;
    private final OwnedFiles machines = new OwnedFiles();

    private Kvm(Kernel kernel, KvmFile file) {
        this.kernel = kernel;
        this.file = file;
    }

    /**
     * Opens KVM of a kernel.
     *
     * @throws io.guestmem.abi.KernelUnavailableException if there is none or it may not be opened
     * @throws IllegalStateException if it speaks another version than 12, the only one since 2007
     */
    public static Kvm open(Kernel kernel) {
        Kvm kvm = new Kvm(kernel, kernel.open());
        try {
            int version = kvm.apiVersion();
            if (version != API_VERSION) {
                throw new IllegalStateException("KVM speaks version " + version + ", not " + API_VERSION);
            }
            return kvm;
        } catch (RuntimeException failed) {
            kvm.close();
            throw failed;
        }
    }

    /** The kernel below. */
    public Kernel kernel() {
        return kernel;
    }

    /** {@code KVM_GET_API_VERSION}. */
    public int apiVersion() {
        return (int) Call.value(file, KvmIoctl.GET_API_VERSION, 0);
    }

    /** {@code KVM_CHECK_EXTENSION} of the system: 0 if the kernel does not have it. A VM may answer otherwise. */
    public int capability(Capability capability) {
        return (int) Call.value(file, KvmIoctl.CHECK_EXTENSION, capability.number());
    }

    /** The VM types that this kernel makes; kernels without {@code KVM_CAP_VM_TYPES} make only the default one. */
    public Set<VmType> vmTypes() {
        int mask = capability(Capability.VM_TYPES) | 1;
        Set<VmType> types = EnumSet.noneOf(VmType.class);
        for (VmType type : VmType.values()) {
            if ((mask & (1 << type.value())) != 0) {
                types.add(type);
            }
        }
        return types;
    }

    /** {@code KVM_GET_SUPPORTED_CPUID}: what a guest may be told. */
    public Cpuid supportedCpuid() {
        return Cpuid.supported(file);
    }

    /**
     * {@code KVM_CREATE_VM}.
     *
     * @throws io.guestmem.abi.KernelException with EINVAL for a type that this kernel does not make
     */
    public Vm createVm(VmType type) {
        long descriptor = Call.value(file, KvmIoctl.CREATE_VM, type.value());
        KvmFile machine = kernel.adopt((int) descriptor, "VM " + type);
        return machines.add(new Vm(this, machine, type), "KVM");
    }

    /** {@code KVM_GET_VCPU_MMAP_SIZE}: the bytes of a vCPU's shared page and its rings. */
    long vcpuMapSize() {
        return Call.value(file, KvmIoctl.GET_VCPU_MMAP_SIZE, 0);
    }

    void closed(Vm machine) {
        machines.remove(machine);
    }

    @Override
    public void close() {
        machines.closeAll(file::close);
    }
}
