package io.guestmem.paging;

/**
 * Goes down through the tables of a second stage and tells a visitor what they map of a part of the guest's physical memory,
 * ascending. For one thread.
 *
 * <p>Entries are read one by one: most parts are small, and of most tables few entries are wanted.
 */
final class StageScan {
    private static final int PDPTE_LEVEL = 3;
    private static final long GIBIBYTE = 1L << 30;

    private final SecondStage stage;
    private final WalkPlan plan;
    private final PagingMode mode;
    private final EntryFormat format;
    private final PhysicalMemory memory;
    private final MappingVisitor visitor;
    private final TableSet met = new TableSet();

    private long entriesLeft;
    private long pages;
    private long tables;
    private long repeated;
    private long reserved;
    private long unreadable;
    private long stoppedAt = -1;

    /**
     * A scan.
     *
     * @param visitor is told flags with {@link MappingVisitor#READABLE} and {@link MappingVisitor#USER_EXECUTABLE}; accessed and dirty
     *     are those of the leaves
     * @param mostEntries that are read in all
     */
    StageScan(SecondStage stage, MappingVisitor visitor, long mostEntries) {
        this.stage = stage;
        this.plan = stage.plan();
        this.mode = plan.mode();
        this.format = plan.format();
        this.memory = stage.memory();
        this.visitor = visitor;
        this.entriesLeft = mostEntries;
        if (mode == PagingMode.NONE) {
            throw new IllegalArgumentException("nothing to enumerate without page tables");
        }
    }

    /** What was met in all ranges; the runs are not counted. */
    MappingTotals result() {
        return new MappingTotals(pages, 0, tables, repeated, reserved, unreadable, stoppedAt);
    }

    boolean isStopped() {
        return stoppedAt != -1;
    }

    /**
     * A part; nothing any more after the limit was met.
     *
     * @param last the last byte, not below {@code first}
     */
    void range(long first, long last) {
        if (first >>> stage.addressBits() != 0) {
            return;
        }
        long end = Math.min(last, (1L << stage.addressBits()) - 1);
        if (mode != PagingMode.PAE) {
            table(plan.root(), mode.levels(), 0, first, end, -1);
            return;
        }
        for (long base = 0; base < 4 * GIBIBYTE; base += GIBIBYTE) {
            if (base <= end && base + GIBIBYTE > first) {
                register(base, first, end);
            }
        }
    }

    /** Nested paging reads what is a register elsewhere; see {@link WalkPlan#nested}. */
    private void register(long base, long first, long last) {
        long at = plan.pdpteAddress(base);
        if (!memory.presence(at).isReadable()) {
            unreadable++;
            return;
        }
        long pdpte = memory.read64(at);
        if (!PdpteRegisters.isValid(pdpte, plan.state().features().maxPhysicalAddressBits())) {
            reserved++;
        } else if (format.isPresent(pdpte)) {
            table(plan.table(pdpte), PDPTE_LEVEL - 1, base, first, last, -1);
        }
    }

    private void table(long table, int level, long base, long first, long last, long above) {
        if (!memory.presence(table).isReadable()) {
            unreadable++;
            return;
        }
        tables++;
        repeated += met.add(table) ? 0 : 1;
        long size = 1L << mode.shift(level);
        long from = Math.max(base, first & -size);
        long to = Math.min(last, base + (size * entries()) - 1);
        for (long at = from; at <= to && !isStopped(); at += size) {
            if (entriesLeft-- <= 0) {
                stoppedAt = Math.max(at, first);
                return;
            }
            entry(read(plan.entryAddress(table, at, level)), level, at, first, last, above);
        }
    }

    private int entries() {
        return 4096 / mode.entrySize();
    }

    private long read(long at) {
        return mode == PagingMode.BITS_32 ? Integer.toUnsignedLong(memory.read32(at)) : memory.read64(at);
    }

    private void entry(long entry, int level, long base, long first, long last, long above) {
        if (!format.isPresent(entry)) {
            return;
        }
        if (format.reservedBits(entry, level) != 0) {
            reserved++;
            return;
        }
        long rights = above & format.rights(entry);
        if (!format.isLeaf(entry, level)) {
            table(plan.table(entry), level - 1, base, first, last, rights);
            return;
        }
        pages++;
        long size = 1L << mode.shift(level);
        long from = Math.max(base, first);
        long to = Math.min(base + size - 1, last);
        visitor.run(from, plan.page(entry, level) + (from - base), to - from + 1, size, flags(entry, rights));
    }

    private int flags(long leaf, long rights) {
        return (stage.permits(Access.READ, rights) ? MappingVisitor.READABLE : 0)
                | (stage.permits(Access.WRITE, rights) ? MappingVisitor.WRITABLE : 0)
                | (stage.permits(Access.EXECUTE, rights) ? MappingVisitor.EXECUTABLE : 0)
                | (stage.permits(Access.EXECUTE | Access.USER, rights) ? MappingVisitor.USER_EXECUTABLE : 0)
                | ((leaf & format.accessedBit()) != 0 ? MappingVisitor.ACCESSED : 0)
                | ((leaf & format.dirtyBit()) != 0 ? MappingVisitor.DIRTY : 0);
    }
}
