package io.guestmem.soft.mmu;

import java.util.LinkedHashMap;
import java.util.Map;

/**
 * The mitigation against iTLB multihit: a large leaf is not executable, and a fetch there makes a table of small leaves. Those
 * tables are remembered, so that recovery can make large leaves of them again. Source: Linux 7.2
 * {@code mmu.c:track_possible_nx_huge_page}, {@code kvm_recover_nx_huge_pages}.
 */
final class NxHugePages {
    private final StageTwo stageTwo;
    private volatile boolean enabled;

    /** Tables that the mitigation made, oldest first, with where they hang. Guarded by itself. */
    private final Map<Long, Place> tables = new LinkedHashMap<>();

    private record Place(Root root, long gfn, int level) {}

    NxHugePages(StageTwo stageTwo, boolean enabled) {
        this.stageTwo = stageTwo;
        this.enabled = enabled;
    }

    boolean isEnabled() {
        return enabled;
    }

    void disable() {
        enabled = false;
    }

    /** A table was linked in the place of an entry of a level. */
    void remember(long table, Root root, long gfn, int level) {
        synchronized (tables) {
            // The table may have been unlinked already: then it does not count.
            if (PageTables.isNxDisallowed(table)) {
                tables.put(table, new Place(root, gfn, level));
                stageTwo.statistics.addNxSplit(1);
            }
        }
    }

    /** A table was unlinked. */
    void forget(long table) {
        if (!PageTables.isNxDisallowed(table)) {
            return;
        }
        synchronized (tables) {
            PageTables.setNxDisallowed(table, false);
            if (tables.remove(table) != null) {
                stageTwo.statistics.addNxSplit(-1);
            }
        }
    }

    /**
     * Zaps the oldest tables, so that the next faults can map large leaves again.
     *
     * @return how many tables it took away
     */
    int recover(int limit, int stripe) {
        int recovered = 0;
        ReadSections.Reader reader = stageTwo.readers.borrow();
        stageTwo.lock.lockRead(stripe);
        try {
            while (recovered < limit && zapOldest()) {
                recovered++;
            }
        } finally {
            stageTwo.lock.unlockRead(stripe);
            stageTwo.readers.release(reader);
        }
        if (recovered > 0) {
            stageTwo.flush();
        }
        return recovered;
    }

    private boolean zapOldest() {
        long table;
        Place place;
        synchronized (tables) {
            if (tables.isEmpty()) {
                return false;
            }
            Map.Entry<Long, Place> oldest = tables.entrySet().iterator().next();
            table = oldest.getKey();
            place = oldest.getValue();
        }
        long parent = place.root().table();
        for (int level = place.root().role().level(); ; level--) {
            long entry = Root.entry(parent, place.gfn(), level);
            long spte = NativeMemory.getAcquire(entry);
            if (!Spte.isTable(spte, level)) {
                return false;
            }
            if (level == place.level()) {
                return Spte.tableAddress(spte) == table
                        && stageTwo.compareAndSet(
                                entry, place.gfn() & -Spte.pages(level), level, spte, Spte.NEVER_MAPPED);
            }
            parent = Spte.tableAddress(spte);
        }
    }
}
