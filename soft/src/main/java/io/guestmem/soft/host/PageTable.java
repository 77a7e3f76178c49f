package io.guestmem.soft.host;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import org.jspecify.annotations.Nullable;

/**
 * A host page table of one level, with the tables below it: 512 slots, each with nothing, a leaf, or a table.
 *
 * <pre>{@code
 *   level 4      level 3        level 2        level 1
 *   512 GiB ──>  1 GiB ──────>  2 MiB ──────>  4 KiB        each slot
 *                or leaf        or leaf        leaf
 * }</pre>
 *
 * <p>{@link #lookup} takes no lock; everything else is for holders of the host's lock. So that a lookup finds a page or
 * nothing, but never another page: a leaf that becomes a table is replaced after the table is linked, and the entries of a table
 * that goes are cleared first.
 */
final class PageTable {
    /** Told of each entry that is not 0, by address; may change it. */
    @FunctionalInterface
    interface Visitor {
        /**
         * An entry.
         *
         * @param table where it stands
         * @param index at which slot
         * @param hva the first address that the entry translates
         */
        void entry(PageTable table, int index, long hva, long entry);
    }

    /** The level of a table of a whole address space. */
    static final int ROOT = 4;

    private static final int SLOTS = 512;
    private static final VarHandle ENTRY = MethodHandles.arrayElementVarHandle(long[].class);
    private static final VarHandle CHILD = MethodHandles.arrayElementVarHandle(PageTable[].class);
    private static final @Nullable PageTable[] NO_CHILDREN = {};

    private final int level;
    private final int shift;
    private final long[] entries = new long[SLOTS];
    private final @Nullable PageTable[] children;

    PageTable(int level) {
        this.level = level;
        shift = Level.shift(level);
        children = level == Level.SMALL ? NO_CHILDREN : new PageTable[SLOTS];
    }

    /** The entry of an address below 2^48; 0 if there is nothing. */
    long lookup(long hva) {
        PageTable table = this;
        while (true) {
            int index = table.index(hva);
            long entry = (long) ENTRY.getAcquire(table.entries, index);
            if (entry != 0 || table.level == Level.SMALL) {
                return entry;
            }
            PageTable child = (PageTable) CHILD.getAcquire(table.children, index);
            if (child == null) {
                return 0;
            }
            table = child;
        }
    }

    /** The first address behind the leaf, or behind the empty slot, that an address is in. */
    long endOfSlot(long hva) {
        PageTable table = this;
        while (true) {
            int index = table.index(hva);
            PageTable child = table.level == Level.SMALL ? null : table.children[index];
            if (table.entries[index] != 0 || child == null) {
                return Level.down(hva, table.level) + Level.bytes(table.level);
            }
            table = child;
        }
    }

    /** Changes an entry; a leaf takes the place of nothing, of a leaf, or of a table without entries. */
    void set(long hva, int entryLevel, long entry) {
        PageTable table = this;
        while (table.level > entryLevel) {
            int index = table.index(hva);
            PageTable child = table.children[index];
            if (child == null) {
                child = new PageTable(table.level - 1);
                CHILD.setRelease(table.children, index, child);
            }
            table = child;
        }
        int index = table.index(hva);
        table.set(index, entry);
        if (table.level > Level.SMALL) {
            CHILD.setRelease(table.children, index, null);
        }
    }

    /** Changes an entry of this table. */
    void set(int index, long entry) {
        ENTRY.setRelease(entries, index, entry);
    }

    /** Replaces the leaf of a 2 MiB page by a table of leaves. */
    void split(int index) {
        PageTable table = new PageTable(level - 1);
        for (int i = 0; i < SLOTS; i++) {
            table.entries[i] = Entry.small(entries[index], i);
        }
        CHILD.setRelease(children, index, table);
        set(index, 0);
    }

    /** Whether a slot of a level has a table. */
    boolean hasTable(long hva, int slotLevel) {
        PageTable table = this;
        while (table.level > slotLevel) {
            PageTable child = table.children[table.index(hva)];
            if (child == null) {
                return false;
            }
            table = child;
        }
        return table.children[table.index(hva)] != null;
    }

    /** Whether a slot of a level has a table or a page. */
    boolean isUsed(long hva, int slotLevel) {
        return Entry.hasFrame(lookup(hva)) || hasTable(hva, slotLevel);
    }

    /** Visits the entries of all pages that intersect a range. */
    void visit(long start, long end, Visitor visitor) {
        visit(0, start, end, visitor);
    }

    private void visit(long base, long start, long end, Visitor visitor) {
        int last = lastSlot(base, end);
        for (int i = firstSlot(base, start); i <= last; i++) {
            long hva = base + ((long) i << shift);
            long entry = entries[i];
            if (entry != 0) {
                visitor.entry(this, i, hva, entry);
            } else if (level > Level.SMALL) {
                PageTable child = children[i];
                if (child != null) {
                    child.visit(hva, start, end, visitor);
                }
            }
        }
    }

    /** Removes the tables that are wholly inside a range; they have no entries. */
    void prune(long start, long end) {
        prune(0, start, end);
    }

    private void prune(long base, long start, long end) {
        int last = lastSlot(base, end);
        for (int i = firstSlot(base, start); i <= last; i++) {
            PageTable child = children[i];
            long hva = base + ((long) i << shift);
            if (child == null) {
                continue;
            }
            if (hva >= start && hva + (1L << shift) <= end) {
                CHILD.setRelease(children, i, null);
            } else if (level > Level.HUGE) {
                child.prune(hva, start, end);
            }
        }
    }

    private int firstSlot(long base, long start) {
        return (int) ((Math.max(start, base) - base) >>> shift);
    }

    private int lastSlot(long base, long end) {
        return (int) ((Math.min(end, base + ((long) SLOTS << shift)) - 1 - base) >>> shift);
    }

    private int index(long hva) {
        return (int) (hva >>> shift) & SLOTS - 1;
    }
}
