package io.guestmem.soft;

import static io.guestmem.soft.SoftHost.PAGE;
import static org.assertj.core.api.Assertions.assertThat;

import io.guestmem.abi.Capability;
import io.guestmem.abi.ErrorNumber;
import io.guestmem.abi.HostMemory;
import io.guestmem.abi.KvmFile;
import io.guestmem.abi.KvmFileKind;
import io.guestmem.abi.KvmIoctl;
import io.guestmem.abi.VmType;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.EnumSet;
import java.util.List;
import org.junit.jupiter.api.Test;

/** The system, dispatch and capabilities: the checks of kernel.md 7.1. */
class SystemTest {
    private static final long EINVAL = -ErrorNumber.EINVAL.number();
    private static final long ENOTTY = -ErrorNumber.ENOTTY.number();
    private static final long EFAULT = -ErrorNumber.EFAULT.number();
    private static final long EIO = -ErrorNumber.EIO.number();

    @Test
    void sys01And02VersionAndMapSizeTakeNoArgument() {
        try (SoftHost host = new SoftHost()) {
            assertThat(host.system.ioctl(KvmIoctl.GET_API_VERSION.code(), 0)).isEqualTo(12);
            assertThat(host.system.ioctl(KvmIoctl.GET_API_VERSION.code(), 1)).isEqualTo(EINVAL);
            assertThat(host.system.ioctl(KvmIoctl.GET_VCPU_MMAP_SIZE.code(), 0)).isEqualTo(12288);
            assertThat(host.system.ioctl(KvmIoctl.GET_VCPU_MMAP_SIZE.code(), 1)).isEqualTo(EINVAL);
        }
    }

    @Test
    void sys03TypesThatAreNotSupportedAreRefused() {
        SoftKernelOptions onlyDefault = SoftKernelOptions.defaults()
                .with()
                .vmTypes(EnumSet.of(VmType.DEFAULT))
                .build();
        try (SoftHost host = new SoftHost(onlyDefault)) {
            assertThat(host.system.ioctl(KvmIoctl.CHECK_EXTENSION.code(), Capability.VM_TYPES.number()))
                    .isEqualTo(1);
            for (long type : new long[] {1, 2, 5, 32, Long.MIN_VALUE, -1}) {
                assertThat(host.system.ioctl(KvmIoctl.CREATE_VM.code(), type))
                        .as("type %d", type)
                        .isEqualTo(EINVAL);
            }
        }
    }

    @Test
    void sys04UnknownCapabilitiesAreZero() {
        try (SoftHost host = new SoftHost()) {
            for (long number : new long[] {100_000, -1, Long.MAX_VALUE, 239}) {
                assertThat(host.system.ioctl(KvmIoctl.CHECK_EXTENSION.code(), number))
                        .isZero();
                assertThat(host.vmFile.ioctl(KvmIoctl.CHECK_EXTENSION.code(), number))
                        .isZero();
            }
        }
    }

    @Test
    void sys05UnknownRequestsDependOnTheFile() {
        try (SoftHost host = new SoftHost()) {
            for (int code : new int[] {0xAEFE, 0, -1, KvmIoctl.PRE_FAULT_MEMORY.code() + (1 << 16), 0x5401}) {
                assertThat(host.system.ioctl(code, 0)).isEqualTo(EINVAL);
                assertThat(host.vmFile.ioctl(code, 0)).isEqualTo(ENOTTY);
                assertThat(host.vcpuFile.ioctl(code, 0)).isEqualTo(EINVAL);
            }
            KvmFile memfd = host.guestMemfd(PAGE, 0);
            assertThat(memfd.ioctl(KvmIoctl.CHECK_EXTENSION.code(), 0)).isEqualTo(ENOTTY);
        }
    }

    @Test
    void sys06AnotherProcessGetsEioWhateverItAsks() {
        try (SoftHost host = new SoftHost()) {
            SoftProcess child = host.kernel.process().fork();
            KvmFile vm = child.adopt(host.vmFile.descriptor(), "VM of the parent");
            KvmFile vcpu = child.adopt(host.vcpuFile.descriptor(), "vCPU of the parent");
            for (int code :
                    new int[] {KvmIoctl.CHECK_EXTENSION.code(), KvmIoctl.SET_USER_MEMORY_REGION.code(), 0xAEFE}) {
                assertThat(vm.ioctl(code, 0)).isEqualTo(EIO);
            }
            for (int code : new int[] {KvmIoctl.RUN.code(), KvmIoctl.PRE_FAULT_MEMORY.code(), 0xAEFE}) {
                assertThat(vcpu.ioctl(code, 0)).isEqualTo(EIO);
            }
            KvmFile system = child.adopt(host.system.descriptor(), "/dev/kvm of the parent");
            assertThat(system.ioctl(KvmIoctl.GET_API_VERSION.code(), 0)).isEqualTo(12);
            assertThat(host.vmFile.ioctl(KvmIoctl.CHECK_EXTENSION.code(), 3)).isEqualTo(1);
        }
    }

