package io.guestmem.conform;

import static io.guestmem.abi.ErrorNumber.EFAULT;
import static io.guestmem.abi.ErrorNumber.EINTR;
import static io.guestmem.abi.ErrorNumber.EINVAL;
import static io.guestmem.abi.ErrorNumber.EIO;
import static io.guestmem.abi.ErrorNumber.ENOTTY;
import static io.guestmem.conform.CheckClass.PRIVATE_MEMORY;
import static io.guestmem.conform.CheckClass.REAL;
import static io.guestmem.conform.CheckClass.TDP;

import io.guestmem.abi.Capability;
import io.guestmem.abi.CreateGuestMemfdLayout;
import io.guestmem.abi.KvmFile;
import io.guestmem.abi.KvmIoctl;
import io.guestmem.abi.VmType;
import io.guestmem.conform.HostActions.OtherProcess;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.time.Duration;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;

/** The system file, and what holds for every request. */
final class SystemChecks {
    /** No kernel knows number 0xFF. */
    private static final int UNKNOWN = KvmIoctl.GET_API_VERSION.code() | 0xFF;

    private static final int KEEP_SIZE = 1;
    private static final int PUNCH_HOLE = 2;

    private SystemChecks() {}

    static List<Check> all() {
        String dev = "kvm_main.c:kvm_dev_ioctl";
        String ioctls = "kvm_main.c:kvm_vm_ioctl, kvm_vcpu_ioctl";
        String files = "guest_memfd.c:kvm_gmem_fops";
        return List.of(
                Check.of("SYS-01", "the version is 12; an argument is refused", dev, SystemChecks::version, REAL),
                Check.of("SYS-02", "a vCPU's file has three pages to map", dev, SystemChecks::mapSize, REAL),
                Check.of(
                        "SYS-03",
                        "VM types that the kernel does not offer are refused",
                        "x86.c:kvm_arch_init_vm",
                        SystemChecks::types,
                        REAL),
                Check.of(
                        "SYS-04",
                        "an unknown capability is 0",
                        "kvm_main.c:kvm_vm_ioctl_check_extension_generic",
                        SystemChecks::unknownCapability,
                        REAL),
                Check.of(
                        "SYS-05",
                        "unknown requests: EINVAL, ENOTTY, EINVAL",
                        "kvm_main.c:kvm_dev_ioctl, x86.c:kvm_arch_vm_ioctl, kvm_arch_vcpu_ioctl",
                        SystemChecks::unknownRequests,
                        REAL),
                Check.of("SYS-06", "another process gets EIO", ioctls, SystemChecks::otherProcess, REAL),
                Check.of(
                        "SYS-07",
                        "another process may use a guest_memfd",
                        files,
                        SystemChecks::otherProcessGuestMemfd,
                        REAL),
                Check.of(
                        "SYS-08", "a null pointer is EFAULT before all else", ioctls, SystemChecks::nullPointers, REAL),
                Check.of(
                        "SYS-09",
                        "a pre-fault waits for the vCPU's KVM_RUN to return",
                        "kvm_main.c:kvm_vcpu_ioctl",
                        SystemChecks::preFaultWaits,
                        TDP),
                Check.of("SYS-10", "32764 memslots", "kvm_host.h:KVM_USER_MEM_SLOTS", SystemChecks::slots, REAL),
                Check.of(
                        "SYS-11",
                        "memory attributes: 8 on the system, 0 on a VM of the default type",
                        "kvm_main.c:kvm_supported_mem_attributes",
                        SystemChecks::attributes,
                        REAL),
                Check.of(
                        "SYS-12",
                        "flags of guest_memfd: 3 for the default type, 1 for private memory",
                        "guest_memfd.c:kvm_gmem_get_supported_flags",
                        SystemChecks::guestMemfdFlags,
                        REAL,
                        PRIVATE_MEMORY));
    }

    private static void version(Trial t) {
        t.expect("GET_API_VERSION(0)", 12, Trial.request(t.system(), KvmIoctl.GET_API_VERSION, 0));
        t.expect("GET_API_VERSION(1)", EINVAL, Trial.request(t.system(), KvmIoctl.GET_API_VERSION, 1));
    }

