package io.guestmem.abi;

/**
 * The kinds of VMs that x86 has: the argument of {@code KVM_CREATE_VM}, and the bits of {@link Capability#VM_TYPES}.
 *
 * <p>Source: Linux 7.2 {@code arch/x86/include/uapi/asm/kvm.h}, {@code arch/x86/kvm/x86.c:kvm_arch_init_vm}.
 */
public enum VmType {
    /** An ordinary VM. */
    DEFAULT(0, false, false, PreFault.AT_ONCE, 2),
    /** Private memory without encryption, to develop with. Needs the TDP MMU. */
    SW_PROTECTED(1, true, false, PreFault.AT_ONCE, 1),
    /** Memory encrypted by AMD SEV. */
    SEV(2, false, false, PreFault.AT_ONCE, 2),
    /** As {@link #SEV}, registers too. System management mode cannot be used, though its address space exists. */
    SEV_ES(3, false, true, PreFault.AT_ONCE, 2),
    /** AMD SEV-SNP. */
    SNP(4, true, true, PreFault.AFTER_SNP_LAUNCH_FINISH, 1),
    /** Intel TDX. */
    TDX(5, true, true, PreFault.AFTER_TDX_FINALIZE_VM, 1);

    private final int value;
    private final boolean privateMemory;
    private final boolean protectedState;
    private final PreFault preFault;
    private final int addressSpaces;

    VmType(int value, boolean privateMemory, boolean protectedState, PreFault preFault, int addressSpaces) {
        this.value = value;
        this.privateMemory = privateMemory;
        this.protectedState = protectedState;
        this.preFault = preFault;
        this.addressSpaces = addressSpaces;
    }

    /** From when on {@code KVM_PRE_FAULT_MEMORY} is answered; before, it is {@code EOPNOTSUPP}. */
    public enum PreFault {
        /** Always. */
        AT_ONCE,
        /** After {@link SevCommandLayout#SNP_LAUNCH_FINISH}. */
        AFTER_SNP_LAUNCH_FINISH,
        /** After {@link TdxCommandLayout#FINALIZE_VM}. */
        AFTER_TDX_FINALIZE_VM
    }

    /** The argument of {@code KVM_CREATE_VM}. */
    public int value() {
        return value;
    }

    /** Whether memory can be private, and so whether memory attributes are accepted. */
    public boolean privateMemory() {
        return privateMemory;
    }

    /** Whether the host cannot see the registers once the guest is launched. */
    public boolean protectedState() {
        return protectedState;
    }

    /** Whether memslots can be read-only: not if the state is protected, for nobody could emulate the writes. */
    public boolean readOnlySlots() {
        return !protectedState;
    }

    /** From when on memory can be pre-faulted. */
    public PreFault preFault() {
        return preFault;
    }

    /** The number of address spaces of memslots: 2 (normal, system management mode, if the kernel has it) or 1. */
    public int addressSpaces() {
        return addressSpaces;
    }
}
