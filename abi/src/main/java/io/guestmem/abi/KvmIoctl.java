package io.guestmem.abi;

import static io.guestmem.abi.KvmFileKind.SYSTEM;
import static io.guestmem.abi.KvmFileKind.VCPU;
import static io.guestmem.abi.KvmFileKind.VM;
import static io.guestmem.abi.KvmIoctl.Direction.READ;
import static io.guestmem.abi.KvmIoctl.Direction.READ_WRITE;
import static io.guestmem.abi.KvmIoctl.Direction.WRITE;

import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * KVM's requests, those that were merged and those that were not.
 *
 * <p>The code is {@code direction << 30 | size << 16 | 0xAE << 8 | number}. The kernel dispatches on all of it, so a struct of
 * another size is another, unknown request. An unknown request is {@code EINVAL} on the system's and a vCPU's file, and
 * {@code ENOTTY} on a VM's.
 *
 * <p>Every request on a VM or vCPU also fails with {@code EIO} from another process than the one that made the VM, and on a
 * dead VM; every request with a struct fails with {@code EFAULT} if the struct cannot be read or written. The constants do
 * not repeat that.
 *
 * <p>Source: Linux 7.2 {@code include/uapi/linux/kvm.h}, {@code virt/kvm/kvm_main.c}.
 */
public enum KvmIoctl {
    /** The interface's version, 12. Argument 0. {@code EINVAL}: another argument. */
    GET_API_VERSION(0x00, SYSTEM),
    /** Makes a VM and returns its descriptor. Argument: a {@link VmType}. {@code EINVAL}: not supported; {@code ENOMEM}. */
    CREATE_VM(0x01, SYSTEM),
    /** What the kernel can do. Argument: a {@link Capability}. Returns 0 for what it does not know; no errno. */
    CHECK_EXTENSION(0x03, SYSTEM, VM),
    /** The bytes to map of a vCPU's file. Argument 0. {@code EINVAL}: another argument. */
    GET_VCPU_MMAP_SIZE(0x04, SYSTEM),
    /** The CPUID leaves that vCPUs can have. {@code E2BIG}: {@code nent} is too small. */
    GET_SUPPORTED_CPUID(READ_WRITE, 0x05, CpuidLayout.STRUCT, SYSTEM),

    /** Reads an attribute of the system. {@code ENXIO}: there is none; {@code EFAULT}. */
    GET_DEVICE_ATTR(WRITE, 0xE2, DeviceAttrLayout.STRUCT, SYSTEM),
    /** Whether the system has an attribute: 0 or {@code ENXIO}. */
    HAS_DEVICE_ATTR(WRITE, 0xE3, DeviceAttrLayout.STRUCT, SYSTEM),

    /** Makes a vCPU and returns its descriptor. Argument: the vCPU's id. {@code EINVAL}: id too high; {@code EEXIST}. */
    CREATE_VCPU(0x41, VM),
    /**
     * Reads a memslot's dirty bitmap. {@code ENXIO}: a ring is in use; {@code ENOENT}: no such slot, or it does not log.
     */
    GET_DIRTY_LOG(WRITE, 0x42, DirtyLogLayout.STRUCT, VM),
    /** Limits the pages of shadow page tables. Argument: pages. {@code EINVAL}: below 64. */
    SET_NR_MMU_PAGES(0x44, VM),
    /**
     * Creates, moves, changes or deletes a memslot. {@code EINVAL}: a field is wrong; {@code EEXIST}: overlap;
     * {@code ENOMEM}.
     */
    SET_USER_MEMORY_REGION(WRITE, 0x46, UserspaceMemoryRegionLayout.STRUCT, VM),
    /** Where three pages for real mode on Intel are. Argument: a gpa below 4 GiB. {@code EINVAL}: too high. */
    SET_TSS_ADDR(0x47, VM),
    /** Where a page table for real mode on Intel is. Argument: pointer to a gpa. {@code EINVAL}: a vCPU exists already. */
    SET_IDENTITY_MAP_ADDR(WRITE, 0x48, IdentityMapAddressLayout.STRUCT, VM),
    /**
     * As {@link #SET_USER_MEMORY_REGION}, with a guest_memfd. {@code EBADF}: no such descriptor; {@code EINVAL}: not a
     * guest_memfd of this VM, or a field is wrong; {@code EEXIST}: overlap of slots or of their ranges of the guest_memfd.
     */
    SET_USER_MEMORY_REGION2(WRITE, 0x49, UserspaceMemoryRegion2Layout.STRUCT, VM),
    /** Makes PIC, I/O APIC and local APICs in the kernel. {@code EEXIST}: made already; {@code EINVAL}: a vCPU exists. */
    CREATE_IRQCHIP(0x60, VM),
    /** Makes the PC's timer in the kernel. {@code EEXIST}: made already; {@code ENOENT}: no irqchip. */
    CREATE_PIT2(WRITE, 0x77, PitConfigLayout.STRUCT, VM),