    private static void mapSize(Trial t) {
        t.expect("GET_VCPU_MMAP_SIZE(0)", 12288, Trial.request(t.system(), KvmIoctl.GET_VCPU_MMAP_SIZE, 0));
        t.expect("GET_VCPU_MMAP_SIZE(1)", EINVAL, Trial.request(t.system(), KvmIoctl.GET_VCPU_MMAP_SIZE, 1));
    }

    private static void types(Trial t) {
        long offered = t.capability(Capability.VM_TYPES);
        for (int type = 0; type < 32; type++) {
            if (type != 0 && (offered >>> type & 1) == 0) {
                t.expect("type " + type, EINVAL, Trial.request(t.system(), KvmIoctl.CREATE_VM, type));
            }
        }
        t.expect("type 32", EINVAL, Trial.request(t.system(), KvmIoctl.CREATE_VM, 32));
        t.expect("type 2^63", EINVAL, Trial.request(t.system(), KvmIoctl.CREATE_VM, Long.MIN_VALUE));
    }

    private static void unknownCapability(Trial t) {
        t.expect("system", 0, Trial.request(t.system(), KvmIoctl.CHECK_EXTENSION, 100_000));
        t.expect("VM", 0, Trial.request(t.vm().file(), KvmIoctl.CHECK_EXTENSION, 100_000));
    }

    private static void unknownRequests(Trial t) {
        RawVm vm = t.vm();
        t.expect("system", EINVAL, t.system().ioctl(UNKNOWN, 0));
        t.expect("VM", ENOTTY, vm.file().ioctl(UNKNOWN, 0));
        t.expect("vCPU", EINVAL, vm.vcpu(0).file().ioctl(UNKNOWN, 0));
    }

    private static void otherProcess(Trial t) {
        RawVm vm = t.vm();
        RawVcpu vcpu = vm.vcpu(0);
        List<KvmFile> files = List.of(vm.file(), vcpu.file(), t.system());
        OtherProcess other =
                t.own(t.require(t.on().host().otherProcess(files), "this host has no other process to offer"));
        int extension = KvmIoctl.CHECK_EXTENSION.code();
        int region = KvmIoctl.SET_USER_MEMORY_REGION.code();
        t.expect("VM CHECK_EXTENSION there", EIO, other.ioctl(0, extension, new byte[0]));
        t.expect("VM SET_USER_MEMORY_REGION there", EIO, other.ioctl(0, region, new byte[32]));
        t.expect("unknown request of the VM there", EIO, other.ioctl(0, UNKNOWN, new byte[0]));
        t.expect("vCPU GET_REGS there", EIO, other.ioctl(1, KvmIoctl.GET_REGS.code(), new byte[144]));
        t.expect("vCPU PRE_FAULT_MEMORY there", EIO, other.ioctl(1, KvmIoctl.PRE_FAULT_MEMORY.code(), new byte[64]));
        t.expect("system GET_API_VERSION there", 12, other.ioctl(2, KvmIoctl.GET_API_VERSION.code(), new byte[0]));
        t.expect("VM CHECK_EXTENSION here", 0, Trial.request(vm.file(), KvmIoctl.CHECK_EXTENSION, 100_000));
    }

    private static void otherProcessGuestMemfd(Trial t) {
        RawVm vm = t.guestMemfdVm();
        GuestMemfdFile memory = vm.sharedGuestMemfd(2 * Numbers.PAGE);
        MemorySegment here = t.own(memory.map(2 * Numbers.PAGE)).segment();
        here.set(ValueLayout.JAVA_LONG, Numbers.PAGE, 0x11);
        OtherProcess other = t.own(t.require(
                t.on().host().otherProcess(List.of(memory.file())), "this host has no other process to offer"));
        t.expect("punch there", 0, other.allocate(0, KEEP_SIZE | PUNCH_HOLE, Numbers.PAGE, Numbers.PAGE));
        t.expectHex("punched page here", 0, here.get(ValueLayout.JAVA_LONG, Numbers.PAGE));
        t.expect("map and store there", 0, other.mapAndStore(0, 0x1234));
        t.expectHex("stored page here", 0x1234, here.get(ValueLayout.JAVA_LONG, 0));
    }