    @Test
    void aDeadVmAnswersEio() {
        try (SoftHost host = new SoftHost()) {
            host.vm.kill();
            assertThat(host.vmFile.ioctl(KvmIoctl.CHECK_EXTENSION.code(), 3)).isEqualTo(EIO);
            assertThat(host.vcpuFile.ioctl(KvmIoctl.RUN.code(), 0)).isEqualTo(EIO);
        }
    }

    @Test
    void sys08ABadPointerIsEfaultBeforeAnythingElse() {
        try (SoftHost host = new SoftHost();
                HostMemory memory = host.kernel.allocate(PAGE);
                Arena arena = Arena.ofConfined()) {
            List<KvmFile> files = List.of(host.system, host.vmFile, host.vcpuFile);
            List<KvmFileKind> kinds = List.of(KvmFileKind.SYSTEM, KvmFileKind.VM, KvmFileKind.VCPU);
            MemorySegment shown = arena.allocate(PAGE);
            for (KvmIoctl request : KvmIoctl.values()) {
                // The registers' requests are answered by another part; there are no interrupt controllers and timers.
                boolean ours = request.struct().isPresent()
                        && (request.files().contains(KvmFileKind.VM)
                                || request.code() == KvmIoctl.PRE_FAULT_MEMORY.code()
                                || request == KvmIoctl.MAP_MEMORY_V1
                                || request == KvmIoctl.MAP_MEMORY_V2);
                for (int i = 1; ours && i < files.size(); i++) {
                    if (request.files().contains(kinds.get(i))
                            && request != KvmIoctl.ENABLE_CAP
                            && request != KvmIoctl.CREATE_PIT2) {
                        int code = request.code();
                        assertThat(files.get(i).ioctl(code, 0))
                                .as(request.request())
                                .isEqualTo(EFAULT);
                        assertThat(files.get(i).ioctl(code, shown.address()))
                                .as("%s with a pointer that the kernel was not shown", request.request())
                                .isEqualTo(EFAULT);
                        assertThat(files.get(i).ioctl(code, memory.hva() + PAGE - 4))
                                .as("%s over the end of a mapping", request.request())
                                .isEqualTo(EFAULT);
                    }
                }
            }
        }
    }

    @Test
    void sys10To12CapabilitiesOfSlotsAttributesAndGuestMemfds() {
        try (SoftHost plain = new SoftHost();
                SoftHost hidden = SoftHost.swProtected()) {
            assertThat(system(plain, Capability.NR_MEMSLOTS)).isEqualTo(32764);
            assertThat(system(plain, Capability.MEMORY_ATTRIBUTES)).isEqualTo(8);
            assertThat(vm(plain, Capability.MEMORY_ATTRIBUTES)).isZero();
            assertThat(vm(hidden, Capability.MEMORY_ATTRIBUTES)).isEqualTo(8);
            assertThat(vm(plain, Capability.GUEST_MEMFD_FLAGS)).isEqualTo(3);
            assertThat(vm(hidden, Capability.GUEST_MEMFD_FLAGS)).isEqualTo(1);
            assertThat(vm(plain, Capability.MULTI_ADDRESS_SPACE)).isEqualTo(2);
            assertThat(vm(hidden, Capability.MULTI_ADDRESS_SPACE)).isEqualTo(1);
            assertThat(system(plain, Capability.PRE_FAULT_MEMORY)).isEqualTo(1);
            assertThat(system(plain, Capability.VM_TYPES)).isEqualTo(3);
        }
    }

    private static long system(SoftHost host, Capability capability) {
        return host.system.ioctl(KvmIoctl.CHECK_EXTENSION.code(), capability.number());
    }

    private static long vm(SoftHost host, Capability capability) {
        return host.vmFile.ioctl(KvmIoctl.CHECK_EXTENSION.code(), capability.number());
    }

    @Test
    void vcpuIdsAreBoundedAndUnique() {
        try (SoftHost host = new SoftHost()) {
            assertThat(host.vmFile.ioctl(KvmIoctl.CREATE_VCPU.code(), 0)).isEqualTo(-ErrorNumber.EEXIST.number());
            assertThat(host.vmFile.ioctl(KvmIoctl.CREATE_VCPU.code(), 4096)).isEqualTo(EINVAL);
            assertThat(host.vmFile.ioctl(KvmIoctl.CREATE_VCPU.code(), -1)).isEqualTo(EINVAL);
            assertThat(host.vmFile.ioctl(KvmIoctl.CREATE_VCPU.code(), 4095)).isNotNegative();
        }
    }

    @Test
    void memoryAndMachinesGoWithTheLastFile() {
        try (SoftHost host = new SoftHost()) {
            HostMemory memory = host.kernel.allocate(64 * PAGE);
            host.slot(0, 0, 0, 64 * PAGE, memory.hva());
            host.preFault(0, 64 * PAGE);
            host.vmFile.close();
            assertThat(host.vcpuFile.ioctl(KvmIoctl.RUN.code(), 0)).isZero();
            host.vcpuFile.close();
            host.run.close();
            assertThat(memory.unmap(0, 64 * PAGE)).isZero();
            memory.close();
        }
    }
}
