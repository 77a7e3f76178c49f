package io.guestmem.abi;

/**
 * What a kernel may be able to do: the argument of {@code KVM_CHECK_EXTENSION}, on the system's file or, where the answer can
 * differ between VMs, on the VM's.
 *
 * <p>A number says nothing about a request that was never merged. 236 was {@code KVM_CAP_MAP_MEMORY} in the proposals and is
 * {@link #PRE_FAULT_MEMORY} now; 239 was claimed by {@code KVM_TRANSLATE2} and belongs to an Arm feature now. Detect those
 * requests by trial: an unknown one is {@code EINVAL} on a vCPU and {@code ENOTTY} on a VM.
 *
 * <p>Source: Linux 7.2 {@code include/uapi/linux/kvm.h}.
 */
public enum Capability {
    /** Memslots of user memory: 1. */
    USER_MEMORY(3),
    /** The recommended number of vCPUs. */
    NR_VCPUS(9),
    /** The number of memslots of an address space: 32764. */
    NR_MEMSLOTS(10),
    /** Memslots follow changes of the host's page tables: 1. */
    SYNC_MMU(16),
    /** Memslots can be deleted: 1. */
    DESTROY_MEMORY_REGION_WORKS(21),
    /** Adjacent memslots work: 1. */
    JOIN_MEMORY_REGIONS_WORKS(30),
    /** The highest number of vCPUs. */
    MAX_VCPUS(66),
    /** Read-only memslots: 1, but 0 on VMs of protected state. */
    READONLY_MEM(81),
    /** {@code KVM_ENABLE_CAP} on VMs: 1. */
    ENABLE_CAP_VM(98),
    /** {@code KVM_CHECK_EXTENSION} on VMs: 1. */
    CHECK_EXTENSION_VM(105),
    /** Switches quirks off, ignoring bits that it does not know: 1. */
    DISABLE_QUIRKS(116),
    /** System management mode: 1 if built in. */
    X86_SMM(117),
    /** The number of address spaces: 2 with system management mode; by VM. 0 in builds that have one address space only. */
    MULTI_ADDRESS_SPACE(118),
    /** Local APICs in the kernel and the I/O APIC outside, which TDX wants: 1. Enabling it takes the pins of the I/O APIC. */
    SPLIT_IRQCHIP(121),
    /** {@code kvm_run.immediate_exit} works: 1. */
    IMMEDIATE_EXIT(136),
    /** Dirty bitmaps are cleared by the user: mask of 1 (can be enabled) and 2 (all pages dirty at first). */
    MANUAL_DIRTY_LOG_PROTECT2(168),
    /** Dirty rings: the largest size in bytes. */
    DIRTY_LOG_RING(192),
    /** {@code KVM_GET_SREGS2}: 1. */
    SREGS2(200),
    /** Hypercalls that may exit to the user: a mask of their numbers. */
    EXIT_HYPERCALL(201),
    /** {@code KVM_GET_STATS_FD}: 1. */
    BINARY_STATS_FD(203),
    /** {@code KVM_GET_DEVICE_ATTR} of the system: 1. */
    SYS_ATTRIBUTES(209),
    /** Switches quirks off: the mask of those it knows. Another bit is {@code EINVAL}. */
    DISABLE_QUIRKS2(213),
    /** A VM can do without the mitigation that splits executable huge pages: 1. Enabling it needs {@code CAP_SYS_BOOT}. */
    VM_DISABLE_NX_HUGE_PAGES(220),
    /** Dirty rings with acquire and release: the largest size in bytes. */
    DIRTY_LOG_RING_ACQ_REL(223),
    /** Dirty rings beside bitmaps: 0 or 1. */
    DIRTY_LOG_RING_WITH_BITMAP(225),
    /** {@code KVM_SET_USER_MEMORY_REGION2}: 1. */
    USER_MEMORY2(231),
    /** {@link ExitReason#MEMORY_FAULT}: 1. */
    MEMORY_FAULT_INFO(232),
    /** The mask of memory attributes: 8, which is private; 0 on VMs without private memory. */
    MEMORY_ATTRIBUTES(233),
    /** {@code KVM_CREATE_GUEST_MEMFD}: 1. */
    GUEST_MEMFD(234),
    /** The mask of {@link VmType} values. */
    VM_TYPES(235),
    /** {@code KVM_PRE_FAULT_MEMORY}: 1 if the host uses TDP, 0 with shadow paging, where the request exists all the same. */
    PRE_FAULT_MEMORY(236),
    /** {@code kvm_run.flags} says whether the guest runs a nested guest: 1. */
    X86_GUEST_MODE(238),
    /** The mask of flags that {@code KVM_CREATE_GUEST_MEMFD} takes. 0 on kernels that take none. */
    GUEST_MEMFD_FLAGS(244);

    private final int number;

    Capability(int number) {
        this.number = number;
    }

    /** The number that {@code KVM_CHECK_EXTENSION} takes. */
    public int number() {
        return number;
    }

    /** The name in C, such as {@code KVM_CAP_GUEST_MEMFD}. */
    public String symbol() {
        return "KVM_CAP_" + name();
    }
}
