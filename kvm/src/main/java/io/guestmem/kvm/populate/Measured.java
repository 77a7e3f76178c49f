package io.guestmem.kvm.populate;

/**
 * What a launch measures of a step's pages, where the memory is given to a confidential guest ({@link io.guestmem.kvm.launch}). Other
 * memory does not look at it.
 *
 * <p>For TDX it is the flag of adding pages. The operation of its own that was proposed in its place is
 * {@link io.guestmem.kvm.launch.TdxCommands#extendMemory}.
 */
public enum Measured {
    /** Place and content: NORMAL and ZERO pages of SNP, {@code KVM_TDX_MEASURE_MEMORY_REGION}, all that SEV encrypts. */
    CONTENT,
    /** The place only: UNMEASURED pages of SNP, TDX without the flag. SEV has no such thing. */
    PLACE,
    /** A page that SNP's firmware fills with the guest's secrets; its place is measured. */
    SECRETS,
    /** A table of CPUID functions that SNP's firmware checks; its place is measured. */
    CPUID
}
