package io.guestmem.diff.translate;

import io.guestmem.kvm.Cpuid;
import io.guestmem.kvm.Cpuid.Entry;
import io.guestmem.paging.PagingFeatures;
import io.guestmem.paging.PagingMode;
import io.guestmem.paging.PagingState;
import io.guestmem.paging.PdpteRegisters;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.function.ToIntFunction;

/**
 * What a vCPU's CPUID offers of paging, and random registers within it.
 *
 * @param paging what decides how entries are read
 * @param noExecute EFER.NXE may be set
 * @param smep CR4.SMEP may be set
 * @param smap CR4.SMAP may be set
 * @param keys CR4.PKE may be set
 * @param fiveLevels CR4.LA57 may be set
 */
record CpuFeatures(
        PagingFeatures paging, boolean noExecute, boolean smep, boolean smap, boolean keys, boolean fiveLevels) {
    private static final int VENDOR = 0;
    private static final int STRUCTURED = 7;
    private static final int EXTENDED = 0x8000_0001;
    private static final int ADDRESS_SIZES = 0x8000_0008;
    private static final int EBX_SMEP = 1 << 7;
    private static final int EBX_SMAP = 1 << 20;
    private static final int ECX_PKU = 1 << 3;
    private static final int ECX_LA57 = 1 << 16;
    private static final int EDX_NX = 1 << 20;
    private static final int EDX_GIGABYTE_PAGES = 1 << 26;
    private static final int[] INTEL = {0x756E_6547, 0x6C65_746E, 0x4965_6E69};
    private static final int[] AMD = {0x6874_7541, 0x444D_4163, 0x6974_6E65};
    private static final int EBX_HYGON = 0x6F67_7948;

    private static final long PE_ET_NE = 1 | 1 << 4 | 1 << 5;
    private static final long WP = 1 << 16;
    private static final long PG = 1L << 31;
    private static final long PSE = 1 << 4;
    private static final long PAE = 1 << 5;
    private static final long LA57 = 1 << 12;
    private static final long SMEP = 1 << 20;
    private static final long SMAP = 1 << 21;
    private static final long PKE = 1 << 22;
    private static final long LME_LMA = 1 << 8 | 1 << 10;
    private static final long NXE = 1 << 11;

    static CpuFeatures of(Cpuid cpuid) {
        int vendor = register(cpuid, VENDOR, Entry::ebx);
        int structured = register(cpuid, STRUCTURED, Entry::ebx);
        int more = register(cpuid, STRUCTURED, Entry::ecx);
        int extended = register(cpuid, EXTENDED, Entry::edx);
        int bits = register(cpuid, ADDRESS_SIZES, Entry::eax) & 0xFF;
        PagingFeatures paging = new PagingFeatures(
                bits,
                vendor == AMD[0] || vendor == EBX_HYGON,
                (extended & EDX_GIGABYTE_PAGES) != 0,
                PagingFeatures.processorPse36Bits(bits));
        return new CpuFeatures(
                paging,
                (extended & EDX_NX) != 0,
                (structured & EBX_SMEP) != 0,
                (structured & EBX_SMAP) != 0,
                (more & ECX_PKU) != 0,
                (more & ECX_LA57) != 0);
    }

    private static int register(Cpuid cpuid, int leaf, ToIntFunction<Entry> register) {
        return cpuid.leaf(leaf).map(register::applyAsInt).orElse(0);
    }

    /** The same CPUID with another vendor, width of physical addresses and answer about pages of 1 GiB. */
    static Cpuid changed(Cpuid cpuid, PagingFeatures paging) {
        int[] name = paging.amdCompatible() ? AMD : INTEL;
        List<Entry> entries = new ArrayList<>();
        for (Entry e : cpuid.entries()) {
            int eax = e.eax();
            int ebx = e.ebx();
            int ecx = e.ecx();
            int edx = e.edx();
            switch (e.function()) {
                case VENDOR -> {
                    ebx = name[0];
                    ecx = name[1];
                    edx = name[2];
                }
                case EXTENDED -> edx = paging.gigabytePages() ? edx | EDX_GIGABYTE_PAGES : edx & ~EDX_GIGABYTE_PAGES;
                case ADDRESS_SIZES -> eax = (eax & ~0xFF) | paging.maxPhysicalAddressBits();
                default -> {}
            }
            entries.add(new Entry(e.function(), e.index(), e.flags(), eax, ebx, ecx, edx));
        }
        return new Cpuid(entries);
    }

    /** The same for another processor. */
    CpuFeatures with(PagingFeatures other) {
        return new CpuFeatures(other, noExecute, smep, smap, keys, fiveLevels);
    }

    /** Random registers of a mode. */
    PagingState state(SplittableRandom random, PagingMode mode, long cr3, PdpteRegisters pdptes) {
        long dice = random.nextLong();
        long cr0 = PE_ET_NE | (dice & WP) | (mode == PagingMode.NONE ? 0 : PG);
        long cr4 = dice & ((smep ? SMEP : 0) | (smap ? SMAP : 0) | (keys ? PKE : 0));
        cr4 |= switch (mode) {
            case NONE, BITS_32 -> (dice >>> 32 & 3) == 0 ? 0 : PSE;
            case PAE, LEVEL_4 -> PAE | (dice & PSE);
            case LEVEL_5 -> PAE | LA57 | (dice & PSE);
        };
        long efer = (noExecute && (dice >>> 34 & 3) != 0 ? NXE : 0) | (mode.isLong() ? LME_LMA : 0);
        return new PagingState(cr0, cr3, cr4, efer, pdptes, 0, paging);
    }

    static boolean hasKeys(PagingState state) {
        return (state.cr4() & PKE) != 0;
    }

    static PagingState withPkru(PagingState s, int pkru) {
        return new PagingState(s.cr0(), s.cr3(), s.cr4(), s.efer(), s.pdptes(), pkru, s.features());
    }

    static PagingState with(PagingState s, PagingFeatures features) {
        return new PagingState(s.cr0(), s.cr3(), s.cr4(), s.efer(), s.pdptes(), s.pkru(), features);
    }
}
