package io.guestmem.soft.cpu;

/** The bits of control registers and EFER that something here looks at. Source: Intel SDM volume 3, 2.5; AMD APM volume 2, 3.1. */
final class ControlBits {
    static final long CR0_PE = 1;
    static final long CR0_EM = 1 << 2;
    static final long CR0_TS = 1 << 3;
    static final long CR0_ET = 1 << 4;
    static final long CR0_WP = 1 << 16;
    static final long CR0_NW = 1 << 29;
    static final long CR0_CD = 1 << 30;
    static final long CR0_PG = 1L << 31;

    /** PE, MP, EM, TS, ET, NE, WP, AM, NW, CD, PG: a guest's MOV to CR0 drops all others. */
    static final long CR0_DEFINED = 0b11_1111L | CR0_WP | 1 << 18 | CR0_NW | CR0_CD | CR0_PG;

    static final long CR4_TSD = 1 << 2;
    static final long CR4_PSE = 1 << 4;
    static final long CR4_PAE = 1 << 5;
    static final long CR4_PGE = 1 << 7;
    static final long CR4_UMIP = 1 << 11;
    static final long CR4_LA57 = 1 << 12;
    static final long CR4_VMXE = 1 << 13;
    static final long CR4_FSGSBASE = 1 << 16;
    static final long CR4_PCIDE = 1 << 17;
    static final long CR4_OSXSAVE = 1 << 18;
    static final long CR4_SMEP = 1 << 20;
    static final long CR4_SMAP = 1 << 21;
    static final long CR4_PKE = 1 << 22;
    static final long CR4_CET = 1 << 23;
    static final long CR4_LAM_SUP = 1 << 28;

    static final long CR3_PCID = 0xFFF;
    static final long CR3_NO_FLUSH = 1L << 63;
    static final long CR3_LAM = 3L << 61;

    static final long CR8_DEFINED = 0xF;

    static final long EFER_SCE = 1;
    static final long EFER_LME = 1 << 8;
    static final long EFER_LMA = 1 << 10;
    static final long EFER_NXE = 1 << 11;
    static final long EFER_FFXSR = 1 << 14;

    private ControlBits() {}
}
