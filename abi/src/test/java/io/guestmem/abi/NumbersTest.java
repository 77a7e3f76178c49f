package io.guestmem.abi;

import static io.guestmem.abi.VmType.PreFault.AFTER_SNP_LAUNCH_FINISH;
import static io.guestmem.abi.VmType.PreFault.AFTER_TDX_FINALIZE_VM;
import static io.guestmem.abi.VmType.PreFault.AT_ONCE;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.params.provider.Arguments.arguments;

import java.util.Arrays;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

/** Capabilities, exit reasons, kinds of VMs and errnos have the kernel's numbers. */
class NumbersTest {
    /** linux/kvm.h of linux-libc-dev 6.1.187 up to 223; above, Linux 7.2. */
    @Test
    void capabilities() {
        assertThat(Arrays.stream(Capability.values()).map(each -> each.number() + " " + each.symbol()))
                .containsExactly(
                        "3 KVM_CAP_USER_MEMORY",
                        "9 KVM_CAP_NR_VCPUS",
                        "10 KVM_CAP_NR_MEMSLOTS",
                        "16 KVM_CAP_SYNC_MMU",
                        "21 KVM_CAP_DESTROY_MEMORY_REGION_WORKS",
                        "30 KVM_CAP_JOIN_MEMORY_REGIONS_WORKS",
                        "66 KVM_CAP_MAX_VCPUS",
                        "81 KVM_CAP_READONLY_MEM",
                        "98 KVM_CAP_ENABLE_CAP_VM",
                        "105 KVM_CAP_CHECK_EXTENSION_VM",
                        "116 KVM_CAP_DISABLE_QUIRKS",
                        "117 KVM_CAP_X86_SMM",
                        "118 KVM_CAP_MULTI_ADDRESS_SPACE",
                        "121 KVM_CAP_SPLIT_IRQCHIP",
                        "136 KVM_CAP_IMMEDIATE_EXIT",
                        "168 KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2",
                        "192 KVM_CAP_DIRTY_LOG_RING",
                        "200 KVM_CAP_SREGS2",
                        "201 KVM_CAP_EXIT_HYPERCALL",
                        "203 KVM_CAP_BINARY_STATS_FD",
                        "209 KVM_CAP_SYS_ATTRIBUTES",
                        "213 KVM_CAP_DISABLE_QUIRKS2",
                        "220 KVM_CAP_VM_DISABLE_NX_HUGE_PAGES",
                        "223 KVM_CAP_DIRTY_LOG_RING_ACQ_REL",
                        "225 KVM_CAP_DIRTY_LOG_RING_WITH_BITMAP",
                        "231 KVM_CAP_USER_MEMORY2",
                        "232 KVM_CAP_MEMORY_FAULT_INFO",
                        "233 KVM_CAP_MEMORY_ATTRIBUTES",
                        "234 KVM_CAP_GUEST_MEMFD",
                        "235 KVM_CAP_VM_TYPES",
                        "236 KVM_CAP_PRE_FAULT_MEMORY",
                        "238 KVM_CAP_X86_GUEST_MODE",
                        "244 KVM_CAP_GUEST_MEMFD_FLAGS");
    }

