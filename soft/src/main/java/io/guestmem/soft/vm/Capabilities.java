package io.guestmem.soft.vm;

import io.guestmem.abi.Capability;
import io.guestmem.abi.CreateGuestMemfdLayout;
import io.guestmem.abi.EnableCapLayout;
import io.guestmem.abi.MemoryAttributesLayout;
import io.guestmem.abi.VmType;
import io.guestmem.soft.KernelVersion;
import io.guestmem.soft.SoftKernelOptions;
import io.guestmem.soft.mmu.Memslot;
import java.lang.foreign.MemorySegment;
import java.util.Optional;

/**
 * {@code KVM_CHECK_EXTENSION} and {@code KVM_ENABLE_CAP}. Source: Linux 7.2
 * {@code kvm_main.c:kvm_vm_ioctl_check_extension_generic}, {@code kvm_vm_ioctl_enable_cap_generic},
 * {@code x86.c:kvm_vm_ioctl_enable_cap}.
 */
final class Capabilities {
    static final int MAX_VCPUS = 1024;
    static final int MAX_VCPU_IDS = 4 * MAX_VCPUS;

    private static final long MAX_RING_BYTES = 65536L * DirtyRing.entrySize();

    /** The quirks that Linux 6.18 was seen to know. */
    private static final long QUIRKS = 0x5FF;

    /** The hypercalls that can be exits: bit n is hypercall n. {@code KVM_HC_MAP_GPA_RANGE} only. */
    private static final long HYPERCALL_EXITS = 1 << 12;

    private Capabilities() {}

    /** On the system's file. */
    static long ofSystem(SoftKernelOptions options, long number) {
        return find(number).map(capability -> system(options, capability)).orElse(0L);
    }

    /** On a VM's file. */
    static long ofVm(VirtualMachine vm, long number) {
        Optional<Capability> found = find(number);
        if (found.isEmpty()) {
            return 0;
        }
        VmType type = vm.type();
        return switch (found.get()) {
            case READONLY_MEM -> type.readOnlySlots() ? 1 : 0;
            case MULTI_ADDRESS_SPACE ->
                vm.options().addressSpaces() == 1 ? 0 : vm.slots().addressSpaces();
            case MEMORY_ATTRIBUTES -> type.privateMemory() ? MemoryAttributesLayout.PRIVATE : 0;
            case GUEST_MEMFD -> vm.allowsGuestMemfd() ? 1 : 0;
            case GUEST_MEMFD_FLAGS -> GuestMemfd.supportedFlags(vm);
            default -> system(vm.options(), found.get());
        };
    }

    private static Optional<Capability> find(long number) {
        for (Capability capability : Capability.values()) {
            if (capability.number() == number) {
                return Optional.of(capability);
            }
        }
        return Optional.empty();
    }

    private static long system(SoftKernelOptions options, Capability capability) {
        boolean privateMemory = options.hasPrivateMemory();
        return switch (capability) {
            case USER_MEMORY,
                    SYNC_MMU,
                    DESTROY_MEMORY_REGION_WORKS,
                    JOIN_MEMORY_REGIONS_WORKS,
                    READONLY_MEM,
                    ENABLE_CAP_VM,
                    CHECK_EXTENSION_VM,
                    DISABLE_QUIRKS,
                    IMMEDIATE_EXIT,
                    SREGS2,
                    BINARY_STATS_FD,
                    SYS_ATTRIBUTES,
                    VM_DISABLE_NX_HUGE_PAGES,
                    USER_MEMORY2,
                    MEMORY_FAULT_INFO,
                    PRE_FAULT_MEMORY,
                    X86_GUEST_MODE -> 1;
            case GUEST_MEMFD -> options.hasGuestMemfd() ? 1 : 0;
            case NR_VCPUS -> Runtime.getRuntime().availableProcessors();
            case MAX_VCPUS -> MAX_VCPUS;
            case NR_MEMSLOTS -> Memslot.USER_SLOTS;
            case X86_SMM -> options.addressSpaces() - 1;
            case MULTI_ADDRESS_SPACE -> options.addressSpaces() == 1 ? 0 : options.addressSpaces();
            case MANUAL_DIRTY_LOG_PROTECT2 -> VirtualMachine.MANUAL_PROTECT | VirtualMachine.INITIALLY_SET;
            case DIRTY_LOG_RING, DIRTY_LOG_RING_ACQ_REL -> MAX_RING_BYTES;
            case DISABLE_QUIRKS2 -> QUIRKS;
            case MEMORY_ATTRIBUTES -> privateMemory ? MemoryAttributesLayout.PRIVATE : 0;
            case VM_TYPES ->
                options.vmTypes().stream().mapToLong(type -> 1L << type.value()).sum();
            case GUEST_MEMFD_FLAGS ->
                options.kernelVersion().atLeast(KernelVersion.V6_18)
                        ? CreateGuestMemfdLayout.MMAP | CreateGuestMemfdLayout.INIT_SHARED
                        : 0;
            case EXIT_HYPERCALL -> HYPERCALL_EXITS;
            case DIRTY_LOG_RING_WITH_BITMAP, SPLIT_IRQCHIP -> 0;
        };
    }

