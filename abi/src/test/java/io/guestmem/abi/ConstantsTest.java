package io.guestmem.abi;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.params.provider.Arguments.arguments;

import java.util.Arrays;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Flags, commands, and the offsets that no {@link Struct} shows: members of unions, and arrays at the end. */
class ConstantsTest {
    /** linux/kvm.h and asm/kvm.h of linux-libc-dev 6.1.187, offsets by gcc. */
    static Stream<Arguments> constantsOfLinux61() {
        return Stream.of(
                constants(
                        "kvm_run.fail_entry: hardware_entry_failure_reason, cpu",
                        "32 40",
                        RunLayout.FAIL_ENTRY_REASON,
                        RunLayout.FAIL_ENTRY_CPU),
                constants(
                        "kvm_run.io: direction, size, port, count, data_offset",
                        "32 33 34 36 40",
                        RunLayout.IO_DIRECTION,
                        RunLayout.IO_SIZE,
                        RunLayout.IO_PORT,
                        RunLayout.IO_COUNT,
                        RunLayout.IO_DATA_OFFSET),
                constants("KVM_EXIT_IO: IN, OUT", "0 1", RunLayout.IO_IN, RunLayout.IO_OUT),
                constants(
                        "kvm_run.mmio: phys_addr, data, len, is_write",
                        "32 40 48 52",
                        RunLayout.MMIO_PHYS_ADDR,
                        RunLayout.MMIO_DATA,
                        RunLayout.MMIO_LEN,
                        RunLayout.MMIO_IS_WRITE),
                constants(
                        "kvm_run.hypercall: nr, args, ret, flags",
                        "32 40 88 96",
                        RunLayout.HYPERCALL_NR,
                        RunLayout.HYPERCALL_ARGS,
                        RunLayout.HYPERCALL_RET,
                        RunLayout.HYPERCALL_FLAGS),
                constants(
                        "kvm_run.internal: suberror, ndata, data",
                        "32 36 40",
                        RunLayout.INTERNAL_SUBERROR,
                        RunLayout.INTERNAL_NDATA,
                        RunLayout.INTERNAL_DATA),
                constants("kvm_cpuid2.entries", "8", CpuidLayout.ENTRIES),
                constants("KVM_CPUID_FLAG_SIGNIFCANT_INDEX", "1", CpuidLayout.SIGNIFICANT_INDEX),
                constants("kvm_msrs.entries", "8", MsrsLayout.ENTRIES),
                constants("kvm_signal_mask.sigset", "4", SignalMaskLayout.SIGSET),
                constants("kvm_stats_desc.name", "16", StatsDescriptorLayout.NAME),
                constants(
                        "KVM_STATS_TYPE: MASK, CUMULATIVE, INSTANT, PEAK, LINEAR_HIST, LOG_HIST",
                        "15 0 1 2 3 4",
                        StatsDescriptorLayout.TYPE_MASK,
                        StatsDescriptorLayout.TYPE_CUMULATIVE,
                        StatsDescriptorLayout.TYPE_INSTANT,
                        StatsDescriptorLayout.TYPE_PEAK,
                        StatsDescriptorLayout.TYPE_LINEAR_HIST,
                        StatsDescriptorLayout.TYPE_LOG_HIST),
                constants(
                        "KVM_STATS_UNIT: MASK, NONE, BYTES, SECONDS, CYCLES, BOOLEAN",
                        "240 0 16 32 48 64",
                        StatsDescriptorLayout.UNIT_MASK,
                        StatsDescriptorLayout.UNIT_NONE,
                        StatsDescriptorLayout.UNIT_BYTES,
                        StatsDescriptorLayout.UNIT_SECONDS,
                        StatsDescriptorLayout.UNIT_CYCLES,
                        StatsDescriptorLayout.UNIT_BOOLEAN),
                constants(
                        "KVM_STATS_BASE: MASK, POW10, POW2",
                        "3840 0 256",
                        StatsDescriptorLayout.BASE_MASK,
                        StatsDescriptorLayout.BASE_POW10,
                        StatsDescriptorLayout.BASE_POW2),
                constants(
                        "KVM_MEM: LOG_DIRTY_PAGES, READONLY",
                        "1 2",
                        UserspaceMemoryRegionLayout.LOG_DIRTY_PAGES,
                        UserspaceMemoryRegionLayout.READONLY),
                constants("KVM_DIRTY_GFN_F: DIRTY, RESET", "1 2", DirtyGfnLayout.DIRTY, DirtyGfnLayout.RESET),
                constants("KVM_DIRTY_LOG_PAGE_OFFSET", "64", DirtyGfnLayout.RING_PAGE_OFFSET),
                constants("KVM_SREGS2_FLAGS_PDPTRS_VALID", "1", Sregs2Layout.PDPTRS_VALID),
                constants("KVM_PIT_SPEAKER_DUMMY", "1", PitConfigLayout.SPEAKER_DUMMY),
                constants(
                        "KVM_MP_STATE: RUNNABLE, UNINITIALIZED, INIT_RECEIVED, HALTED, SIPI_RECEIVED",
                        "0 1 2 3 4",
                        MpStateLayout.RUNNABLE,
                        MpStateLayout.UNINITIALIZED,
                        MpStateLayout.INIT_RECEIVED,
                        MpStateLayout.HALTED,
                        MpStateLayout.SIPI_RECEIVED),
                constants(
                        "KVM_SEV: INIT, ES_INIT, LAUNCH_START, UPDATE_DATA, UPDATE_VMSA, SECRET, MEASURE, FINISH",
                        "0 1 2 3 4 5 6 7",
                        SevCommandLayout.INIT,
                        SevCommandLayout.ES_INIT,
                        SevCommandLayout.LAUNCH_START,
                        SevCommandLayout.LAUNCH_UPDATE_DATA,
                        SevCommandLayout.LAUNCH_UPDATE_VMSA,
                        SevCommandLayout.LAUNCH_SECRET,
                        SevCommandLayout.LAUNCH_MEASURE,
                        SevCommandLayout.LAUNCH_FINISH));
    }

