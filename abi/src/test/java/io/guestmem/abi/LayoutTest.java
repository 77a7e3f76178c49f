package io.guestmem.abi;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.params.provider.Arguments.arguments;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Every struct has the shape that a C compiler gives it: {@code name offset width[xcount]} of each field. */
class LayoutTest {
    /** Holes that C's alignment makes, as {@code offset:bytes}; no other struct has any. */
    private static final Map<String, String> HOLES = Map.of("kvm_translation2", "25:1 33:7");

    /** As gcc reports offsetof and sizeof for the headers of linux-libc-dev 6.1.187, amd64. */
    static Stream<Arguments> structsOfLinux61() {
        return Stream.of(
                struct(
                        UserspaceMemoryRegionLayout.STRUCT,
                        "kvm_userspace_memory_region",
                        32,
                        "slot 0 4, flags 4 4, guest_phys_addr 8 8, memory_size 16 8, " + "userspace_addr 24 8"),
                struct(DirtyLogLayout.STRUCT, "kvm_dirty_log", 16, "slot 0 4, padding1 4 4, dirty_bitmap 8 8"),
                struct(
                        ClearDirtyLogLayout.STRUCT,
                        "kvm_clear_dirty_log",
                        24,
                        "slot 0 4, num_pages 4 4, first_page 8 8, dirty_bitmap 16 8"),
                struct(DeviceAttrLayout.STRUCT, "kvm_device_attr", 24, "flags 0 4, group 4 4, attr 8 8, addr 16 8"),
                struct(DirtyGfnLayout.STRUCT, "kvm_dirty_gfn", 16, "flags 0 4, slot 4 4, offset 8 8"),
                struct(EnableCapLayout.STRUCT, "kvm_enable_cap", 104, "cap 0 4, flags 4 4, args 8 8x4, pad 40 1x64"),
                struct(
                        RegsLayout.STRUCT,
                        "kvm_regs",
                        144,
                        "rax 0 8, rbx 8 8, rcx 16 8, rdx 24 8, rsi 32 8, rdi 40 8, rsp 48 8, "
                                + "rbp 56 8, r8 64 8, r9 72 8, r10 80 8, r11 88 8, r12 96 8, r13 104 8, "
                                + "r14 112 8, r15 120 8, rip 128 8, rflags 136 8"),
                struct(
                        SegmentLayout.STRUCT,
                        "kvm_segment",
                        24,
                        "base 0 8, limit 8 4, selector 12 2, type 14 1, present 15 1, dpl 16 1, "
                                + "db 17 1, s 18 1, l 19 1, g 20 1, avl 21 1, unusable 22 1, padding 23 1"),
                struct(DtableLayout.STRUCT, "kvm_dtable", 16, "base 0 8, limit 8 2, padding 10 2x3"),
                struct(
                        SregsLayout.STRUCT,
                        "kvm_sregs",
                        312,
                        "cs 0 24, ds 24 24, es 48 24, fs 72 24, gs 96 24, ss 120 24, tr 144 24, "
                                + "ldt 168 24, gdt 192 16, idt 208 16, cr0 224 8, cr2 232 8, cr3 240 8, "
                                + "cr4 248 8, cr8 256 8, efer 264 8, apic_base 272 8, " + "interrupt_bitmap 280 8x4"),
                struct(
                        Sregs2Layout.STRUCT,
                        "kvm_sregs2",
                        320,
                        "cs 0 24, ds 24 24, es 48 24, fs 72 24, gs 96 24, ss 120 24, tr 144 24, "
                                + "ldt 168 24, gdt 192 16, idt 208 16, cr0 224 8, cr2 232 8, cr3 240 8, "
                                + "cr4 248 8, cr8 256 8, efer 264 8, apic_base 272 8, flags 280 8, "
                                + "pdptrs 288 8x4"),
                struct(
                        TranslationLayout.STRUCT,
                        "kvm_translation",
                        24,
                        "linear_address 0 8, physical_address 8 8, valid 16 1, writeable 17 1, "
                                + "usermode 18 1, pad 19 1x5"),
                struct(CpuidLayout.STRUCT, "kvm_cpuid2", 8, "nent 0 4, padding 4 4"),
                struct(
                        CpuidLayout.ENTRY,
                        "kvm_cpuid_entry2",
                        40,
                        "function 0 4, index 4 4, flags 8 4, eax 12 4, ebx 16 4, ecx 20 4, "
                                + "edx 24 4, padding 28 4x3"),
                struct(MsrsLayout.STRUCT, "kvm_msrs", 8, "nmsrs 0 4, pad 4 4"),
                struct(MsrsLayout.ENTRY, "kvm_msr_entry", 16, "index 0 4, reserved 4 4, data 8 8"),
                struct(SignalMaskLayout.STRUCT, "kvm_signal_mask", 4, "len 0 4"),
                struct(
                        StatsHeaderLayout.STRUCT,
                        "kvm_stats_header",
                        24,
                        "flags 0 4, name_size 4 4, num_desc 8 4, id_offset 12 4, desc_offset 16 4, "
                                + "data_offset 20 4"),
                struct(
                        StatsDescriptorLayout.STRUCT,
                        "kvm_stats_desc",
                        16,
                        "flags 0 4, exponent 4 2, size 6 2, offset 8 4, bucket_size 12 4"),
                struct(MpStateLayout.STRUCT, "kvm_mp_state", 4, "mp_state 0 4"),
                struct(XsaveLayout.STRUCT, "kvm_xsave", 4096, "region 0 4x1024"),
                struct(
                        NestedStateLayout.STRUCT,
                        "kvm_nested_state",
                        128,
                        "flags 0 2, format 2 2, size 4 4, hdr 8 1x120"),
                struct(PitConfigLayout.STRUCT, "kvm_pit_config", 64, "flags 0 4, pad 4 4x15"),
                struct(EncRegionLayout.STRUCT, "kvm_enc_region", 16, "addr 0 8, size 8 8"),
                struct(
                        RunLayout.STRUCT,
                        "kvm_run",
                        2352,
                        "request_interrupt_window 0 1, immediate_exit 1 1, padding1 2 1x6, "
                                + "exit_reason 8 4, ready_for_interrupt_injection 12 1, if_flag 13 1, "
                                + "flags 14 2, cr8 16 8, apic_base 24 8, exit 32 1x256, "
                                + "kvm_valid_regs 288 8, kvm_dirty_regs 296 8, s 304 1x2048"));
    }

