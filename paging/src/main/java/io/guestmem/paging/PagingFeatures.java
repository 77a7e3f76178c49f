package io.guestmem.paging;

/**
 * What of a processor, beside its registers, decides how it reads page tables.
 *
 * @param maxPhysicalAddressBits MAXPHYADDR, in bits, from CPUID 0x80000008: address bits from here on are reserved. KVM takes
 *     what the guest's CPUID says, 36 if it says nothing; processors have 32 to 52
 * @param amdCompatible the vendor is AMD or Hygon: bit 8 of PML4 and PML5 entries is reserved
 * @param gigabytePages a PDPT entry can map 1 GiB; otherwise its bit 7 is reserved
 * @param pse36Bits how many address bits above 31 a page of 4 MiB has in 32-bit paging: 0 without PSE-36, {@link #KVM_PSE36_BITS},
 *     or {@link #processorPse36Bits}
 */
public record PagingFeatures(int maxPhysicalAddressBits, boolean amdCompatible, boolean gigabytePages, int pse36Bits) {
    /** The address bits above 31 that KVM gives pages of 4 MiB. Source: Linux 7.2 {@code mmu.c:reset_guest_rsvds_bits_mask}. */
    public static final int KVM_PSE36_BITS = 4;

    private static final int MOST_PSE36_BITS = 8;

    /** Checks the ranges. */
    public PagingFeatures {
        if (maxPhysicalAddressBits < 0 || maxPhysicalAddressBits > 255) {
            throw new IllegalArgumentException("not a number of address bits: " + maxPhysicalAddressBits);
        }
        if (pse36Bits < 0 || pse36Bits > MOST_PSE36_BITS) {
            throw new IllegalArgumentException("a page of 4 MiB has 0 to 8 high address bits, not " + pse36Bits);
        }
    }

    /** The address bits above 31 that a processor gives pages of 4 MiB: up to 40 in all. Source: Intel SDM volume 3, 5.3. */
    public static int processorPse36Bits(int maxPhysicalAddressBits) {
        return Math.clamp(maxPhysicalAddressBits - 32, 0, MOST_PSE36_BITS);
    }
}
