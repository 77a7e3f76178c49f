package io.guestmem.soft.mmu;

/**
 * What is done to entries without any lock, in a read section: the fast page fault, and what the processor does when it walks.
 * Source: Linux 7.2 {@code mmu.c:fast_page_fault}, {@code fast_pf_fix_direct_spte}.
 */
final class LocklessFaults {
    private static final int TRIES = 4;

    private final StageTwo stageTwo;

    LocklessFaults(StageTwo stageTwo) {
        this.stageTwo = stageTwo;
    }

    /** Tries to allow an access by changing the leaf that is there: FIXED, SPURIOUS or INVALID. */
    int tryFix(PageFault fault, Root root, DirtyLogger dirty) {
        for (int tries = 0; tries <= TRIES; tries++) {
            long found = lowest(root, fault.gfn);
            if (found == 0) {
                return FaultResult.INVALID;
            }
            int level = (int) (found & 7);
            long entry = found & ~7L;
            long before = NativeMemory.getAcquire(entry);
            if (!Spte.isLeaf(before, level)) {
                return FaultResult.INVALID;
            }
            if (Spte.allows(before, fault.write, fault.exec)) {
                return FaultResult.SPURIOUS;
            }
            long after = fixed(fault, before, level);
            if (after == before || !Spte.allows(after, fault.write, fault.exec)) {
                return FaultResult.INVALID;
            }
            long first = fault.gfn & -Spte.pages(level);
            if (stageTwo.compareAndSet(entry, first, level, before, after)) {
                boolean madeWritable = Spte.isWritable(after) && !Spte.isWritable(before);
                if (madeWritable && fault.slot != null && fault.slot.isLogging()) {
                    dirty.markDirty(fault.slot, fault.gfn);
                }
                return FaultResult.FIXED;
            }
        }
        return FaultResult.INVALID;
    }

    private static long fixed(PageFault fault, long before, int level) {
        long after = Spte.isAccessTracked(before) ? Spte.restoreAccess(before) | Spte.ACCESSED : before;
        boolean logging = fault.slot != null && fault.slot.isLogging();
        if (fault.write && (before & Spte.MMU_WRITABLE) != 0 && !(level > 1 && logging)) {
            after |= Spte.WRITABLE;
        }
        return after;
    }

    /** The address of the entry at which a walk ends, and its level in the lowest bits; 0 if it is not present. */
    private static long lowest(Root root, long gfn) {
        long table = root.table();
        for (int level = root.role().level(); level > 0; level--) {
            long entry = Root.entry(table, gfn, level);
            long spte = NativeMemory.getAcquire(entry);
            if (!Spte.isTable(spte, level)) {
                return Spte.isPresent(spte) ? entry | level : 0;
            }
            table = Spte.tableAddress(spte);
        }
        return 0;
    }

    /**
     * Walks as the processor does, for an access: sets A, and D for a write, where the leaf allows the access.
     *
     * @return the entry at which the walk ends, as it is now; {@code result} has its level
     */
    long walk(Root root, long gfn, boolean write, boolean exec, GuestWalk result) {
        long table = root.table();
        int level = root.role().level();
        long entry = Root.entry(table, gfn, level);
        long spte = NativeMemory.getAcquire(entry);
        while (Spte.isTable(spte, level)) {
            level--;
            entry = Root.entry(Spte.tableAddress(spte), gfn, level);
            spte = NativeMemory.getAcquire(entry);
        }
        result.level = level;
        result.becameDirty = false;
        long bits = Spte.ACCESSED | (write ? Spte.DIRTY : 0);
        while (setsBits(spte, level, write, exec) && (spte & bits) != bits) {
            if (NativeMemory.compareAndSet(entry, spte, spte | bits)) {
                result.becameDirty = write && (spte & Spte.DIRTY) == 0;
                spte |= bits;
            } else {
                spte = NativeMemory.getAcquire(entry);
            }
        }
        result.spte = spte;
        return spte;
    }

    private static boolean setsBits(long spte, int level, boolean write, boolean exec) {
        return Spte.isLeaf(spte, level) && Spte.allows(spte, write, exec) && Spte.hasAccessedDirty(spte);
    }
}
