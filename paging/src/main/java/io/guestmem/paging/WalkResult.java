package io.guestmem.paging;

/**
 * What a walk gave, in one long, so that it allocates nothing:
 *
 * <pre>{@code
 *   63   62        61 .. 58      57 .. 55   54 .. 52   51 .. 2            1        0
 *   0    refused   0 X U W       0          level      physical address ...
 *   1    refused   key, detail   reason     level      entry at fault     detail   stage
 * }</pre>
 *
 * <p>The level of a page is 1 for 4 KiB, 2 for 2 MiB (4 MiB in 32-bit paging), 3 for 1 GiB, 0 without paging. The level of a
 * fault is that of the entry; 3 for a register of PAE paging, whose address is where it was loaded from. Refused: a bit was
 * to be set in an entry that lies in read-only memory.
 */
public final class WalkResult {
    /** An entry is not present. */
    public static final int NOT_PRESENT = 1;
    /** The access is not permitted. */
    public static final int PRIVILEGE_VIOLATION = 2;
    /** An entry has reserved bits set. */
    public static final int RESERVED_BITS = 3;
    /** The linear address is not one of this mode. Walks do not check that; see {@link WalkPlan#isValid}. */
    public static final int INVALID_GVA = 4;
    /** A table lies where no memory can be read. */
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
    /** The entry's memory was left out of the dump. */
    public static final int DETAIL_EXCLUDED = 8;
    /** The page is no shadow stack, or not one of this mode. */
    public static final int DETAIL_SHADOW_STACK = 9;
    /** The page is not readable; only extended page tables have that. */
    public static final int DETAIL_READ = 10;
    /** Of extended page tables: writable and not readable. */
    public static final int DETAIL_WRITE_ONLY = 11;
    /** Of extended page tables: executable and not readable, on a processor without execute-only pages. */
    public static final int DETAIL_EXECUTE_ONLY = 12;
    /** Of extended page tables: a memory type that does not exist. */
    public static final int DETAIL_MEMORY_TYPE = 13;

    private static final int LEVEL_SHIFT = 52;
    private static final int REASON_SHIFT = 55;
    private static final int DETAIL_SHIFT = 58;
    private static final long ADDRESS = (1L << LEVEL_SHIFT) - 1;
    private static final long SECOND_STAGE = 1;
    private static final int FOURTH_DETAIL_BIT = 8;
    private static final int FOURTH_DETAIL_SHIFT = 2;
    /** Bits of a fault's address field that are not address: entries are aligned to four bytes at least. */
    private static final int BESIDES_ADDRESS = 3;

    static final int RIGHTS_SHIFT = 57;
    static final int EXECUTABLE_BIT = 60;
    private static final int EXECUTABLE_SHIFT = 3;
    private static final long WRITABLE = 1L << 58;
    private static final long USER = 1L << 59;
    private static final long EXECUTABLE = 1L << EXECUTABLE_BIT;
    private static final long KEY_REFUSED = 1L << 61;
    private static final long BITS_REFUSED = 1L << 62;
    private static final long FAULT = 1L << 63;

    private static final int ERROR_PRESENT = 1;
    private static final int ERROR_WRITE = 1 << 1;
    private static final int ERROR_USER = 1 << 2;
    private static final int ERROR_RESERVED = 1 << 3;
    private static final int ERROR_FETCH = 1 << 4;
    private static final int ERROR_KEY = 1 << 5;
    private static final int ERROR_SHADOW_STACK = 1 << 6;

    private WalkResult() {}

    static long page(long address, int level, long rights) {
        return (address & ADDRESS)
                | (long) level << LEVEL_SHIFT
                | ((rights & (Permissions.WRITABLE | Permissions.USER)) << RIGHTS_SHIFT)
                | ((rights & Permissions.EXECUTABLE) >>> EXECUTABLE_SHIFT);
    }

    /** The rights in a page: what {@code all} of the entries grant, and {@code any} of them does not forbid. */
    static long rights(long all, long any) {
        return (all & (Permissions.WRITABLE | Permissions.USER)) << RIGHTS_SHIFT | (~any >>> 63) << EXECUTABLE_BIT;
    }

    static long fault(int reason, int detail, int level, long entryAddress) {
        return FAULT
                | (long) (detail & 7) << DETAIL_SHIFT
                | (detail & FOURTH_DETAIL_BIT) >>> FOURTH_DETAIL_SHIFT
                | (long) reason << REASON_SHIFT
                | (long) level << LEVEL_SHIFT
                | (entryAddress & ADDRESS & ~BESIDES_ADDRESS);
    }

    /** Why an entry could not be read. */
    static int unreadable(PhysicalMemory.Presence presence) {
        return switch (presence) {
            case UNBACKED -> DETAIL_UNBACKED;
            case EXCLUDED -> DETAIL_EXCLUDED;
            case NONE, READ_ONLY, WRITABLE -> 0;
        };
    }

    static long inSecondStage(long fault) {
        return fault | SECOND_STAGE;
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
        return result & ADDRESS & ~((result >> 63) & BESIDES_ADDRESS);
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

    /** Of a fault: {@link #DETAIL_USER} to {@link #DETAIL_MEMORY_TYPE}, 0 if the reason says all. */
    public static int detail(long fault) {
        return ((int) (fault >>> DETAIL_SHIFT) & 7) | (((int) fault << FOURTH_DETAIL_SHIFT) & FOURTH_DETAIL_BIT);
    }

    /** Of a fault: 1, or 2 if it is one of the tables that translate the guest's physical addresses. */
    public static int stage(long fault) {
        return 1 + (int) (fault & SECOND_STAGE);
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
                | ((access & Access.EXECUTE) != 0 && fetchIsReported ? ERROR_FETCH : 0)
                | ((access & Access.SHADOW_STACK) != 0 ? ERROR_SHADOW_STACK : 0);
        return switch (reason(fault)) {
            case PRIVILEGE_VIOLATION -> code | ERROR_PRESENT | ((fault & KEY_REFUSED) != 0 ? ERROR_KEY : 0);
            case RESERVED_BITS -> code | ERROR_PRESENT | ERROR_RESERVED;
            default -> code;
        };
    }
}