    /** linux/kvm.h and asm/kvm.h of Linux 6.18, SNP_ENABLE_REQ_CERTS of 7.2; then the postings that were never merged. */
    static Stream<Arguments> constantsOfNewerSources() {
        return Stream.of(
                constants("KVM_MEM_GUEST_MEMFD", "4", UserspaceMemoryRegionLayout.GUEST_MEMFD),
                constants(
                        "GUEST_MEMFD_FLAG: MMAP, INIT_SHARED",
                        "1 2",
                        CreateGuestMemfdLayout.MMAP,
                        CreateGuestMemfdLayout.INIT_SHARED),
                constants("KVM_MEMORY_ATTRIBUTE_PRIVATE", "8", MemoryAttributesLayout.PRIVATE),
                constants(
                        "kvm_run.memory_fault: flags, gpa, size",
                        "32 40 48",
                        RunLayout.MEMORY_FAULT_FLAGS,
                        RunLayout.MEMORY_FAULT_GPA,
                        RunLayout.MEMORY_FAULT_SIZE),
                constants("KVM_MEMORY_EXIT_FLAG_PRIVATE", "8", RunLayout.MEMORY_FAULT_PRIVATE),
                constants(
                        "KVM_SEV: INIT2, SNP_LAUNCH_START, UPDATE, FINISH, SNP_ENABLE_REQ_CERTS",
                        "22 100 101 102 103",
                        SevCommandLayout.INIT2,
                        SevCommandLayout.SNP_LAUNCH_START,
                        SevCommandLayout.SNP_LAUNCH_UPDATE,
                        SevCommandLayout.SNP_LAUNCH_FINISH,
                        SevCommandLayout.SNP_ENABLE_REQ_CERTS),
                constants(
                        "KVM_SEV_SNP_PAGE_TYPE: NORMAL, ZERO, UNMEASURED, SECRETS, CPUID",
                        "1 3 4 5 6",
                        SnpLaunchUpdateLayout.NORMAL,
                        SnpLaunchUpdateLayout.ZERO,
                        SnpLaunchUpdateLayout.UNMEASURED,
                        SnpLaunchUpdateLayout.SECRETS,
                        SnpLaunchUpdateLayout.CPUID),
                constants(
                        "KVM_TDX: CAPABILITIES, INIT_VM, INIT_VCPU, INIT_MEM_REGION, FINALIZE_VM, GET_CPUID",
                        "0 1 2 3 4 5",
                        TdxCommandLayout.CAPABILITIES,
                        TdxCommandLayout.INIT_VM,
                        TdxCommandLayout.INIT_VCPU,
                        TdxCommandLayout.INIT_MEM_REGION,
                        TdxCommandLayout.FINALIZE_VM,
                        TdxCommandLayout.GET_CPUID),
                constants("KVM_TDX_MEASURE_MEMORY_REGION", "1", TdxCommandLayout.MEASURE_MEMORY_REGION),
                constants(
                        "KVM_TRANSLATE2 flags: SET_ACCESSED, SET_DIRTY, FORCE_SET_ACCESSED",
                        "1 2 4",
                        Translation2Layout.SET_ACCESSED,
                        Translation2Layout.SET_DIRTY,
                        Translation2Layout.FORCE_SET_ACCESSED),
                constants(
                        "KVM_TRANSLATE2 access: WRITE, USER, EXEC",
                        "1 2 4",
                        Translation2Layout.WRITE,
                        Translation2Layout.USER,
                        Translation2Layout.EXEC),
                constants(
                        "KVM_TRANSLATE2 faults: NOT_PRESENT, PRIVILEGE_VIOLATION, RESERVED_BITS, INVALID_GVA, INVALID_GPA",
                        "1 2 3 4 5",
                        Translation2Layout.FAULT_NOT_PRESENT,
                        Translation2Layout.FAULT_PRIVILEGE_VIOLATION,
                        Translation2Layout.FAULT_RESERVED_BITS,
                        Translation2Layout.FAULT_INVALID_GVA,
                        Translation2Layout.FAULT_INVALID_GPA),
                constants(
                        "KVM_MAP_MEMORY v1 flags: WRITE, EXEC, USER, PRIVATE",
                        "1 2 4 8",
                        MemoryMappingV1Layout.WRITE,
                        MemoryMappingV1Layout.EXEC,
                        MemoryMappingV1Layout.USER,
                        MemoryMappingV1Layout.PRIVATE));
    }

    @ParameterizedTest(name = "{0}: {1}")
    @MethodSource({"constantsOfLinux61", "constantsOfNewerSources"})
    void haveTheKernelsValues(String names, String values, String actual) {
        assertThat(actual).as(names).isEqualTo(values);
    }

    private static Arguments constants(String names, String values, long... actual) {
        return arguments(
                names, values, Arrays.stream(actual).mapToObj(Long::toString).collect(Collectors.joining(" ")));
    }
}
