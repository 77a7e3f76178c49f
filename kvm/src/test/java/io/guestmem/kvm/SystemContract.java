package io.guestmem.kvm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.guestmem.abi.Capability;
import io.guestmem.abi.ErrorNumber;
import io.guestmem.abi.KvmFile;
import io.guestmem.abi.KvmIoctl;
import io.guestmem.abi.VmType;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The system's file, and the rules of dispatch that all files share. The requests are made on the bare seam. */
abstract class SystemContract extends KernelContract {
    private static final long EINVAL = -ErrorNumber.EINVAL.number();
    private static final long ENOTTY = -ErrorNumber.ENOTTY.number();
    private static final long EFAULT = -ErrorNumber.EFAULT.number();

    /** {@code _IO(0xAE, 0xFF)}: nobody's. */
    private static final int UNKNOWN = 0xAEFF;

    private KvmFile system;
    private KvmFile machine;
    private KvmFile vcpu;

    @BeforeEach
    void openBareFiles() {
        system = kvm.kernel().open();
        machine = adopt(system, KvmIoctl.CREATE_VM, "bare VM");
        vcpu = adopt(machine, KvmIoctl.CREATE_VCPU, "bare vCPU");
    }

    @AfterEach
    void closeBareFiles() {
        Stream.of(vcpu, machine, system).filter(file -> file != null).forEach(KvmFile::close);
    }

    private KvmFile adopt(KvmFile file, KvmIoctl request, String name) {
        return kvm.kernel().adopt((int) file.ioctl(request.code(), 0), name);
    }

    @Test
    @DisplayName("SYS-01: the version is 12; another argument than 0 is EINVAL")
    void version() {
        assertThat(kvm.apiVersion()).isEqualTo(12);
        assertThat(system.ioctl(KvmIoctl.GET_API_VERSION.code(), 1)).isEqualTo(EINVAL);
    }

    @Test
    @DisplayName("SYS-02: three pages of a vCPU are mapped; another argument than 0 is EINVAL")
    void mapSize() {
        assertThat(system.ioctl(KvmIoctl.GET_VCPU_MMAP_SIZE.code(), 0)).isEqualTo(12288);
        assertThat(system.ioctl(KvmIoctl.GET_VCPU_MMAP_SIZE.code(), 1)).isEqualTo(EINVAL);
    }

    @Test
    @DisplayName("SYS-03: VM types 32, 2^63 and those that VM_TYPES does not have are EINVAL")
    void unknownVmTypes() {
        assertThat(system.ioctl(KvmIoctl.CREATE_VM.code(), 32)).isEqualTo(EINVAL);
        assertThat(system.ioctl(KvmIoctl.CREATE_VM.code(), Long.MIN_VALUE)).isEqualTo(EINVAL);

        Set<VmType> types = kvm.vmTypes();
        assertThat(types).contains(VmType.DEFAULT);
        for (VmType type : VmType.values()) {
            if (!types.contains(type)) {
                assertRefused(ErrorNumber.EINVAL, () -> kvm.createVm(type));
            }
        }
    }

    @Test
    @DisplayName("SYS-04: an unknown capability is 0, on the system and on a VM")
    void unknownCapability() {
        assertThat(system.ioctl(KvmIoctl.CHECK_EXTENSION.code(), 100_000)).isZero();
        assertThat(machine.ioctl(KvmIoctl.CHECK_EXTENSION.code(), 100_000)).isZero();
    }

    @Test
    @DisplayName("SYS-05: an unknown request is EINVAL on the system, ENOTTY on a VM, EINVAL on a vCPU")
    void unknownRequest() {
        assertThat(system.ioctl(UNKNOWN, 0)).isEqualTo(EINVAL);
        assertThat(machine.ioctl(UNKNOWN, 0)).isEqualTo(ENOTTY);
        assertThat(vcpu.ioctl(UNKNOWN, 0)).isEqualTo(EINVAL);
    }

    static Stream<KvmIoctl> machineRequestsWithStruct() {
        return Stream.of(
                KvmIoctl.SET_USER_MEMORY_REGION, KvmIoctl.GET_DIRTY_LOG, KvmIoctl.CLEAR_DIRTY_LOG, KvmIoctl.ENABLE_CAP);
    }

    @ParameterizedTest
    @MethodSource("machineRequestsWithStruct")
    @DisplayName("SYS-08: a null struct is EFAULT on a VM")
    void nullStructOnAVm(KvmIoctl request) {
        assertThat(machine.ioctl(request.code(), 0)).isEqualTo(EFAULT);
    }

    @ParameterizedTest
    @MethodSource("vcpuRequestsWithStruct")
    @DisplayName("SYS-08, PF-04: a null struct is EFAULT on a vCPU")
    void nullStructOnAVcpu(KvmIoctl request) {
        long result = vcpu.ioctl(request.code(), 0);
        assumeTrue(
                request != KvmIoctl.PRE_FAULT_MEMORY || result != EINVAL,
                "this kernel does not know KVM_PRE_FAULT_MEMORY (before 6.11, or built without)");
        assertThat(result).isEqualTo(EFAULT);
    }

    static Stream<KvmIoctl> vcpuRequestsWithStruct() {
        return Stream.of(
                KvmIoctl.GET_REGS,
                KvmIoctl.SET_REGS,
                KvmIoctl.GET_SREGS,
                KvmIoctl.SET_SREGS,
                KvmIoctl.TRANSLATE,
                KvmIoctl.SET_CPUID2,
                KvmIoctl.PRE_FAULT_MEMORY);
    }

    @Test
    @DisplayName("SYS-10: 32764 memslots")
    void memslots() {
        assertThat(vm.capability(Capability.NR_MEMSLOTS)).isEqualTo(32764);
    }

    @Test
    @DisplayName("SYS-11: a default VM has no memory attributes")
    void attributes() {
        assertThat(kvm.capability(Capability.MEMORY_ATTRIBUTES)).isIn(0, 8);
        assertThat(vm.capability(Capability.MEMORY_ATTRIBUTES)).isZero();
    }

    @Test
    @DisplayName("SYS-12: a default VM's guest_memfds take all flags that the system has")
    void guestMemfdFlags() {
        assumeCapability(Capability.GUEST_MEMFD_FLAGS, 1);
        assertThat(vm.capability(Capability.GUEST_MEMFD_FLAGS)).isEqualTo(kvm.capability(Capability.GUEST_MEMFD_FLAGS));
    }
}