    /**
     * As gcc reports offsetof and sizeof for the declarations that linux-libc-dev 6.1 does not have: those of the headers of
     * Linux 6.18 and 7.2, and of the postings that the layout classes name; and for the bare u64 of an identity map's address.
     */
    static Stream<Arguments> structsOfNewerSources() {
        return Stream.of(
                struct(
                        PreFaultMemoryLayout.STRUCT,
                        "kvm_pre_fault_memory",
                        64,
                        "gpa 0 8, size 8 8, flags 16 8, padding 24 8x5"),
                struct(
                        UserspaceMemoryRegion2Layout.STRUCT,
                        "kvm_userspace_memory_region2",
                        160,
                        "slot 0 4, flags 4 4, guest_phys_addr 8 8, memory_size 16 8, "
                                + "userspace_addr 24 8, guest_memfd_offset 32 8, guest_memfd 40 4, "
                                + "pad1 44 4, pad2 48 8x14"),
                struct(
                        CreateGuestMemfdLayout.STRUCT,
                        "kvm_create_guest_memfd",
                        64,
                        "size 0 8, flags 8 8, reserved 16 8x6"),
                struct(
                        MemoryAttributesLayout.STRUCT,
                        "kvm_memory_attributes",
                        32,
                        "address 0 8, size 8 8, attributes 16 8, flags 24 8"),
                struct(
                        Translation2Layout.STRUCT,
                        "kvm_translation2",
                        40,
                        "linear_address 0 8, flags 8 2, access 10 2, padding 12 1x4, "
                                + "physical_address 16 8, valid 24 1, error_code 26 2, "
                                + "set_bits_succeeded 28 1, padding2 29 1x4"),
                struct(
                        MemoryMappingV1Layout.STRUCT,
                        "kvm_memory_mapping",
                        32,
                        "base_gfn 0 8, nr_pages 8 8, flags 16 8, source 24 8"),
                struct(
                        MemoryMappingV2Layout.STRUCT,
                        "kvm_memory_mapping",
                        24,
                        "base_address 0 8, size 8 8, flags 16 8"),
                struct(
                        MapMemoryV3Layout.STRUCT,
                        "kvm_map_memory",
                        64,
                        "base_address 0 8, size 8 8, flags 16 8, padding 24 8x5"),
                struct(
                        GuestMemfdPopulateLayout.STRUCT,
                        "kvm_guest_memfd_populate",
                        32,
                        "gpa 0 8, size 8 8, from 16 8, flags 24 8"),
                struct(
                        SevCommandLayout.STRUCT,
                        "kvm_sev_cmd",
                        24,
                        "id 0 4, pad0 4 4, data 8 8, error 16 4, sev_fd 20 4"),
                struct(
                        SevLaunchUpdateDataLayout.STRUCT,
                        "kvm_sev_launch_update_data",
                        16,
                        "uaddr 0 8, len 8 4, pad0 12 4"),
                struct(
                        SevInitLayout.STRUCT,
                        "kvm_sev_init",
                        48,
                        "vmsa_features 0 8, flags 8 4, ghcb_version 12 2, pad1 14 2, pad2 16 4x8"),
                struct(
                        SnpLaunchStartLayout.STRUCT,
                        "kvm_sev_snp_launch_start",
                        64,
                        "policy 0 8, gosvw 8 1x16, flags 24 2, pad0 26 1x6, pad1 32 8x4"),
                struct(
                        SnpLaunchUpdateLayout.STRUCT,
                        "kvm_sev_snp_launch_update",
                        64,
                        "gfn_start 0 8, uaddr 8 8, len 16 8, type 24 1, pad0 25 1, flags 26 2, "
                                + "pad1 28 4, pad2 32 8x4"),
                struct(
                        SnpLaunchFinishLayout.STRUCT,
                        "kvm_sev_snp_launch_finish",
                        88,
                        "id_block_uaddr 0 8, id_auth_uaddr 8 8, id_block_en 16 1, "
                                + "auth_key_en 17 1, vcek_disabled 18 1, host_data 19 1x32, pad0 51 1x3, "
                                + "flags 54 2, pad1 56 8x4"),
                struct(TdxCommandLayout.STRUCT, "kvm_tdx_cmd", 24, "id 0 4, flags 4 4, data 8 8, hw_error 16 8"),
                struct(
                        TdxInitMemRegionLayout.STRUCT,
                        "kvm_tdx_init_mem_region",
                        24,
                        "source_addr 0 8, gpa 8 8, nr_pages 16 8"),
                struct(
                        SevLaunchStartLayout.STRUCT,
                        "kvm_sev_launch_start",
                        40,
                        "handle 0 4, policy 4 4, dh_uaddr 8 8, dh_len 16 4, pad0 20 4, "
                                + "session_uaddr 24 8, session_len 32 4, pad1 36 4"),
                struct(SevLaunchMeasureLayout.STRUCT, "kvm_sev_launch_measure", 16, "uaddr 0 8, len 8 4, pad0 12 4"),
                struct(
                        SevLaunchSecretLayout.STRUCT,
                        "kvm_sev_launch_secret",
                        48,
                        "hdr_uaddr 0 8, hdr_len 8 4, pad0 12 4, guest_uaddr 16 8, guest_len 24 4, "
                                + "pad1 28 4, trans_uaddr 32 8, trans_len 40 4, pad2 44 4"),
                struct(SevGuestStatusLayout.STRUCT, "kvm_sev_guest_status", 12, "handle 0 4, policy 4 4, state 8 4"),
                struct(
                        TdxCapabilitiesLayout.STRUCT,
                        "kvm_tdx_capabilities",
                        2056,
                        "supported_attrs 0 8, supported_xfam 8 8, kernel_tdvmcallinfo_1_r11 16 8, "
                                + "user_tdvmcallinfo_1_r11 24 8, kernel_tdvmcallinfo_1_r12 32 8, "
                                + "user_tdvmcallinfo_1_r12 40 8, reserved 48 8x250, cpuid 2048 8"),
                struct(
                        TdxInitVmLayout.STRUCT,
                        "kvm_tdx_init_vm",
                        264,
                        "attributes 0 8, xfam 8 8, mrconfigid 16 8x6, mrowner 64 8x6, "
                                + "mrownerconfig 112 8x6, reserved 160 8x12, cpuid 256 8"),
                struct(IdentityMapAddressLayout.STRUCT, "kvm_identity_map_address", 8, "address 0 8"));
    }

