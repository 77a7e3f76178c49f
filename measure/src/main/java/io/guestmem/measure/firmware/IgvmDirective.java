package io.guestmem.measure.firmware;

import java.lang.foreign.MemorySegment;

/** What an IGVM file tells the loader to do; only what matters to a measurement. */
public sealed interface IgvmDirective {
    /** Where its header stands in the file. */
    long offset();

    /** The platforms that it is for, one bit each. */
    long mask();

    /**
     * {@code IGVM_VHT_PAGE_DATA}.
     *
     * @param gpa page-aligned
     * @param size 4 KiB or 2 MiB
     * @param kind of the page
     * @param unmeasured the flag
     * @param shared the flag: not private memory, so never measured
     * @param contents {@link MemorySegment#NULL} if the file carries none
     */
    record PageData(
            long offset,
            long mask,
            long gpa,
            long size,
            PageKind kind,
            boolean unmeasured,
            boolean shared,
            MemorySegment contents)
            implements IgvmDirective {}

    /** {@code IgvmPageDataType}. */
    enum PageKind {
        /** Plain contents. */
        NORMAL,
        /** The SNP secrets page. */
        SECRETS,
        /** The SNP CPUID page. */
        CPUID_DATA,
        /** The CPUID page with extended state. */
        CPUID_XF
    }

    /**
     * {@code IGVM_VHT_PARAMETER_INSERT}, with the size of its {@code IGVM_VHT_PARAMETER_AREA}: the loader puts parameters there.
     *
     * @param gpa page-aligned
     * @param size bytes, a multiple of the page size
     */
    record Parameters(long offset, long mask, long gpa, long size) implements IgvmDirective {}

    /**
     * {@code IGVM_VHT_VP_CONTEXT} of an AMD platform: a VMSA.
     *
     * @param gpa as the file has it
     * @param vcpu index
     * @param contents a page, zeroes behind the save area
     */
    record VpContext(long offset, long mask, long gpa, int vcpu, MemorySegment contents) implements IgvmDirective {}

    /**
     * {@code IGVM_VHT_SNP_ID_BLOCK}.
     *
     * @param digest the launch digest that it promises, in lower-case hex
     */
    record IdBlock(long offset, long mask, String digest) implements IgvmDirective {}
}