    /**
     * The requests whose struct every kernel of 6.12 or later reads first, on every file that knows them.
     *
     * <p>{@code KVM_SET_IDENTITY_MAP_ADDR} looks for vCPUs before it looks at its argument: Linux 7.2
     * {@code x86.c:kvm_arch_vm_ioctl}.
     */
    private static void nullPointers(Trial t) {
        RawVm vm = t.vm();
        t.expect("VM SET_IDENTITY_MAP_ADDR", EFAULT, Trial.request(vm.file(), KvmIoctl.SET_IDENTITY_MAP_ADDR, 0));
        KvmFile vcpu = vm.vcpu(0).file();
        Set<KvmIoctl> onVm = EnumSet.of(
                KvmIoctl.SET_USER_MEMORY_REGION,
                KvmIoctl.SET_USER_MEMORY_REGION2,
                KvmIoctl.GET_DIRTY_LOG,
                KvmIoctl.CLEAR_DIRTY_LOG,
                KvmIoctl.ENABLE_CAP);
        if (vm.createGuestMemfd(-1, 0) != -ENOTTY.number()) {
            onVm.add(KvmIoctl.CREATE_GUEST_MEMFD);
        }
        Set<KvmIoctl> onVcpu = EnumSet.of(
                KvmIoctl.GET_REGS,
                KvmIoctl.SET_REGS,
                KvmIoctl.GET_SREGS,
                KvmIoctl.SET_SREGS,
                KvmIoctl.GET_SREGS2,
                KvmIoctl.SET_SREGS2,
                KvmIoctl.TRANSLATE,
                KvmIoctl.GET_MSRS,
                KvmIoctl.SET_MSRS,
                KvmIoctl.SET_CPUID2,
                KvmIoctl.ENABLE_CAP,
                KvmIoctl.PRE_FAULT_MEMORY);
        onVm.forEach(request -> t.expect("VM " + request, EFAULT, Trial.request(vm.file(), request, 0)));
        onVcpu.forEach(request -> t.expect("vCPU " + request, EFAULT, Trial.request(vcpu, request, 0)));
        t.expect("system GET_SUPPORTED_CPUID", EFAULT, Trial.request(t.system(), KvmIoctl.GET_SUPPORTED_CPUID, 0));
    }

    private static void preFaultWaits(Trial t) {
        t.requireTdp();
        Guest guest = Guest.on(t, t.vm());
        Background<Guest.Run> running = t.background("spin", () -> guest.spin());
        guest.awaitSpinning();
        Background<RawVcpu.PreFaulted> preFault =
                t.background("pre-fault", () -> guest.vcpu().preFault(0, Numbers.PAGE));
        t.expect("pre-fault is blocked while the vCPU runs", true, preFault.isStillBusyAfter(Duration.ofMillis(200)));
        guest.interrupt();
        t.expect("KVM_RUN", EINTR, running.result().result());
        t.expect("pre-fault afterwards", 0, preFault.result().result());
    }

    private static void slots(Trial t) {
        t.expect("KVM_CAP_NR_MEMSLOTS", 32764, t.capability(Capability.NR_MEMSLOTS));
    }

    private static void attributes(Trial t) {
        long system = t.capability(Capability.MEMORY_ATTRIBUTES);
        t.expectOneOf("system, 8 where it is built in", system, 0, 8);
        t.expect("VM of the default type", 0, t.vm().capability(Capability.MEMORY_ATTRIBUTES));
        if ((t.capability(Capability.VM_TYPES) & 1 << VmType.SW_PROTECTED.value()) != 0) {
            t.expect("VM with private memory", 8, t.privateVm().capability(Capability.MEMORY_ATTRIBUTES));
        }
    }

    private static void guestMemfdFlags(Trial t) {
        RawVm vm = t.guestMemfdVm();
        long both = CreateGuestMemfdLayout.MMAP | CreateGuestMemfdLayout.INIT_SHARED;
        Answer ofDefault = Answer.of(0).since(6, 18, both);
        Answer ofPrivate = Answer.of(0).since(6, 18, CreateGuestMemfdLayout.MMAP);
        t.expect("VM of the default type", ofDefault, vm.capability(Capability.GUEST_MEMFD_FLAGS));
        if ((t.capability(Capability.VM_TYPES) & 1 << VmType.SW_PROTECTED.value()) != 0) {
            t.expect("VM with private memory", ofPrivate, t.privateVm().capability(Capability.GUEST_MEMFD_FLAGS));
        }
    }
}
