package io.guestmem.kvm;

import io.guestmem.abi.Capability;
import io.guestmem.abi.Kernel;
import io.guestmem.abi.KernelUnavailableException;
import io.guestmem.abi.VmType;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;

/** What a kernel's KVM offers for guest memory, found by asking it. */
public sealed interface KvmSupport {
    /**
     * It is there.
     *
     * @param apiVersion always 12
     * @param preFaultMemory whether {@code KVM_PRE_FAULT_MEMORY} works
     * @param guestMemfd whether there are guest_memfds
     * @param guestMemfdFlags the flags that a VM of the default type may make one with; 0 on kernels that accept none
     * @param memoryAttributes the attributes that some VM type has; bit 3 is "private"
     * @param vmTypes the types of VMs that it makes
     */
    record Available(
            int apiVersion,
            boolean preFaultMemory,
            boolean guestMemfd,
            int guestMemfdFlags,
            int memoryAttributes,
            Set<VmType> vmTypes)
            implements KvmSupport {}

    /**
     * It is not there, or may not be used.
     *
     * @param reason the call, the errno and the object
     */
    record Unavailable(String reason) implements KvmSupport {}

    /** Asks a kernel. */
    static KvmSupport of(Kernel kernel) {
        try (Kvm kvm = Kvm.open(kernel)) {
            return new Available(
                    kvm.apiVersion(),
                    kvm.capability(Capability.PRE_FAULT_MEMORY) != 0,
                    kvm.capability(Capability.GUEST_MEMFD) != 0,
                    kvm.capability(Capability.GUEST_MEMFD_FLAGS),
                    kvm.capability(Capability.MEMORY_ATTRIBUTES),
                    kvm.vmTypes());
        } catch (KernelUnavailableException missing) {
            return new Unavailable(String.valueOf(missing.getMessage()));
        }
    }

    /** The module of this host's kernel that makes VMs: {@code kvm_intel}, {@code kvm_amd}, {@code kvm_pvm}; empty without. */
    static Optional<String> module() {
        return Stream.of("kvm_intel", "kvm_amd", "kvm_pvm")
                .filter(name -> Files.isDirectory(Path.of("/sys/module", name)))
                .findFirst();
    }
}
