package io.guestmem.soft.cpu;

import static io.guestmem.abi.ErrorNumber.E2BIG;
import static io.guestmem.abi.ErrorNumber.EFAULT;

import io.guestmem.abi.CpuidLayout;
import io.guestmem.soft.cpu.Cpuid.Entry;
import io.guestmem.soft.vm.UserArgument;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;

/**
 * The answer to {@code KVM_GET_SUPPORTED_CPUID}: what the instructions and the walker here can do, under the vendor's name.
 */
final class SupportedCpuid {
    /** FPU, VME, DE, PSE, TSC, MSR, PAE, MCE, CX8, APIC, MTRR, PGE, MCA, CMOV, PAT, PSE36, CLFSH, FXSR, SSE, SSE2. */
    private static final int LEAF_1_EDX = 0x0783_FBBF;

    /** x2APIC, POPCNT, hypervisor. */
    private static final int LEAF_1_ECX = 1 << 21 | 1 << 23 | 1 << 31;

    /** SMEP, ERMS, SMAP. */
    private static final int LEAF_7_EBX = 1 << 7 | 1 << 9 | 1 << 20;

    /** UMIP, PKU, LA57. */
    private static final int LEAF_7_ECX = 1 << 2 | 1 << 3 | 1 << 16;

    /** LAHF in long mode. */
    private static final int EXTENDED_1_ECX = 1;

    /** SYSCALL, NX, long mode. */
    private static final int EXTENDED_1_EDX = 1 << 11 | 1 << 20 | 1 << 29;

    private static final int GIGABYTE_PAGES = 1 << 26;

    /** Bits of leaf 1's EDX that AMD repeats in the extended leaf. */
    private static final int AMD_REPEATED = 0x0183_F3FF;

    /** Family 0x19 of AMD (Zen 3), family 6 model 0x6A of Intel (Ice Lake). */
    private static final int SIGNATURE_AMD = 0x00A0_0F11;

    private static final int SIGNATURE_INTEL = 0x0006_06A6;
    private static final int CACHE_LINE_64 = 8 << 8;
    private static final int LINEAR_BITS = 57;
    private static final int HYPERVISOR = 0x4000_0000;
    private static final int HYPERVISOR_FEATURES = HYPERVISOR + 1;
    private static final int EXTENDED = 0x8000_0000;

    private SupportedCpuid() {}

    /** The leaves. */
    static Cpuid of(CpuOptions options, int maxPhysicalAddressBits) {
        Vendor vendor = options.vendor();
        String id = vendor.id();
        boolean amd = vendor == Vendor.AMD;
        int ebx = Cpuid.word(id, 0);
        int edx = Cpuid.word(id, 4);
        int ecx = Cpuid.word(id, 8);
        int extendedEdx =
                EXTENDED_1_EDX | (options.gigabytePages() ? GIGABYTE_PAGES : 0) | (amd ? LEAF_1_EDX & AMD_REPEATED : 0);
        int sizes = maxPhysicalAddressBits | LINEAR_BITS << 8;
        return new Cpuid(List.of(
                Entry.leaf(0, 7, ebx, ecx, edx),
                Entry.leaf(1, amd ? SIGNATURE_AMD : SIGNATURE_INTEL, CACHE_LINE_64, LEAF_1_ECX, LEAF_1_EDX),
                Entry.subleaf(7, 0, 0, LEAF_7_EBX, LEAF_7_ECX, 0),
                Entry.leaf(
                        HYPERVISOR,
                        HYPERVISOR_FEATURES,
                        Cpuid.word("KVMKVMKVM\0\0\0", 0),
                        Cpuid.word("KVMKVMKVM\0\0\0", 4),
                        Cpuid.word("KVMKVMKVM\0\0\0", 8)),
                Entry.leaf(HYPERVISOR_FEATURES, 0, 0, 0, 0),
                Entry.leaf(EXTENDED, EXTENDED + 8, amd ? ebx : 0, amd ? ecx : 0, amd ? edx : 0),
                Entry.leaf(EXTENDED + 1, amd ? SIGNATURE_AMD : 0, 0, EXTENDED_1_ECX, extendedEdx),
                Entry.leaf(EXTENDED + 8, sizes, 0, 0, 0)));
    }

    /**
     * Answers the request.
     *
     * <p>Source: Linux 7.2 {@code cpuid.c:kvm_dev_ioctl_get_cpuid}; on an error the struct stays as it was.
     *
     * @param argument {@code struct kvm_cpuid2}
     * @return 0, {@code -E2BIG} or {@code -EFAULT}
     */
    static long answer(UserArgument argument, CpuOptions options, int maxPhysicalAddressBits) {
        MemorySegment header = argument.copyIn(0, CpuidLayout.STRUCT.size());
        if (header == null) {
            return -EFAULT.number();
        }
        List<Entry> entries = of(options, maxPhysicalAddressBits).entries();
        int room = header.get(ValueLayout.JAVA_INT, CpuidLayout.NENT);
        if (Integer.compareUnsigned(room, entries.size()) < 0) {
            return -E2BIG.number();
        }
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment out = arena.allocate((long) CpuidLayout.ENTRY.size() * entries.size(), Long.BYTES);
            for (int i = 0; i < entries.size(); i++) {
                entries.get(i).write(out, (long) i * CpuidLayout.ENTRY.size());
            }
            header.set(ValueLayout.JAVA_INT, CpuidLayout.NENT, entries.size());
            return argument.copyOut(CpuidLayout.ENTRIES, out) && argument.copyOut(0, header) ? 0 : -EFAULT.number();
        }
    }
}
