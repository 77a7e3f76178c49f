package io.guestmem.soft.confidential;

import io.guestmem.abi.DeviceAttrLayout;
import io.guestmem.abi.VmType;
import io.guestmem.soft.KernelVersion;
import io.guestmem.soft.LaunchSnapshot;
import io.guestmem.soft.SevSession;
import io.guestmem.soft.SoftKernelOptions;
import java.lang.foreign.MemorySegment;
import java.util.EnumSet;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * What a confidential VM adds to a VM. Thread-safe; what needs a lock says so.
 *
 * <p>Commands get the 24 bytes of {@code kvm_sev_cmd} or {@code kvm_tdx_cmd} and may change them.
 */
public sealed interface ConfidentialGuest permits SevGuest, TdxGuest {
    /** Answered for a command that does not exist: {@code EINVAL}, and nothing is written back. */
    long UNKNOWN = Long.MIN_VALUE;

    /** The types of VMs that AMD's processors make confidential. */
    Set<VmType> OF_AMD = Set.copyOf(EnumSet.of(VmType.SEV, VmType.SEV_ES, VmType.SNP));

    /** What a VM on a host needs: null if the host makes no confidential VMs that this could be or become. */
    static @Nullable ConfidentialGuest of(GuestMachine machine) {
        VmType type = machine.type();
        if (type == VmType.TDX) {
            return new TdxGuest(machine);
        }
        boolean legacy = type == VmType.DEFAULT && machine.hostTypes().stream().anyMatch(OF_AMD::contains);
        return legacy || OF_AMD.contains(type) ? new SevGuest(machine) : null;
    }

    /** The value of an attribute of the group {@code KVM_X86_GRP_SEV}; empty where there is none. */
    static OptionalLong attribute(SoftKernelOptions host, long attribute) {
        if (host.vmTypes().stream().noneMatch(OF_AMD::contains)) {
            return OptionalLong.empty();
        }
        if (attribute == DeviceAttrLayout.SEV_VMSA_FEATURES) {
            long features = 0;
            for (VmType type : host.vmTypes()) {
                features |= VmsaFeatures.supported(type);
            }
            return OptionalLong.of(features);
        }
        boolean policy = attribute == DeviceAttrLayout.SNP_POLICY_BITS
                && host.kernelVersion().atLeast(KernelVersion.V7_2);
        return policy
                ? OptionalLong.of(host.vmTypes().contains(VmType.SNP) ? SnpLaunch.POLICY_BITS : 0)
                : OptionalLong.empty();
    }

    /** Whether a null pointer in the place of a command asks if the technology is there, and the answer is yes. */
    boolean answersProbe();

    /** {@code KVM_MEMORY_ENCRYPT_OP} of the VM. Under the VM's lock. */
    long command(GuestUser user, MemorySegment command);

    /** {@code KVM_MEMORY_ENCRYPT_OP} of a vCPU. Under the VM's lock and all vCPUs' mutexes. */
    long command(GuestUser user, GuestVcpu vcpu, MemorySegment command);

    /** {@code KVM_MEMORY_ENCRYPT_REG_REGION}. Under the VM's lock. */
    long register(long address, long size);

    /** {@code KVM_MEMORY_ENCRYPT_UNREG_REGION}. Under the VM's lock. */
    long unregister(long address, long size);

    /** Whether {@code KVM_CREATE_VCPU} works: 0 or a negated errno. Under the VM's lock. */
    int mayCreateVcpu();

    /** Whether memory can be pre-faulted already. */
    boolean mayPreFault();

    /** Whether an address is the alias of a page, with the shared bit. */
    boolean isAlias(long gpa);

    /** What {@code KVM_RUN} of a vCPU does. */
    RunPermission mayRun(int vcpu);

    /** Whether nobody may look at the registers of a vCPU, nor change them. */
    boolean isStateProtected(int vcpu);

    /** A page of guest_memfd is about to be mapped as private: 0 or a negated errno. */
    int prepare(long gfn, long pfn);

    /**
     * Stage-2 entries of pages are gone, and nobody uses them any more.
     *
     * @param privateToo whether those of private pages were meant, and not only those of memory of the process
     */
    void unmapped(long fromGfn, long toGfn, boolean privateToo);

    /** A frame of a guest_memfd is about to go back to the host. */
    void freed(long pfn);

    /** The native address at which a vCPU finds the page of a gfn. Only between {@link #entered} and {@link #left}. */
    long guestAddress(long gfn, long pfn);

    /** A vCPU enters the guest. */
    void entered();

    /** A vCPU leaves the guest. */
    void left();

    /** What the owner of a SEV or SEV-ES guest shares with the firmware; empty for other guests. */
    default Optional<SevSession> session() {
        return Optional.empty();
    }

    /** Launch and pages, as they are now. */
    LaunchSnapshot snapshot();
}
