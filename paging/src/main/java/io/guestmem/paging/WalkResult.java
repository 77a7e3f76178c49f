package io.guestmem.paging;

/**
 * What a walk gave, in one long, so that it allocates nothing:
 *
 * <pre>{@code
 *   63   62        61 .. 58      57 .. 55   54 .. 52   51 .. 0
 *   0    refused   0 X U W       0          level      physical address
 *   1    refused   key, detail   reason     level      address of the entry at fault
 * }</pre>
 *
 * <p>The level of a page is 1 for 4 KiB, 2 for 2 MiB (4 MiB in 32-bit paging), 3 for 1 GiB, 0 without paging. The level of a
 * fault is that of the entry; 3 for a register of PAE paging, whose address is where it was loaded from. Refused: a bit was
 * to be set in an entry that lies in read-only memory.
 */
public final class WalkResult {
    /** An entry is not present, or the memory that it is in is not backed. */
    public static final int NOT_PRESENT = 1;
    /** The access is not permitted. */
    public static final int PRIVILEGE_VIOLATION = 2;
    /** An entry has reserved bits set. */
    public static final int RESERVED_BITS = 3;
    /** The linear address is not one of this mode. Walks do not check that; see {@link WalkPlan#isValid}. */
    public static final int INVALID_GVA = 4;
    /** A table lies where there is no memory. */
    public static final int INVALID_GPA = 5;

    /** The page is not for user mode. */
    public static final int DETAIL_USER = 1;
    /** The page is read-only. */
    public static final int DETAIL_WRITE = 2;
    /** The page is not executable. */
    public static final int DETAIL_EXECUTE = 3;
    /** The supervisor fetches from a user page. */
    public static final int DETAIL_SMEP = 4;
    /** The supervisor reads or writes a user page. */
    public static final int DETAIL_SMAP = 5;
    /** The protection key refuses. */
    public static final int DETAIL_KEY = 6;
    /** The entry's memory is not backed. */
    public static final int DETAIL_UNBACKED = 7;

    private static final int LEVEL_SHIFT = 52;
    private static final int REASON_SHIFT = 55;
    private static final int DETAIL_SHIFT = 58;
    private static final long ADDRESS = (1L << LEVEL_SHIFT) - 1;
    private static final long WRITABLE = 1L << 58;
    private static final long USER = 1L << 59;
    private static final long EXECUTABLE = 1L << 60;
    private static final long KEY_REFUSED = 1L << 61;
    private static final long BITS_REFUSED = 1L << 62;
    private static final long FAULT = 1L << 63;

    private static final int ERROR_PRESENT = 1;
    private static final int ERROR_WRITE = 1 << 1;
    private static final int ERROR_USER = 1 << 2;
    private static final int ERROR_RESERVED = 1 << 3;
    private static final int ERROR_FETCH = 1 << 4;
    private static final int ERROR_KEY = 1 << 5;

    private WalkResult() {}

    static long page(long address, int level, long rights) {
        return (address & ADDRESS)
                | (long) level << LEVEL_SHIFT
                | ((rights & Permissions.WRITABLE) != 0 ? WRITABLE : 0)
                | ((rights & Permissions.USER) != 0 ? USER : 0)
                | ((rights & Permissions.EXECUTABLE) != 0 ? EXECUTABLE : 0);
    }

    static long fault(int reason, int detail, int level, long entryAddress) {
        return FAULT
                | (long) detail << DETAIL_SHIFT
                | (long) reason << REASON_SHIFT
                | (long) level << LEVEL_SHIFT
                | (entryAddress & ADDRESS);
    }

    static long withKeyRefused(long fault) {
        return fault | KEY_REFUSED;
    }

    static long withBitsRefused(long result) {
        return result | BITS_REFUSED;
    }

    /** Whether the walk ended at a page; otherwise it is a fault. */
    public static boolean isPage(long result) {
        return result >= 0;
    }

    /** The physical address, or the address of the entry at fault; 52 bits. */
    public static long address(long result) {
        return result & ADDRESS;
    }

    /** The level of the page, or of the entry at fault. */
    public static int level(long result) {
        return (int) (result >>> LEVEL_SHIFT) & 7;
    }

    /** Whether a bit was to be set in read-only memory. */
    public static boolean bitsRefused(long result) {
        return (result & BITS_REFUSED) != 0;
    }

    /** Of a page: whether all levels grant writing. */
    public static boolean isWritable(long page) {
        return (page & WRITABLE) != 0;
    }

    /** Of a page: whether all levels grant user mode. */
    public static boolean isUser(long page) {
        return (page & USER) != 0;
    }

    /** Of a page: whether no level forbids execution. */
    public static boolean isExecutable(long page) {
        return (page & EXECUTABLE) != 0;
    }

    /** Of a fault: {@link #NOT_PRESENT} to {@link #INVALID_GPA}. */
    public static int reason(long fault) {
        return (int) (fault >>> REASON_SHIFT) & 7;
    }

    /** Of a fault: {@link #DETAIL_USER} to {@link #DETAIL_UNBACKED}, 0 if the reason says all. */
    public static int detail(long fault) {
        return (int) (fault >>> DETAIL_SHIFT) & 7;
    }

    /**
     * The error code that a processor would deliver with the page fault.
     *
     * <p>Source: Linux 7.2 {@code paging_tmpl.h:walk_addr_generic}: P unless not present, and RSVD only with P; F only where
     * execution is a right of its own; the key's bit also when something else is violated, too.
     *
     * @param fault of a walk with the same access
     */
    static int errorCode(long fault, int access, boolean fetchIsReported) {
        int code = ((access & Access.WRITE) != 0 ? ERROR_WRITE : 0)
                | ((access & Access.USER) != 0 ? ERROR_USER : 0)
                | ((access & Access.EXECUTE) != 0 && fetchIsReported ? ERROR_FETCH : 0);
        return switch (reason(fault)) {
            case PRIVILEGE_VIOLATION -> code | ERROR_PRESENT | ((fault & KEY_REFUSED) != 0 ? ERROR_KEY : 0);
            case RESERVED_BITS -> code | ERROR_PRESENT | ERROR_RESERVED;
            default -> code;
        };
    }
}
