package io.guestmem.image;

/**
 * The registers of a processor that an image carries, as far as translation asks for them.
 *
 * @param cpu its number, from 0
 * @param source where in the image they are, in words
 * @param cr0 as the register
 * @param cr3 as the register
 * @param cr4 as the register
 * @param efer as the register; worked out where the image does not have it, then {@code eferIsKnown} is false
 * @param eferIsKnown whether the image has EFER
 * @param longCode EFER.LMA and CS.L: 64-bit code
 * @param alignmentCheck RFLAGS.AC
 */
public record CpuState(
        int cpu,
        String source,
        long cr0,
        long cr3,
        long cr4,
        long efer,
        boolean eferIsKnown,
        boolean longCode,
        boolean alignmentCheck) {
    static final long CR0_PG = 1L << 31;
    static final long CR4_PAE = 1L << 5;
    static final long EFER_LME = 1L << 8;
    static final long EFER_LMA = 1L << 10;
    static final long EFER_NXE = 1L << 11;
}
