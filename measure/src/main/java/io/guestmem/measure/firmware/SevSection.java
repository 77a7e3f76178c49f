package io.guestmem.measure.firmware;

/**
 * A section of SEV metadata: memory that the VMM prepares for the firmware.
 *
 * @param index in the table, from 0
 * @param offset of its descriptor in the file
 * @param gpa where
 * @param size bytes
 * @param type see the constants
 */
public record SevSection(int index, long offset, long gpa, long size, long type) {
    /** Memory of the early firmware. */
    public static final int SEC_MEM = 1;
    /** The secrets page. */
    public static final int SECRETS = 2;
    /** The CPUID page. */
    public static final int CPUID = 3;
    /** The calling area of an SVSM. */
    public static final int SVSM_CAA = 4;
    /** The table of kernel hashes. */
    public static final int KERNEL_HASHES = 0x10;

    /** What people call it: {@code section 3: CPUID}. */
    public String what() {
        String name = switch ((int) type) {
            case SEC_MEM -> "SEC_MEM";
            case SECRETS -> "SECRETS";
            case CPUID -> "CPUID";
            case SVSM_CAA -> "SVSM_CAA";
            case KERNEL_HASHES -> "KERNEL_HASHES";
            default -> "type 0x" + Long.toHexString(type);
        };
        return "section " + index + ": " + name;
    }
}
