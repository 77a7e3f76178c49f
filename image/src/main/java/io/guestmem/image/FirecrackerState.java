package io.guestmem.image;

import java.util.ArrayList;
import java.util.List;

/**
 * The state file of a Firecracker snapshot, of any version: it is not decoded, but {@code struct kvm_sregs} lies in it verbatim for
 * each vCPU, and is found by what must be true of it.
 *
 * <pre>{@code
 *   u64 magic 0x0710_1984_8664_0000                                      at offset 0, or 1 in newer versions
 *   kvm_sregs, 312 bytes: cs ds es fs gs ss tr ldt of 24 bytes           u64 base; u32 limit; u16 selector; u8 type, present, dpl,
 *                                                                        db, s, l, g, avl, unusable, padding
 *      @192 gdt, idt of 16 bytes                                         u64 base; u16 limit; 6 padding
 *      @224 u64 cr0, cr2, cr3, cr4, cr8, efer, apic_base; @280 interrupt_bitmap
 * }</pre>
 */
final class FirecrackerState {
    private static final long MAGIC = 0x0710_1984_8664_0000L;
    private static final int SREGS = 312;
    private static final int SEGMENTS = 8;
    private static final int SEGMENT = 24;
    private static final int SEGMENT_TYPE = 14;
    private static final int SEGMENT_L = 19;
    private static final int SEGMENT_PADDING = 23;
    private static final int TABLES = 192;
    private static final int TABLE = 16;
    private static final int TABLE_PADDING = 10;
    private static final int CR0 = 224;
    private static final int CR3 = 240;
    private static final int CR4 = 248;
    private static final int CR8 = 256;
    private static final int EFER = 264;
    private static final int APIC_BASE = 272;

    private static final long CR0_PE_ET = 0x11;
    private static final long CR0_PE = 1;
    private static final long CR0_DEFINED = 0xE005_003FL;
    /** Up to FRED (bit 32), LAM_SUP and the like; 31 to 29 and 26, 19, 15 are no bits of CR4. */
    private static final long CR4_DEFINED = 0x1_1BF7_7FFFL;
    /** SCE, LME, LMA, NXE, SVME, LMSLE, FFXSR, TCE, MCOMMIT, INTWB, UAIE, AIBRSE. */
    private static final long EFER_DEFINED = 0x26_FD01L;

    private static final long APIC_BASE_ADDRESS = 0xFEE0_0000L;
    private static final long APIC_FLAGS = 0xD00;
    private static final long CR3_ADDRESS = 0x000F_FFFF_FFFF_F000L;
    /** State files have some megabytes at most. */
    private static final long MOST_BYTES = 64L << 20;

    private FirecrackerState() {}

    static boolean isOne(ImageBytes bytes) throws ImageException {
        return bytes.size() > SREGS
                && (bytes.i64(0, "the magic number") == MAGIC || bytes.i64(1, "the magic number") == MAGIC);
    }

    /** The processors in a state file, in its order. */
    static List<CpuState> cpus(ImageBytes state) throws ImageException {
        if (!isOne(state)) {
            throw new ImageException(0, "no state file of a Firecracker snapshot on x86");
        }
        if (state.size() > MOST_BYTES) {
            throw new ImageException(0, "a state file of " + state.size() + " bytes");
        }
        List<CpuState> cpus = new ArrayList<>();
        long at = 0;
        while (at + SREGS <= state.size()) {
            if (isSregs(state, at)) {
                cpus.add(cpu(state, at, cpus.size()));
                at += SREGS;
            } else {
                at++;
            }
        }
        if (cpus.isEmpty()) {
            throw new ImageException(0, "no registers found in the state file");
        }
        return cpus;
    }

    /** The rare tests come first: most places fail at the APIC's. */
    private static boolean isSregs(ImageBytes state, long at) throws ImageException {
        long apic = state.i64(at + APIC_BASE, "a register");
        if ((apic & ~APIC_FLAGS) != APIC_BASE_ADDRESS) {
            return false;
        }
        long cr0 = state.i64(at + CR0, "a register");
        long cr4 = state.i64(at + CR4, "a register");
        long efer = state.i64(at + EFER, "a register");
        boolean paging = (cr0 & CpuState.CR0_PG) != 0;
        boolean longMode = paging && (efer & CpuState.EFER_LME) != 0;
        return (cr0 & ~CR0_DEFINED) == 0
                && (cr0 & CR0_PE_ET & ~CR0_PE) != 0
                && (!paging || (cr0 & CR0_PE) != 0)
                && (cr4 & ~CR4_DEFINED) == 0
                && (efer & ~EFER_DEFINED) == 0
                && longMode == ((efer & CpuState.EFER_LMA) != 0)
                && state.i64(at + CR8, "a register") >>> 4 == 0
                && areSegments(state, at)
                && areTables(state, at + TABLES);
    }

    private static boolean areSegments(ImageBytes state, long at) throws ImageException {
        for (int i = 0; i < SEGMENTS; i++) {
            byte[] segment = state.array(at + (long) i * SEGMENT, SEGMENT, "a segment");
            boolean flags = true;
            for (int flag = SEGMENT_TYPE + 3; flag < SEGMENT_PADDING; flag++) {
                flags &= segment[flag] == 0 || segment[flag] == 1;
            }
            boolean present = segment[SEGMENT_TYPE + 1] == 0 || segment[SEGMENT_TYPE + 1] == 1;
            boolean type = (segment[SEGMENT_TYPE] & ~0xF) == 0 && (segment[SEGMENT_TYPE + 2] & ~3) == 0;
            if (!flags || !present || !type || segment[SEGMENT_PADDING] != 0) {
                return false;
            }
        }
        return true;
    }

    private static boolean areTables(ImageBytes state, long at) throws ImageException {
        for (int i = 0; i < 2; i++) {
            byte[] table = state.array(at + (long) i * TABLE, TABLE, "a table");
            for (int pad = TABLE_PADDING; pad < TABLE; pad++) {
                if (table[pad] != 0) {
                    return false;
                }
            }
        }
        return true;
    }

    private static CpuState cpu(ImageBytes state, long at, int number) throws ImageException {
        long efer = state.i64(at + EFER, "EFER");
        boolean longSegment = state.array(at + SEGMENT_L, 1, "CS")[0] == 1;
        return new CpuState(
                number,
                "kvm_sregs of vCPU " + number + " at offset 0x" + Long.toHexString(at) + " of the state file",
                state.i64(at + CR0, "CR0"),
                state.i64(at + CR3, "CR3"),
                state.i64(at + CR4, "CR4"),
                efer,
                true,
                (efer & CpuState.EFER_LMA) != 0 && longSegment,
                false);
    }

    /** The page that a CR3 points to. */
    static long root(long cr3) {
        return cr3 & CR3_ADDRESS;
    }
}