    /** linux/kvm.h of linux-libc-dev 6.1.187 up to 37; above, Linux 6.18. Numbers between them are other architectures'. */
    @ParameterizedTest(name = "{0} is {1}")
    @CsvSource({
        "0, KVM_EXIT_UNKNOWN",
        "1, KVM_EXIT_EXCEPTION",
        "2, KVM_EXIT_IO",
        "3, KVM_EXIT_HYPERCALL",
        "4, KVM_EXIT_DEBUG",
        "5, KVM_EXIT_HLT",
        "6, KVM_EXIT_MMIO",
        "7, KVM_EXIT_IRQ_WINDOW_OPEN",
        "8, KVM_EXIT_SHUTDOWN",
        "9, KVM_EXIT_FAIL_ENTRY",
        "10, KVM_EXIT_INTR",
        "11, KVM_EXIT_SET_TPR",
        "12, KVM_EXIT_TPR_ACCESS",
        "16, KVM_EXIT_NMI",
        "17, KVM_EXIT_INTERNAL_ERROR",
        "24, KVM_EXIT_SYSTEM_EVENT",
        "26, KVM_EXIT_IOAPIC_EOI",
        "27, KVM_EXIT_HYPERV",
        "29, KVM_EXIT_X86_RDMSR",
        "30, KVM_EXIT_X86_WRMSR",
        "31, KVM_EXIT_DIRTY_RING_FULL",
        "32, KVM_EXIT_AP_RESET_HOLD",
        "33, KVM_EXIT_X86_BUS_LOCK",
        "34, KVM_EXIT_XEN",
        "37, KVM_EXIT_NOTIFY",
        "39, KVM_EXIT_MEMORY_FAULT",
        "40, KVM_EXIT_TDX",
        "13, exit reason 13",
        "38, exit reason 38",
        "200, exit reason 200",
        "-1, exit reason -1"
    })
    void exitReasons(int exitReason, String name) {
        assertThat(ExitReason.name(exitReason)).isEqualTo(name);
    }

    static Stream<Arguments> vmTypes() {
        return Stream.of(
                arguments(VmType.DEFAULT, 0, "shared only, open, read-only slots", AT_ONCE, 2),
                arguments(VmType.SW_PROTECTED, 1, "private memory, open, read-only slots", AT_ONCE, 1),
                arguments(VmType.SEV, 2, "shared only, open, read-only slots", AT_ONCE, 2),
                arguments(VmType.SEV_ES, 3, "shared only, protected", AT_ONCE, 2),
                arguments(VmType.SNP, 4, "private memory, protected", AFTER_SNP_LAUNCH_FINISH, 1),
                arguments(VmType.TDX, 5, "private memory, protected", AFTER_TDX_FINALIZE_VM, 1));
    }

    /** arch/x86/include/uapi/asm/kvm.h of Linux 6.18 for the values. */
    @ParameterizedTest(name = "{0} is {1}: {2}, pre-fault {3}, {4} address spaces")
    @MethodSource
    void vmTypes(VmType type, int value, String traits, VmType.PreFault preFault, int addressSpaces) {
        assertThat(type.value()).isEqualTo(value);
        assertThat((type.privateMemory() ? "private memory, " : "shared only, ")
                        + (type.protectedState() ? "protected" : "open")
                        + (type.readOnlySlots() ? ", read-only slots" : ""))
                .isEqualTo(traits);
        assertThat(type.preFault()).isEqualTo(preFault);
        assertThat(type.addressSpaces()).isEqualTo(addressSpaces);
    }

    @Test
    void noVmTypeIsMissingFromTheTable() {
        assertThat(vmTypes().map(row -> row.get()[0])).containsExactly((Object[]) VmType.values());
    }

    /** asm-generic/errno-base.h and asm-generic/errno.h of linux-libc-dev 6.1.187. */
    @Test
    void errorNumbers() {
        assertThat(Arrays.stream(ErrorNumber.values())
                        .map(each -> each + " " + each.number())
                        .collect(Collectors.joining(", ")))
                .isEqualTo(
                        "EPERM 1, ENOENT 2, EINTR 4, EIO 5, ENXIO 6, E2BIG 7, EBADF 9, EAGAIN 11, ENOMEM 12, EFAULT 14, "
                                + "EBUSY 16, EEXIST 17, ENODEV 19, EINVAL 22, ENFILE 23, EMFILE 24, ENOTTY 25, ENOSPC 28, "
                                + "ESPIPE 29, EOPNOTSUPP 95, EHWPOISON 133");
    }

    @ParameterizedTest
    @CsvSource({
        "22, EINVAL (22)",
        "133, EHWPOISON (133)",
        "200, errno 200 (200)",
        "0, errno 0 (0)",
        "-22, errno -22 (-22)"
    })
    void errorNumbersAsText(int errno, String text) {
        assertThat(ErrorNumber.symbol(errno)).isEqualTo(text);
    }
}