    /**
     * Runs the guest until it exits. Argument 0. {@code EINTR}: signal; {@code EFAULT}: also a memory fault, see
     * {@link RunLayout}.
     */
    RUN(0x80, VCPU),
    /** Reads the general registers. {@code EINVAL}: the state is protected. */
    GET_REGS(READ, 0x81, RegsLayout.STRUCT, VCPU),
    /** Writes the general registers. {@code EINVAL}: the state is protected. */
    SET_REGS(WRITE, 0x82, RegsLayout.STRUCT, VCPU),
    /** Reads segments and control registers. {@code EINVAL}: the state is protected. */
    GET_SREGS(READ, 0x83, SregsLayout.STRUCT, VCPU),
    /** Writes segments and control registers. {@code EINVAL}: they contradict each other or the CPUID, or are protected. */
    SET_SREGS(WRITE, 0x84, SregsLayout.STRUCT, VCPU),
    /** Walks the guest's page tables for one address. Failure to translate is in the struct; no errno. */
    TRANSLATE(READ_WRITE, 0x85, TranslationLayout.STRUCT, VCPU),
    /** Walks the guest's page tables for a given access. Never merged: kernels answer {@code EINVAL}. */
    TRANSLATE2(READ_WRITE, 0x87, Translation2Layout.STRUCT, VCPU),
    /** Reads MSRs and returns how many. {@code E2BIG}: 256 or more. */
    GET_MSRS(READ_WRITE, 0x88, MsrsLayout.STRUCT, VCPU),
    /** Writes MSRs and returns how many. {@code E2BIG}: 256 or more. */
    SET_MSRS(WRITE, 0x89, MsrsLayout.STRUCT, VCPU),
    /**
     * The signals that stay blocked in {@link #RUN}. A null pointer takes the mask away. {@code EINVAL}: {@code len} is
     * not 8.
     */
    SET_SIGNAL_MASK(WRITE, 0x8B, SignalMaskLayout.STRUCT, VCPU),
    /** The CPUID that the guest sees. {@code E2BIG}: too many entries; {@code EINVAL}: changed after the vCPU ran. */
    SET_CPUID2(WRITE, 0x90, CpuidLayout.STRUCT, VCPU),
    /** Reads whether the vCPU runs, waits or is halted. */
    GET_MP_STATE(READ, 0x98, MpStateLayout.STRUCT, VCPU),
    /** Sets whether the vCPU runs, waits or is halted. {@code EINVAL}: not a state, or one that needs the irqchip. */
    SET_MP_STATE(WRITE, 0x99, MpStateLayout.STRUCT, VCPU),
    /** Switches a capability on. {@code EINVAL}: not one to switch, wrong arguments, or too late; {@code EPERM}. */
    ENABLE_CAP(WRITE, 0xA3, EnableCapLayout.STRUCT, VM, VCPU),
    /** Reads the extended state: floating point, vectors, PKRU. {@code EINVAL}: more than 4096 bytes of it. */
    GET_XSAVE(READ, 0xA4, XsaveLayout.STRUCT, VCPU),
    /** Injects a system management interrupt. {@code ENOTTY}: built without. */
    SMI(0xB7, VCPU),

