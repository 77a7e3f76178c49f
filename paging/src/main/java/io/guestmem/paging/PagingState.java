package io.guestmem.paging;

/**
 * The registers and features that decide how a processor translates addresses.
 *
 * <p>RFLAGS.AC is not among them: it belongs to the access, see {@link Access#ALIGNMENT_CHECK}.
 *
 * @param cr0 PG and WP count
 * @param cr3 the root; the PCID and the controls of linear-address masking in it do not count
 * @param cr4 PSE, PAE, LA57, SMEP, SMAP, PKE, PKS and CET count
 * @param efer LMA and NXE count
 * @param pdptes the registers of PAE paging; in other modes they do not count
 * @param pkru the rights that protection keys give, two bits for each of 16 keys, on pages for user mode
 * @param pkrs IA32_PKRS: the same for the supervisor's pages
 * @param features what the processor is
 */
public record PagingState(
        long cr0, long cr3, long cr4, long efer, PdpteRegisters pdptes, int pkru, int pkrs, PagingFeatures features) {
    /** A state without keys for the supervisor's pages. */
    public PagingState(
            long cr0, long cr3, long cr4, long efer, PdpteRegisters pdptes, int pkru, PagingFeatures features) {
        this(cr0, cr3, cr4, efer, pdptes, pkru, 0, features);
    }

    /** The paging mode that the registers choose. */
    public PagingMode mode() {
        return PagingMode.of(cr0, cr4, efer);
    }
}