    @ParameterizedTest(name = "{1} ({2} bytes)")
    @MethodSource({"structsOfLinux61", "structsOfNewerSources"})
    void hasTheFieldsThatTheCompilerReports(Struct struct, String name, int size, String fields) {
        assertThat(struct.name()).isEqualTo(name);
        assertThat(struct.size()).isEqualTo(size);
        assertThat(fieldsOf(struct)).isEqualTo(fields);
    }

    @ParameterizedTest(name = "{1}")
    @MethodSource({"structsOfLinux61", "structsOfNewerSources"})
    void isCoveredByItsFieldsButForAlignment(Struct struct, String name) {
        assertThat(holesOf(struct)).isEqualTo(HOLES.getOrDefault(name, ""));
    }

    @Test
    void noLayoutIsMissingFromTheTables() throws IOException {
        Pattern declaration = Pattern.compile("Struct\\.of\\(\"(\\w+)\", (\\d+)\\)");
        List<String> declared;
        try (Stream<Path> files = Files.list(Path.of("src/main/java/io/guestmem/abi"))) {
            declared = files.filter(file -> file.toString().endsWith("Layout.java"))
                    .flatMap(file -> declaration.matcher(read(file)).results())
                    .map(match -> match.group(1) + " " + match.group(2))
                    .toList();
        }
        List<String> tabled = Stream.concat(structsOfLinux61(), structsOfNewerSources())
                .map(row -> row.get()[1] + " " + row.get()[2])
                .toList();

        assertThat(declared).containsExactlyInAnyOrderElementsOf(tabled);
    }

    private static String fieldsOf(Struct struct) {
        return struct.fields().stream()
                .map(field -> field.name() + " " + field.offset() + " " + field.width()
                        + (field.count() == 1 ? "" : "x" + field.count()))
                .collect(Collectors.joining(", "));
    }

    private static String holesOf(Struct struct) {
        List<String> holes = new ArrayList<>();
        int end = 0;
        for (Struct.Field field : struct.fields()) {
            if (field.offset() > end) {
                holes.add(end + ":" + (field.offset() - end));
            }
            end = field.offset() + field.bytes();
        }
        if (struct.size() > end) {
            holes.add(end + ":" + (struct.size() - end));
        }
        return String.join(" ", holes);
    }

    private static String read(Path file) {
        try {
            return Files.readString(file);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static Arguments struct(Struct struct, String name, int size, String fields) {
        return arguments(struct, name, size, fields);
    }
}