    /**
     * Commands of SEV, SNP and TDX. The argument is the struct of the VM's kind, {@link SevCommandLayout} or
     * {@link TdxCommandLayout}, but the code has the size of a pointer. vCPUs know it on TDX only. {@code ENOTTY}: neither SEV
     * nor TDX; {@code EPERM}: a command of SEV on SNP; {@code EIO}: the firmware failed, and the struct has its status.
     */
    MEMORY_ENCRYPT_OP(READ_WRITE, 0xBA, Long.BYTES, null, VM, VCPU),
    /**
     * Pins host memory that may hold ciphertext. {@code ENOTTY}: not SEV; {@code EINVAL}; {@code ENOMEM}: the limit on
     * locked memory.
     */
    MEMORY_ENCRYPT_REG_REGION(READ, 0xBB, EncRegionLayout.STRUCT, VM),
    /** Takes back {@link #MEMORY_ENCRYPT_REG_REGION}. {@code EINVAL}: no such region. */
    MEMORY_ENCRYPT_UNREG_REGION(READ, 0xBC, EncRegionLayout.STRUCT, VM),
    /** Reads the state of nested virtualisation. {@code EINVAL}: there is none; {@code E2BIG}: {@code size} is too small. */
    GET_NESTED_STATE(READ_WRITE, 0xBE, NestedStateLayout.STRUCT, VCPU),
    /**
     * Makes pages clean. {@code ENXIO}: a ring is in use; {@code EINVAL}: range; {@code ENOENT}: no such slot, or it does
     * not log.
     */
    CLEAR_DIRTY_LOG(READ_WRITE, 0xC0, ClearDirtyLogLayout.STRUCT, VM),
    /** Protects the pages of all collected ring entries again and returns how many. {@code EINVAL}: no ring. */
    RESET_DIRTY_RINGS(0xC7, VM),
    /** As {@link #GET_SREGS}, with the PDPTRs. */
    GET_SREGS2(READ, 0xCC, Sregs2Layout.STRUCT, VCPU),
    /** As {@link #SET_SREGS}, with the PDPTRs. {@code EINVAL}: also PDPTRs outside PAE paging. */
    SET_SREGS2(WRITE, 0xCD, Sregs2Layout.STRUCT, VCPU),
    /** Returns the descriptor of the statistics. {@code EMFILE}. */
    GET_STATS_FD(0xCE, VM, VCPU),
    /**
     * Makes guest memory shared or private. {@code EINVAL}: range or attribute; {@code ENOTTY}: built without;
     * {@code ENOMEM}.
     */
    SET_MEMORY_ATTRIBUTES(WRITE, 0xD2, MemoryAttributesLayout.STRUCT, VM),
    /** Makes a guest_memfd and returns its descriptor. {@code EINVAL}: size or flags; {@code EMFILE}. */
    CREATE_GUEST_MEMFD(READ_WRITE, 0xD4, CreateGuestMemfdLayout.STRUCT, VM),
    /**
     * Maps guest memory into the stage-2 tables before the guest touches it. An errno means no progress: {@code EINVAL}:
     * range; {@code ENOENT}: no memslot; {@code EOPNOTSUPP}: no TDP, or too early for the VM's type; {@code EINTR};
     * {@code EAGAIN}: the slot is going; {@code EFAULT}; {@code EHWPOISON}; {@code ENOMEM}; {@code EIO}.
     */
    PRE_FAULT_MEMORY(READ_WRITE, 0xD5, PreFaultMemoryLayout.STRUCT, VCPU),
    /** {@link #PRE_FAULT_MEMORY} as first proposed. Never merged: kernels answer {@code EINVAL}. */
    MAP_MEMORY_V1(READ_WRITE, 0xD5, MemoryMappingV1Layout.STRUCT, VCPU),
    /** {@link #PRE_FAULT_MEMORY} as proposed second. Never merged: kernels answer {@code EINVAL}. */
    MAP_MEMORY_V2(READ_WRITE, 0xD5, MemoryMappingV2Layout.STRUCT, VCPU),
    /**
     * {@link #PRE_FAULT_MEMORY} as proposed third. Never merged under this name, and the only request that shares its
     * code.
     */
    MAP_MEMORY_V3(READ_WRITE, 0xD5, MapMemoryV3Layout.STRUCT, VCPU),
    /** Copies content into private pages and returns how many. Never merged: kernels answer {@code ENOTTY}. */
    GUEST_MEMFD_POPULATE(WRITE, 0xD6, GuestMemfdPopulateLayout.STRUCT, VM);

    private static final int TYPE = 0xAE;

    private final int code;

    @SuppressWarnings("ImmutableEnumChecker") // a record of an unmodifiable list
    private final @Nullable Struct struct;

    @SuppressWarnings("ImmutableEnumChecker") // Set.of is unmodifiable
    private final Set<KvmFileKind> files;

    KvmIoctl(int number, KvmFileKind... files) {
        this(Direction.NONE, number, 0, null, files);
    }

    KvmIoctl(Direction direction, int number, Struct struct, KvmFileKind... files) {
        this(direction, number, struct.size(), struct, files);
    }

    KvmIoctl(Direction direction, int number, int size, @Nullable Struct struct, KvmFileKind... files) {
        this.code = direction.bits << 30 | size << 16 | TYPE << 8 | number;
        this.struct = struct;
        this.files = Set.of(files);
    }

    /**
     * The request's name in C, such as {@code KVM_PRE_FAULT_MEMORY}; the proposals keep their version:
     * {@code KVM_MAP_MEMORY_V1}.
     */
    public String request() {
        return "KVM_" + name();
    }

    /** What {@code ioctl(2)} takes. */
    public int code() {
        return code;
    }

    /**
     * The struct that the argument points to, its header if an array follows; empty if the argument is a plain value, and for
     * {@link #MEMORY_ENCRYPT_OP}, whose struct depends on the VM's type.
     */
    public Optional<Struct> struct() {
        return Optional.ofNullable(struct);
    }

    /** The files that know the request. */
    public Set<KvmFileKind> files() {
        return files;
    }

    /** Whether any released kernel knows the request under this name. */
    public boolean merged() {
        return switch (this) {
            case TRANSLATE2, MAP_MEMORY_V1, MAP_MEMORY_V2, MAP_MEMORY_V3, GUEST_MEMFD_POPULATE -> false;
            default -> true;
        };
    }

    /** Who writes the struct, seen from the process. */
    enum Direction {
        NONE(0),
        WRITE(1),
        READ(2),
        READ_WRITE(3);

        private final int bits;

        Direction(int bits) {
            this.bits = bits;
        }
    }
}
