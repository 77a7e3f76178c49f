package io.guestmem.abi;

/** The kinds of KVM's files: which requests a file knows depends on its kind. */
public enum KvmFileKind {
    /** {@code /dev/kvm}. */
    SYSTEM,
    /** A virtual machine, of {@code KVM_CREATE_VM}. */
    VM,
    /** A virtual CPU, of {@code KVM_CREATE_VCPU}. */
    VCPU,
    /** The private memory of a VM, of {@code KVM_CREATE_GUEST_MEMFD}. It knows no request. */
    GUEST_MEMFD,
    /** The statistics of a VM or vCPU, of {@code KVM_GET_STATS_FD}. It knows no request. */
    STATS
}
