package io.guestmem.soft.mmu;

/**
 * What dirty logging does to stage-2 entries: write-protects them or clears D, splits large leaves, and puts large leaves back
 * in the place of tables. Under {@code mmu_lock} for reading unless said otherwise, and in a read section.
 *
 * <p>Source: Linux 7.2 {@code tdp_mmu.c:wrprot_gfn_range}, {@code clear_dirty_gfn_range}, {@code clear_dirty_pt_masked},
 * {@code tdp_mmu_split_huge_pages_root}, {@code recover_huge_pages_range}.
 */
final class DirtyTracking {
    private final StageTwo stageTwo;

    DirtyTracking(StageTwo stageTwo) {
        this.stageTwo = stageTwo;
    }

    /**
     * Clears bits in every leaf of a range whose level is high enough.
     *
     * @return whether a leaf had one
     */
    boolean clear(Root root, long from, long to, int minLevel, long bits) {
        return clear(root.table(), root.role().level(), 0, from, to, minLevel, bits);
    }

    private boolean clear(long table, int level, long tableGfn, long from, long to, int minLevel, long bits) {
        long pages = Spte.pages(level);
        boolean cleared = false;
        for (int i = first(tableGfn, from, pages); i < 512 && tableGfn + i * pages < to; i++) {
            long entry = table + ((long) i << 3);
            long gfn = tableGfn + i * pages;
            long spte = NativeMemory.getAcquire(entry);
            if (Spte.isTable(spte, level) && level > minLevel) {
                cleared |= clear(Spte.tableAddress(spte), level - 1, gfn, from, to, minLevel, bits);
            }
            while (Spte.isLeaf(spte, level) && (spte & bits) != 0) {
                if (stageTwo.compareAndSet(entry, gfn, level, spte, spte & ~bits)) {
                    cleared = true;
                    break;
                }
                spte = NativeMemory.getAcquire(entry);
            }
        }
        return cleared;
    }

    /**
     * Clears a bit in the small leaves of 64 pages, where the mask has a 1. Under {@code mmu_lock} for writing.
     *
     * @param gfn of bit 0
     */
    void clearMasked(Root root, long gfn, long mask, long bit) {
        for (long left = mask; left != 0; left &= left - 1) {
            long each = gfn + Long.numberOfTrailingZeros(left);
            long table = root.table();
            int level = root.role().level();
            long spte = NativeMemory.getAcquire(Root.entry(table, each, level));
            while (Spte.isTable(spte, level)) {
                table = Spte.tableAddress(spte);
                level--;
                spte = NativeMemory.getAcquire(Root.entry(table, each, level));
            }
            if (level == 1 && Spte.isPresent(spte) && (spte & bit) != 0) {
                long before = NativeMemory.getAndClear(Root.entry(table, each, 1), bit);
                stageTwo.changed(each, 1, before, before & ~bit, false);
            }
        }
    }

    /** Replaces every large leaf of a range by small ones. */
    void split(Root root, long from, long to) {
        split(root, root.table(), root.role().level(), 0, from, to);
    }

    private void split(Root root, long table, int level, long tableGfn, long from, long to) {
        long pages = Spte.pages(level);
        for (int i = first(tableGfn, from, pages); level > 1 && i < 512 && tableGfn + i * pages < to; i++) {
            long entry = table + ((long) i << 3);
            long gfn = tableGfn + i * pages;
            long spte = NativeMemory.getAcquire(entry);
            while (Spte.isLeaf(spte, level) && !stageTwo.split(entry, gfn, level, spte, root.role(), false)) {
                spte = NativeMemory.getAcquire(entry);
            }
            spte = NativeMemory.getAcquire(entry);
            if (Spte.isTable(spte, level)) {
                split(root, Spte.tableAddress(spte), level - 1, gfn, from, to);
            }
        }
    }

    /**
     * Replaces every table that could be a large leaf, and has a leaf, by that large leaf.
     *
     * @param slot all of it
     * @param allowedLevel the largest level at which the page of a gfn may be mapped now
     * @return whether there was one, so that TLBs must be flushed
     */
    boolean recover(Root root, Memslot slot, LevelOfGfn allowedLevel) {
        return recover(root.table(), root.role().level(), 0, slot, allowedLevel);
    }

    /**
     * Zaps every table that could be a large leaf, so that the next fault there makes one. TLBs are flushed after each. Source:
     * Linux 6.12 {@code tdp_mmu.c:zap_collapsible_spte_range}.
     */
    void zapCollapsible(Root root, Memslot slot, LevelOfGfn allowedLevel) {
        EntryVisitor.walk(root, slot.baseGfn(), slot.endGfn(), (entry, gfn, level, found) -> {
            long spte = found;
            while (Spte.isTable(spte, level) && mayBeLarge(slot, gfn, level, allowedLevel)) {
                if (stageTwo.compareAndSet(entry, gfn, level, spte, Spte.NEVER_MAPPED)) {
                    stageTwo.flush();
                    return;
                }
                spte = NativeMemory.getAcquire(entry);
            }
        });
    }

    private static boolean mayBeLarge(Memslot slot, long gfn, int level, LevelOfGfn allowedLevel) {
        return level <= 3 && gfn >= slot.baseGfn() && gfn < slot.endGfn() && allowedLevel.level(gfn) >= level;
    }

    /** A level for a gfn. */
    @FunctionalInterface
    interface LevelOfGfn {
        int level(long gfn);
    }

    private boolean recover(long table, int level, long tableGfn, Memslot slot, LevelOfGfn allowedLevel) {
        long pages = Spte.pages(level);
        boolean recovered = false;
        for (int i = first(tableGfn, slot.baseGfn(), pages);
                level > 1 && i < 512 && tableGfn + i * pages < slot.endGfn();
                i++) {
            long entry = table + ((long) i << 3);
            long gfn = tableGfn + i * pages;
            while (true) {
                long spte = NativeMemory.getAcquire(entry);
                if (!Spte.isTable(spte, level)) {
                    break;
                }
                long small =
                        mayBeLarge(slot, gfn, level, allowedLevel) ? anyLeaf(Spte.tableAddress(spte), level - 1) : 0;
                if (small == 0) {
                    recovered |= recover(Spte.tableAddress(spte), level - 1, gfn, slot, allowedLevel);
                    break;
                }
                long large = Spte.large(small, level, !stageTwo.nxHugePages.isEnabled());
                if (stageTwo.compareAndSet(entry, gfn, level, spte, large)) {
                    recovered = true;
                    break;
                }
            }
        }
        return recovered;
    }

    /** The first leaf below a table; 0 if there is none. */
    private static long anyLeaf(long table, int level) {
        for (int i = 0; i < 512; i++) {
            long spte = NativeMemory.getAcquire(table + ((long) i << 3));
            long leaf = Spte.isTable(spte, level) ? anyLeaf(Spte.tableAddress(spte), level - 1) : spte;
            if (leaf != 0 && Spte.isPresent(leaf)) {
                return leaf;
            }
        }
        return 0;
    }

    private static int first(long tableGfn, long from, long pages) {
        return (int) Math.max(0, (from - tableGfn) / pages);
    }
}