    /** {@code KVM_ENABLE_CAP} of a VM. */
    static long enable(VirtualMachine vm, MemorySegment struct) {
        long flags = UserStruct.u32(struct, EnableCapLayout.FLAGS);
        long argument = UserStruct.u64(struct, EnableCapLayout.ARGS);
        Optional<Capability> found = find(Integer.toUnsignedLong(UserStruct.u32(struct, EnableCapLayout.CAP)));
        if (found.isEmpty()) {
            return Failure.EINVAL;
        }
        return switch (found.get()) {
            case MANUAL_DIRTY_LOG_PROTECT2 -> manualProtect(vm, flags, argument);
            case DIRTY_LOG_RING, DIRTY_LOG_RING_ACQ_REL -> ring(vm, argument);
            case DISABLE_QUIRKS -> flags == 0 ? disableQuirks(vm, argument & QUIRKS) : Failure.EINVAL;
            case DISABLE_QUIRKS2 ->
                flags == 0 && (argument & ~QUIRKS) == 0 ? disableQuirks(vm, argument) : Failure.EINVAL;
            case EXIT_HYPERCALL ->
                flags == 0 && (argument & ~HYPERCALL_EXITS) == 0 ? exitHypercalls(vm, argument) : Failure.EINVAL;
            case VM_DISABLE_NX_HUGE_PAGES ->
                flags == 0 && argument == 0 ? vm.withLock(() -> disableNxHugePages(vm)) : Failure.EINVAL;
            default -> Failure.EINVAL;
        };
    }

    private static long manualProtect(VirtualMachine vm, long flags, long argument) {
        long allowed = (argument & VirtualMachine.MANUAL_PROTECT) == 0
                ? VirtualMachine.MANUAL_PROTECT
                : VirtualMachine.MANUAL_PROTECT | VirtualMachine.INITIALLY_SET;
        if (flags != 0 || (argument & ~allowed) != 0) {
            return Failure.EINVAL;
        }
        vm.manualProtect(argument);
        return 0;
    }

    private static long ring(VirtualMachine vm, long bytes) {
        if (bytes == 0 || Long.bitCount(bytes) != 1) {
            return Failure.EINVAL;
        }
        if (Long.compareUnsigned(bytes, DirtyRing.smallest()) < 0) {
            return Failure.EINVAL;
        }
        if (Long.compareUnsigned(bytes, MAX_RING_BYTES) > 0) {
            return Failure.E2BIG;
        }
        if (vm.ringBytes() != 0) {
            return Failure.EINVAL;
        }
        return vm.withLock(() -> {
            if (!vm.vcpus().isEmpty()) {
                return Failure.EINVAL;
            }
            vm.ringBytes(bytes);
            return 0;
        });
    }

    private static long disableQuirks(VirtualMachine vm, long quirks) {
        vm.disableQuirks(quirks);
        return 0;
    }

    private static long exitHypercalls(VirtualMachine vm, long mask) {
        vm.hypercallExits(mask);
        return 0;
    }

    private static long disableNxHugePages(VirtualMachine vm) {
        if (!vm.vcpus().isEmpty()) {
            return Failure.EINVAL;
        }
        vm.mmu().disableNxHugePages();
        return 0;
    }
}
