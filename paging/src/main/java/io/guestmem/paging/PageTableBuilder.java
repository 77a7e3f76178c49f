package io.guestmem.paging;

/**
 * Builds page tables of any mode in physical memory: tables come from a range of their own, as they are needed.
 *
 * <pre>{@code
 *   PageTableBuilder tables = new PageTableBuilder(memory, PagingMode.LEVEL_4, 0x1000, 16);
 *   tables.map(0x7000_0000, 0x20_0000, 1, PageTableBuilder.PRESENT | PageTableBuilder.WRITABLE);
 *   long cr3 = tables.root();
 * }</pre>
 *
 * <p>Not thread-safe.
 */
public final class PageTableBuilder {
    /** P. */
    public static final long PRESENT = 1;
    /** R/W. */
    public static final long WRITABLE = 1 << 1;
    /** U/S. */
    public static final long USER = 1 << 2;
    /** A: the entry was used. */
    public static final long ACCESSED = 1 << 5;
    /** D: the page was written. */
    public static final long DIRTY = 1 << 6;
    /** PS: the entry maps a large page. {@link #map} sets it. */
    public static final long LARGE = 1 << 7;
    /** XD, or NX. */
    public static final long NO_EXECUTE = 1L << 63;

    private static final long PAGE = 4096;
    private static final int PDPTE_LEVEL = 3;
    private static final long ADDRESS = 0x000F_FFFF_FFFF_F000L;

    private final PhysicalMemory memory;
    private final PagingMode mode;
    private final long root;
    private final long end;
    private long next;

    /**
     * Starts with an empty root.
     *
     * @param memory zeroed where the tables go
     * @param mode one with tables
     * @param tables the physical address of the first table, a multiple of 4096; it is the root
     * @param most how many tables there may be
     */
    public PageTableBuilder(PhysicalMemory memory, PagingMode mode, long tables, int most) {
        if (mode == PagingMode.NONE || tables % PAGE != 0 || most < 1) {
            throw new IllegalArgumentException(
                    "no room for tables of mode " + mode + ": " + most + " at 0x" + Long.toHexString(tables));
        }
        this.memory = memory;
        this.mode = mode;
        this.root = tables;
        this.next = tables + PAGE;
        this.end = tables + most * PAGE;
    }

    /** The physical address of the root: for CR3. */
    public long root() {
        return root;
    }

    /**
     * Maps one page; tables on the way that are missing are made, present, writable and for user mode.
     *
     * @param linear any address in the page
     * @param physical of the page
     * @param level 1 for 4 KiB, 2 for 2 MiB (4 MiB in 32-bit paging), 3 for 1 GiB
     * @param flags of the leaf entry, without the address
     * @return this
     */
    public PageTableBuilder map(long linear, long physical, int level, long flags) {
        makeTables(linear, level);
        return set(linear, level, encode(physical, level) | flags | (level > 1 ? LARGE : 0));
    }

    /**
     * Makes the tables above an entry, so that it can be {@link #set}.
     *
     * @return this
     */
    public PageTableBuilder makeTables(long linear, int level) {
        for (int above = top(); above > level; above--) {
            if ((get(linear, above) & PRESENT) == 0) {
                boolean register = mode == PagingMode.PAE && above == PDPTE_LEVEL;
                set(linear, above, newTable() | PRESENT | (register ? 0 : WRITABLE | USER));
            }
        }
        return this;
    }

    /** The entry of a level for an address. The tables above it must be there. */
    public long get(long linear, int level) {
        return read(entryAddress(linear, level));
    }

    /**
     * Overwrites an entry. The tables above it must be there.
     *
     * @return this
     */
    public PageTableBuilder set(long linear, int level, long entry) {
        long at = entryAddress(linear, level);
        long before;
        do {
            before = read(at);
        } while (!replace(at, before, entry));
        return this;
    }

    /**
     * Where the entry of a level for an address is. The tables above it must be there.
     *
     * @param level 1 is the lowest; 3 in PAE paging is one of the four that become registers
     */
    public long entryAddress(long linear, int level) {
        if (level < 1 || level > top()) {
            throw new IllegalArgumentException("no level " + level + " in " + mode);
        }
        long table = root;
        for (int above = top(); above > level; above--) {
            long entry = read(table + index(linear, above) * mode.entrySize());
            if ((entry & PRESENT) == 0) {
                throw new IllegalStateException("no table at level " + above + " for 0x" + Long.toHexString(linear));
            }
            table = entry & ADDRESS;
        }
        return table + index(linear, level) * mode.entrySize();
    }

    private int top() {
        return mode == PagingMode.PAE ? PDPTE_LEVEL : mode.levels();
    }

    private long index(long linear, int level) {
        int index = mode.index(linear, level);
        return mode == PagingMode.PAE && level == PDPTE_LEVEL ? index & 3 : index;
    }

    private long newTable() {
        if (next == end) {
            throw new IllegalStateException("no room for another table");
        }
        long table = next;
        next += PAGE;
        return table;
    }

    /** A page's address as an entry has it: pages of 4 MiB keep their high bits at bit 13. */
    private long encode(long physical, int level) {
        return mode == PagingMode.BITS_32 && level == 2 ? (physical & 0xFFC0_0000L) | physical >>> 32 << 13 : physical;
    }

    private long read(long at) {
        return mode == PagingMode.BITS_32 ? Integer.toUnsignedLong(memory.read32(at)) : memory.read64(at);
    }

    private boolean replace(long at, long before, long after) {
        return mode == PagingMode.BITS_32
                ? memory.compareAndSet32(at, (int) before, (int) after)
                : memory.compareAndSet64(at, before, after);
    }
}
