package io.guestmem.measure.firmware;

/**
 * A section of TDVF metadata (Intel TDX Virtual Firmware Design Guide, "TDVF metadata").
 *
 * @param index in the table, from 0
 * @param offset of its descriptor in the file
 * @param dataOffset of its contents in the file
 * @param rawSize of its contents
 * @param gpa where it goes, page-aligned
 * @param size of its memory, a multiple of the page size, at least {@code rawSize}
 * @param type see the constants
 * @param attributes {@link #MR_EXTEND}, {@link #PAGE_AUG}
 */
public record TdvfSection(
        int index, long offset, long dataOffset, long rawSize, long gpa, long size, long type, long attributes) {
    /** The boot firmware volume. */
    public static final int BFV = 0;
    /** The configuration firmware volume: UEFI variables. */
    public static final int CFV = 1;
    /** Where the VMM puts the list of hand-off blocks. */
    public static final int TD_HOB = 2;
    /** Memory of the early firmware. */
    public static final int TEMP_MEM = 3;
    /** The last type that td-shim adds; 4 to 8 are PERM_MEM, PAYLOAD, PAYLOAD_PARAM, TD_INFO, TD_PARAMS. */
    public static final int LAST_OF_TD_SHIM = 8;

    /** The contents are measured. */
    public static final long MR_EXTEND = 1;
    /** The pages are not added before the guest runs. */
    public static final long PAGE_AUG = 2;

    private static final String[] NAMES = {
        "BFV", "CFV", "TD_HOB", "TEMP_MEM", "PERM_MEM", "PAYLOAD", "PAYLOAD_PARAM", "TD_INFO", "TD_PARAMS"
    };

    /** Whether its contents are measured. */
    public boolean extended() {
        return (attributes & MR_EXTEND) != 0;
    }

    /** Whether its pages come later. */
    public boolean augmented() {
        return (attributes & PAGE_AUG) != 0;
    }

    /** What people call it: {@code section 0: BFV}. */
    public String what() {
        return "section " + index + ": "
                + (type < NAMES.length ? NAMES[(int) type] : "type 0x" + Long.toHexString(type));
    }
}
