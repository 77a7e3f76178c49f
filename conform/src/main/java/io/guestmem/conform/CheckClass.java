package io.guestmem.conform;

/** Where a check can show something. */
public enum CheckClass {
    /** On every real kernel with KVM. */
    REAL,
    /** On a real kernel that uses TDP: {@code KVM_CAP_PRE_FAULT_MEMORY} is 1. */
    TDP,
    /** On a kernel with {@link io.guestmem.abi.VmType#SW_PROTECTED} VMs. */
    PRIVATE_MEMORY,
    /** On a kernel with VMs of the type that the check is about: SEV, SEV-ES, SNP or TDX. */
    CONFIDENTIAL,
    /** On a model: it needs requests that were never merged, or a look inside. */
    MODEL
}
