package io.guestmem.abi;

import static io.guestmem.abi.KvmFileKind.SYSTEM;
import static io.guestmem.abi.KvmFileKind.VCPU;
import static io.guestmem.abi.KvmFileKind.VM;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.params.provider.Arguments.arguments;

import java.util.Arrays;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/** The requests: their codes are computed, so each is compared with the literal that the kernel dispatches on. */
class KvmIoctlTest {
    private static final Set<KvmIoctl> NEVER_MERGED = EnumSet.of(
            KvmIoctl.TRANSLATE2,
            KvmIoctl.MAP_MEMORY_V1,
            KvmIoctl.MAP_MEMORY_V2,
            KvmIoctl.MAP_MEMORY_V3,
            KvmIoctl.GUEST_MEMFD_POPULATE);

    /** Up to GET_STATS_FD as gcc reports them for linux/kvm.h of linux-libc-dev 6.1.187, amd64; then of Linux 7.2 and the postings. */
    static Stream<Arguments> codes() {
        return Stream.of(
                arguments(KvmIoctl.GET_API_VERSION, 0x0000AE00, "KVM_GET_API_VERSION", Set.of(SYSTEM)),
                arguments(KvmIoctl.CREATE_VM, 0x0000AE01, "KVM_CREATE_VM", Set.of(SYSTEM)),
                arguments(KvmIoctl.CHECK_EXTENSION, 0x0000AE03, "KVM_CHECK_EXTENSION", Set.of(SYSTEM, VM)),
                arguments(KvmIoctl.GET_VCPU_MMAP_SIZE, 0x0000AE04, "KVM_GET_VCPU_MMAP_SIZE", Set.of(SYSTEM)),
                arguments(KvmIoctl.GET_SUPPORTED_CPUID, 0xC008AE05, "KVM_GET_SUPPORTED_CPUID", Set.of(SYSTEM)),
                arguments(KvmIoctl.CREATE_VCPU, 0x0000AE41, "KVM_CREATE_VCPU", Set.of(VM)),
                arguments(KvmIoctl.GET_DIRTY_LOG, 0x4010AE42, "KVM_GET_DIRTY_LOG", Set.of(VM)),
                arguments(KvmIoctl.SET_NR_MMU_PAGES, 0x0000AE44, "KVM_SET_NR_MMU_PAGES", Set.of(VM)),
                arguments(KvmIoctl.SET_USER_MEMORY_REGION, 0x4020AE46, "KVM_SET_USER_MEMORY_REGION", Set.of(VM)),
                arguments(KvmIoctl.SET_TSS_ADDR, 0x0000AE47, "KVM_SET_TSS_ADDR", Set.of(VM)),
                arguments(KvmIoctl.SET_IDENTITY_MAP_ADDR, 0x4008AE48, "KVM_SET_IDENTITY_MAP_ADDR", Set.of(VM)),
                arguments(KvmIoctl.CREATE_IRQCHIP, 0x0000AE60, "KVM_CREATE_IRQCHIP", Set.of(VM)),
                arguments(KvmIoctl.CREATE_PIT2, 0x4040AE77, "KVM_CREATE_PIT2", Set.of(VM)),
                arguments(KvmIoctl.RUN, 0x0000AE80, "KVM_RUN", Set.of(VCPU)),
                arguments(KvmIoctl.GET_REGS, 0x8090AE81, "KVM_GET_REGS", Set.of(VCPU)),
                arguments(KvmIoctl.SET_REGS, 0x4090AE82, "KVM_SET_REGS", Set.of(VCPU)),
                arguments(KvmIoctl.GET_SREGS, 0x8138AE83, "KVM_GET_SREGS", Set.of(VCPU)),
                arguments(KvmIoctl.SET_SREGS, 0x4138AE84, "KVM_SET_SREGS", Set.of(VCPU)),
                arguments(KvmIoctl.TRANSLATE, 0xC018AE85, "KVM_TRANSLATE", Set.of(VCPU)),
                arguments(KvmIoctl.GET_MSRS, 0xC008AE88, "KVM_GET_MSRS", Set.of(VCPU)),
                arguments(KvmIoctl.SET_MSRS, 0x4008AE89, "KVM_SET_MSRS", Set.of(VCPU)),
                arguments(KvmIoctl.SET_SIGNAL_MASK, 0x4004AE8B, "KVM_SET_SIGNAL_MASK", Set.of(VCPU)),
                arguments(KvmIoctl.SET_CPUID2, 0x4008AE90, "KVM_SET_CPUID2", Set.of(VCPU)),
                arguments(KvmIoctl.GET_MP_STATE, 0x8004AE98, "KVM_GET_MP_STATE", Set.of(VCPU)),
                arguments(KvmIoctl.SET_MP_STATE, 0x4004AE99, "KVM_SET_MP_STATE", Set.of(VCPU)),
                arguments(KvmIoctl.ENABLE_CAP, 0x4068AEA3, "KVM_ENABLE_CAP", Set.of(VM, VCPU)),
                arguments(KvmIoctl.GET_XSAVE, 0x9000AEA4, "KVM_GET_XSAVE", Set.of(VCPU)),
                arguments(KvmIoctl.GET_NESTED_STATE, 0xC080AEBE, "KVM_GET_NESTED_STATE", Set.of(VCPU)),
                arguments(KvmIoctl.SMI, 0x0000AEB7, "KVM_SMI", Set.of(VCPU)),
                arguments(KvmIoctl.MEMORY_ENCRYPT_OP, 0xC008AEBA, "KVM_MEMORY_ENCRYPT_OP", Set.of(VM, VCPU)),
                arguments(KvmIoctl.MEMORY_ENCRYPT_REG_REGION, 0x8010AEBB, "KVM_MEMORY_ENCRYPT_REG_REGION", Set.of(VM)),
                arguments(
                        KvmIoctl.MEMORY_ENCRYPT_UNREG_REGION,
                        0x8010AEBC,
                        "KVM_MEMORY_ENCRYPT_UNREG_REGION",
                        Set.of(VM)),
                arguments(KvmIoctl.CLEAR_DIRTY_LOG, 0xC018AEC0, "KVM_CLEAR_DIRTY_LOG", Set.of(VM)),
                arguments(KvmIoctl.RESET_DIRTY_RINGS, 0x0000AEC7, "KVM_RESET_DIRTY_RINGS", Set.of(VM)),
                arguments(KvmIoctl.GET_SREGS2, 0x8140AECC, "KVM_GET_SREGS2", Set.of(VCPU)),
                arguments(KvmIoctl.SET_SREGS2, 0x4140AECD, "KVM_SET_SREGS2", Set.of(VCPU)),
                arguments(KvmIoctl.GET_STATS_FD, 0x0000AECE, "KVM_GET_STATS_FD", Set.of(VM, VCPU)),
                arguments(KvmIoctl.GET_DEVICE_ATTR, 0x4018AEE2, "KVM_GET_DEVICE_ATTR", Set.of(SYSTEM)),
                arguments(KvmIoctl.HAS_DEVICE_ATTR, 0x4018AEE3, "KVM_HAS_DEVICE_ATTR", Set.of(SYSTEM)),
                arguments(KvmIoctl.SET_USER_MEMORY_REGION2, 0x40A0AE49, "KVM_SET_USER_MEMORY_REGION2", Set.of(VM)),
                arguments(KvmIoctl.SET_MEMORY_ATTRIBUTES, 0x4020AED2, "KVM_SET_MEMORY_ATTRIBUTES", Set.of(VM)),
                arguments(KvmIoctl.CREATE_GUEST_MEMFD, 0xC040AED4, "KVM_CREATE_GUEST_MEMFD", Set.of(VM)),
                arguments(KvmIoctl.PRE_FAULT_MEMORY, 0xC040AED5, "KVM_PRE_FAULT_MEMORY", Set.of(VCPU)),
                arguments(KvmIoctl.TRANSLATE2, 0xC028AE87, "KVM_TRANSLATE2", Set.of(VCPU)),
                arguments(KvmIoctl.MAP_MEMORY_V1, 0xC020AED5, "KVM_MAP_MEMORY_V1", Set.of(VCPU)),
                arguments(KvmIoctl.MAP_MEMORY_V2, 0xC018AED5, "KVM_MAP_MEMORY_V2", Set.of(VCPU)),
                arguments(KvmIoctl.MAP_MEMORY_V3, 0xC040AED5, "KVM_MAP_MEMORY_V3", Set.of(VCPU)),
                arguments(KvmIoctl.GUEST_MEMFD_POPULATE, 0x4020AED6, "KVM_GUEST_MEMFD_POPULATE", Set.of(VM)));
    }

