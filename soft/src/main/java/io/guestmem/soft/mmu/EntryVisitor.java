package io.guestmem.soft.mmu;

/** Is shown the entries of a stage-2 tree, from the top down and by gfn. */
@FunctionalInterface
interface EntryVisitor {
    /**
     * An entry that is not empty: a table, a leaf or an MMIO entry.
     *
     * @param entry its native address
     * @param gfn the first page that it covers
     * @param level of its table
     */
    void visit(long entry, long gfn, int level, long spte);

    /** Shows the entries that cover pages of a range. In a read section, or under {@code mmu_lock} for writing. */
    static void walk(Root root, long from, long to, EntryVisitor visitor) {
        walk(root.table(), root.role().level(), 0, from, to, visitor);
    }

    private static void walk(long table, int level, long tableGfn, long from, long to, EntryVisitor visitor) {
        long pages = Spte.pages(level);
        for (int i = (int) Math.max(0, (from - tableGfn) / pages); i < 512 && tableGfn + i * pages < to; i++) {
            long entry = table + ((long) i << 3);
            long spte = NativeMemory.getAcquire(entry);
            if (spte != Spte.NEVER_MAPPED) {
                visitor.visit(entry, tableGfn + i * pages, level, spte);
            }
            if (Spte.isTable(spte, level)) {
                walk(Spte.tableAddress(spte), level - 1, tableGfn + i * pages, from, to, visitor);
            }
        }
    }
}
