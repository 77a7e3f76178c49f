package io.guestmem.soft.cpu;

import java.util.Map;
import java.util.TreeMap;

/**
 * The MSRs that small VMMs and small guests use. All others do not exist: a guest gets #GP, and a list ends there.
 *
 * <p>Source: Linux 7.2 {@code msrs.c:kvm_set_msr_common}, {@code kvm_get_msr_common}; Intel SDM volume 4.
 */
final class ModelSpecificRegisters {
    static final int TSC = 0x10;
    static final int APIC_BASE = 0x1B;
    static final int EFER = 0xC000_0080;
    static final int STAR = 0xC000_0081;
    static final int LSTAR = 0xC000_0082;
    static final int CSTAR = 0xC000_0083;
    static final int SYSCALL_MASK = 0xC000_0084;
    static final int FS_BASE = 0xC000_0100;
    static final int GS_BASE = 0xC000_0101;
    static final int KERNEL_GS_BASE = 0xC000_0102;

    private static final int UCODE_REVISION = 0x8B;
    private static final int MTRR_CAPABILITIES = 0xFE;
    private static final int SYSENTER_CS = 0x174;
    private static final int SYSENTER_ESP = 0x175;
    private static final int SYSENTER_EIP = 0x176;
    private static final int MCG_CAPABILITIES = 0x179;
    private static final int MISC_ENABLE = 0x1A0;
    private static final int MTRR_FIRST_VARIABLE = 0x200;
    private static final int MTRR_VARIABLES = 16;
    private static final int PAT = 0x277;
    private static final int MTRR_DEFAULT_TYPE = 0x2FF;
    private static final int TSC_AUX = 0xC000_0103;
    private static final int[] MTRR_FIXED = {0x250, 0x258, 0x259, 0x268, 0x269, 0x26A, 0x26B, 0x26C, 0x26D, 0x26E, 0x26F
    };

    /** Eight variable ranges, fixed ranges, write-combining. */
    private static final long MTRR_CAPABILITIES_VALUE = 8 | 1 << 8 | 1 << 10;

    private static final long PAT_RESET = 0x0007_0406_0007_0406L;
    private static final long MISC_ENABLE_RESET = 1;

    private final SystemRegisters system;
    private final Map<Integer, Long> plain = new TreeMap<>();
    private SregsRules rules;
    private long tscOffset;

    ModelSpecificRegisters(SystemRegisters system, SregsRules rules) {
        this.system = system;
        this.rules = rules;
        for (int index : new int[] {
            STAR,
            LSTAR,
            CSTAR,
            SYSCALL_MASK,
            KERNEL_GS_BASE,
            TSC_AUX,
            SYSENTER_CS,
            SYSENTER_ESP,
            SYSENTER_EIP,
            UCODE_REVISION,
            MCG_CAPABILITIES,
            MTRR_DEFAULT_TYPE
        }) {
            plain.put(index, 0L);
        }
        for (int index : MTRR_FIXED) {
            plain.put(index, 0L);
        }
        for (int i = 0; i < MTRR_VARIABLES; i++) {
            plain.put(MTRR_FIRST_VARIABLE + i, 0L);
        }
        plain.put(PAT, PAT_RESET);
        plain.put(MISC_ENABLE, MISC_ENABLE_RESET);
        plain.put(MTRR_CAPABILITIES, MTRR_CAPABILITIES_VALUE);
    }

    void setRules(SregsRules newRules) {
        rules = newRules;
    }

    /** Whether an MSR of this number exists. */
    boolean exists(int index) {
        return switch (index) {
            case TSC, APIC_BASE, EFER, FS_BASE, GS_BASE -> true;
            default -> plain.containsKey(index);
        };
    }

    /**
     * Reads an MSR that exists.
     *
     * @param ticks the time stamp counter without the guest's offset
     */
    long read(int index, long ticks) {
        return switch (index) {
            case TSC -> ticks + tscOffset;
            case APIC_BASE -> system.apicBase;
            case EFER -> system.efer;
            case FS_BASE -> system.segments[SegmentRegister.FS].base();
            case GS_BASE -> system.segments[SegmentRegister.GS].base();
            default -> plain.getOrDefault(index, 0L);
        };
    }

    /**
     * Writes an MSR that exists.
     *
     * @param host whether the user writes; the guest may do less
     * @return whether the value is allowed; otherwise nothing changed
     */
    boolean write(int index, long value, long ticks, boolean host) {
        switch (index) {
            case TSC -> tscOffset = value - ticks;
            case APIC_BASE -> {
                if (!rules.acceptsApicBase(value, system.apicBase)) {
                    return false;
                }
                system.apicBase = value;
            }
            case EFER -> {
                return writeEfer(value, host);
            }
            case FS_BASE -> setBase(SegmentRegister.FS, value);
            case GS_BASE -> setBase(SegmentRegister.GS, value);
            case MTRR_CAPABILITIES, UCODE_REVISION, MCG_CAPABILITIES -> {
                if (!host) {
                    return false;
                }
                plain.put(index, value);
            }
            default -> plain.put(index, value);
        }
        return true;
    }

    private void setBase(int segment, long value) {
        system.segments[segment] = system.segments[segment].withBase(value);
    }

    /** LMA keeps its value, and with paging on the guest cannot change LME. Source: Linux 7.2 {@code msrs.c:set_efer}. */
    private boolean writeEfer(long value, boolean host) {
        boolean paging = (system.cr0 & ControlBits.CR0_PG) != 0;
        boolean changesMode = ((value ^ system.efer) & ControlBits.EFER_LME) != 0;
        if (!rules.acceptsEfer(value) || (!host && paging && changesMode)) {
            return false;
        }
        system.efer = (value & ~ControlBits.EFER_LMA) | (system.efer & ControlBits.EFER_LMA);
        return true;
    }
}