    @ParameterizedTest(name = "{2}")
    @MethodSource("codes")
    void hasTheCodeNameAndFilesOfTheKernel(KvmIoctl request, int code, String name, Set<KvmFileKind> files) {
        assertThat(request.code()).isEqualTo(code);
        assertThat(request.request()).isEqualTo(name);
        assertThat(request.files()).isEqualTo(files);
    }

    @Test
    void noRequestIsMissingFromTheTable() {
        assertThat(codes().map(row -> row.get()[0])).containsExactlyInAnyOrder((Object[]) KvmIoctl.values());
    }

    @Test
    void onlyTheThirdMapMemorySharesItsCode() {
        Map<Integer, List<KvmIoctl>> byCode =
                Arrays.stream(KvmIoctl.values()).collect(Collectors.groupingBy(KvmIoctl::code));

        assertThat(byCode.values().stream().filter(requests -> requests.size() > 1))
                .containsExactly(List.of(KvmIoctl.PRE_FAULT_MEMORY, KvmIoctl.MAP_MEMORY_V3));
    }

    @ParameterizedTest
    @EnumSource(mode = EnumSource.Mode.EXCLUDE, names = "MEMORY_ENCRYPT_OP")
    void takesTheStructWhoseSizeItsCodeCarriesOrAValue(KvmIoctl request) {
        int size = request.code() >> 16 & 0x3FFF;

        assertThat(request.struct().map(Struct::size).orElse(0)).isEqualTo(size);
    }

    @Test
    void memoryEncryptOpHasTheSizeOfAPointerAndNoStructOfItsOwn() {
        assertThat(KvmIoctl.MEMORY_ENCRYPT_OP.struct()).isEmpty();
    }

    @ParameterizedTest
    @EnumSource
    void saysWhetherItWasEverMerged(KvmIoctl request) {
        assertThat(request.merged()).isEqualTo(!NEVER_MERGED.contains(request));
    }
}
