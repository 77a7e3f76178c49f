package io.guestmem.soft.mmu;

/**
 * Takes mappings away: leaves of a range, under {@code mmu_lock} for writing, and whole roots, under {@code mmu_lock} for
 * reading. Source: Linux 7.2 {@code tdp_mmu.c:tdp_mmu_zap_leafs}, {@code tdp_mmu_zap_root}.
 */
final class Zapper {
    private final StageTwo stageTwo;

    Zapper(StageTwo stageTwo) {
        this.stageTwo = stageTwo;
    }

    /**
     * Zaps every leaf that has a page of a range; tables and MMIO entries stay. Under {@code mmu_lock} for writing.
     *
     * @return whether there was one, so that TLBs must be flushed
     */
    boolean zapLeaves(Root root, long from, long to) {
        return zapLeaves(root.table(), root.role().level(), 0, from, to);
    }

    private boolean zapLeaves(long table, int level, long tableGfn, long from, long to) {
        long pages = Spte.pages(level);
        int first = (int) Math.max(0, (from - tableGfn) / pages);
        boolean zapped = false;
        for (int i = first; i < 512 && tableGfn + i * pages < to; i++) {
            long entry = table + ((long) i << 3);
            long gfn = tableGfn + i * pages;
            long spte = NativeMemory.getAcquire(entry);
            if (Spte.isTable(spte, level)) {
                zapped |= zapLeaves(Spte.tableAddress(spte), level - 1, gfn, from, to);
            } else if (Spte.isPresent(spte)) {
                stageTwo.set(entry, gfn, level, Spte.NEVER_MAPPED);
                zapped = true;
            }
        }
        return zapped;
    }

    /**
     * Zaps everything of an invalid root: children first, then what points to them. Under {@code mmu_lock} for reading and in a
     * read section.
     */
    void zapRoot(Root root) {
        zapTable(root.table(), root.role().level(), 0);
    }

    private void zapTable(long table, int level, long tableGfn) {
        for (int i = 0; i < 512; i++) {
            long entry = table + ((long) i << 3);
            long gfn = tableGfn + i * Spte.pages(level);
            long spte;
            do {
                spte = NativeMemory.getAcquire(entry);
                if (Spte.isTable(spte, level)) {
                    zapTable(Spte.tableAddress(spte), level - 1, gfn);
                }
            } while (Spte.isPresent(spte) && !stageTwo.compareAndSet(entry, gfn, level, spte, Spte.NEVER_MAPPED));
        }
    }
}
