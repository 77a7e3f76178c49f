package io.guestmem.soft.mmu;

import io.guestmem.soft.KernelVersion;
import io.guestmem.soft.Schedule;
import io.guestmem.soft.SoftKernelOptions;
import io.guestmem.soft.Trace;
import io.guestmem.soft.host.HostFault;

/**
 * Maps the page of a fault: under {@code mmu_lock} for reading, so that many vCPUs do it at the same time; whoever loses a
 * compare-and-set starts again. Source: Linux 7.2 {@code tdp_mmu.c:kvm_tdp_mmu_map},
 * {@code tdp_mmu_map_handle_target_level}, {@code spte.c:make_spte}, {@code mmu.c:kvm_mmu_hugepage_adjust}.
 */
final class FaultMapper {
    private final StageTwo stageTwo;
    private final Invalidations invalidations;
    private final int largestLevel;

    /** Whether a leaf that suffices stays as it is; before, each fault made the leaf anew: Linux 6.12. */
    private final boolean keepsLeaves;

    FaultMapper(StageTwo stageTwo, Invalidations invalidations, SoftKernelOptions options) {
        this.stageTwo = stageTwo;
        this.invalidations = invalidations;
        this.largestLevel = options.maxHugeLevel();
        this.keepsLeaves = options.kernelVersion().atLeast(KernelVersion.V6_18);
    }

    /** Whether the page that a fault looked up may be gone, or the root is. Under {@code mmu_lock}. */
    boolean isStale(PageFault fault, Root root) {
        String why = "root invalidated";
        boolean stale = root.isInvalid();
        if (!stale && fault.slot != null && invalidations.mustRetry(fault.sequence, fault.gfn)) {
            stale = true;
            why = "invalidation";
        }
        if (stale) {
            stageTwo.trace(Trace.Kind.RETRY, fault.gfn, 1, 0, 0, why);
        }
        return stale;
    }

    /** Maps the page: a {@link FaultResult}. Under {@code mmu_lock} for reading and in a read section. */
    int map(PageFault fault, Root root, DirtyLogger dirty) {
        chooseLevel(fault);
        long table = root.table();
        for (int level = root.role().level(); ; level--) {
            long entry = Root.entry(table, fault.gfn, level);
            long before = NativeMemory.getAcquire(entry);
            if (stageTwo.nxHugePages.isEnabled()) {
                keepSmall(fault, before, level);
            }
            if (Spte.isFrozen(before)) {
                return retry(fault, level, before, "frozen entry");
            }
            if (level == fault.goalLevel) {
                return install(fault, root, entry, before, dirty);
            }
            if (!Spte.isTable(before, level) && !addTable(fault, root, entry, level, before)) {
                return retry(fault, level, before, "lost the exchange for a table");
            }
            long now = NativeMemory.getAcquire(entry);
            if (!Spte.isTable(now, level)) {
                return retry(fault, level, now, "table gone");
            }
            table = Spte.tableAddress(now);
        }
    }

    private int retry(PageFault fault, int level, long before, String why) {
        stageTwo.trace(Trace.Kind.RETRY, fault.gfn, level, before, 0, why);
        return FaultResult.RETRY;
    }

    private boolean addTable(PageFault fault, Root root, long entry, int level, long before) {
        long first = fault.gfn & -Spte.pages(level);
        boolean nx = fault.hugePageDisallowed;
        if (Spte.isPresent(before)) {
            if (!stageTwo.split(entry, first, level, before, root.role(), nx)) {
                return false;
            }
        } else {
            long table = stageTwo.tables.allocate(first, level - 1);
            PageTables.setNxDisallowed(table, nx);
            if (!stageTwo.link(entry, first, level, before, table, root.role())) {
                return false;
            }
        }
        if (nx && fault.requestedLevel >= level) {
            long now = NativeMemory.getAcquire(entry);
            if (Spte.isTable(now, level)) {
                stageTwo.nxHugePages.remember(Spte.tableAddress(now), root, first, level);
            }
        }
        return true;
    }

    private int install(PageFault fault, Root root, long entry, long before, DirtyLogger dirty) {
        int level = fault.goalLevel;
        boolean wasLeaf = Spte.isLeaf(before, level);
        if (keepsLeaves && wasLeaf && (fault.prefetch || Spte.allows(before, fault.write, fault.exec))) {
            return FaultResult.SPURIOUS;
        }
        long first = fault.gfn & -Spte.pages(level);
        if (fault.slot == null) {
            long mmio = Spte.mmio(fault.gfn, fault.generation);
            if (mmio != before && !stageTwo.compareAndSet(entry, first, level, before, mmio)) {
                return retry(fault, level, before, "lost the exchange for an MMIO entry");
            }
            return FaultResult.EMULATE;
        }
        long spte = Spte.leaf(
                fault.pfn,
                level,
                true,
                fault.mapWritable,
                level == 1 || !stageTwo.nxHugePages.isEnabled(),
                fault.prefetch,
                StageTwo.adType(root.role()));
        if (Spte.isWritable(spte) && fault.slot.isLogging()) {
            dirty.markDirty(fault.slot, fault.gfn);
        }
        if (spte == before) {
            return FaultResult.SPURIOUS;
        }
        if (!stageTwo.compareAndSet(entry, first, level, before, spte)) {
            return retry(fault, level, before, "lost the exchange for a leaf");
        }
        if (Spte.isTable(before, level)) {
            stageTwo.flush();
        }
        return FaultResult.FIXED;
    }

    /**
     * Maps pages in a row with small leaves, for a prefetch: as {@link #map} would, one after the other, but with one walk. All
     * are covered by one table. Under {@code mmu_lock} for reading and in a read section.
     *
     * @param faults what {@link io.guestmem.soft.host.HostMemoryView#faultIn} said of each page, all of them pages
     * @return how many were mapped, or were so before: fewer than {@code count} if the next needs {@link #map}
     */
    int mapRow(Root root, Memslot slot, long firstGfn, long sequence, long[] faults, int count, DirtyLogger dirty) {
        if (root.isInvalid() || invalidations.inProgress() != 0 || invalidations.sequence() != sequence) {
            return 0;
        }
        long table = smallTable(root, firstGfn);
        if (table == 0) {
            return 0;
        }
        boolean neverLarge = slot.isLogging() || allowedLevel(slot, firstGfn, 3) == 1;
        long adType = StageTwo.adType(root.role());
        long readOnly = Spte.leaf(0, 1, true, false, true, true, adType);
        long writable = slot.isReadOnly() ? readOnly : Spte.leaf(0, 1, true, true, true, true, adType);
        int done = 0;
        int made = 0;
        for (; done < count; done++) {
            long page = faults[done];
            if (!neverLarge && HostFault.level(page) != 1) {
                break;
            }
            long entry = Root.entry(table, firstGfn + done, 1);
            long before = NativeMemory.getAcquire(entry);
            if (Spte.isPresent(before)) {
                if (!keepsLeaves) {
                    break;
                }
                continue;
            }
            long spte = HostFault.pfn(page) << 12 | (HostFault.isWritable(page) ? writable : readOnly);
            if (Spte.isWritable(spte) && slot.isLogging()) {
                dirty.markDirty(slot, firstGfn + done);
            }
            stageTwo.schedule.point(Schedule.Point.BEFORE_EXCHANGE);
            if (Spte.isFrozen(before) || !NativeMemory.compareAndSet(entry, before, spte)) {
                break;
            }
            stageTwo.trace(Trace.Kind.ENTRY, firstGfn + done, 1, before, spte, "");
            made++;
        }
        stageTwo.statistics.addPages(1, made);
        return done;
    }

    /** The table with the small leaves of a gfn, 0 if there is none. */
    private static long smallTable(Root root, long gfn) {
        long table = root.table();
        for (int level = root.role().level(); level > 1; level--) {
            long spte = NativeMemory.getAcquire(Root.entry(table, gfn, level));
            if (!Spte.isTable(spte, level)) {
                return 0;
            }
            table = Spte.tableAddress(spte);
        }
        return table;
    }

    /** Which level to map: as large as backing, memslot, attributes, dirty logging and the mitigation allow. */
    private void chooseLevel(PageFault fault) {
        Memslot slot = fault.slot;
        fault.hugePageDisallowed = fault.exec && stageTwo.nxHugePages.isEnabled();
        if (slot == null || fault.maxLevel == 1 || slot.isLogging()) {
            return;
        }
        fault.requestedLevel = Math.min(allowedLevel(slot, fault.gfn, fault.maxLevel), fault.hostLevel);
        if (fault.requestedLevel == 1 || fault.hugePageDisallowed) {
            return;
        }
        fault.goalLevel = fault.requestedLevel;
        fault.pfn &= -Spte.pages(fault.goalLevel);
    }

    /** The largest level at which a memslot lets the block of a gfn be mapped. */
    int allowedLevel(Memslot slot, long gfn, int maxLevel) {
        int level = Math.min(maxLevel, largestLevel);
        while (level > 1 && slot.largePages().isDisallowed(gfn, level)) {
            level--;
        }
        return level;
    }

    /** A table that the mitigation made stays: the goal is one level below it. */
    private static void keepSmall(PageFault fault, long spte, int level) {
        if (level > 1
                && level == fault.goalLevel
                && Spte.isTable(spte, level)
                && PageTables.isNxDisallowed(Spte.tableAddress(spte))) {
            fault.pfn |= fault.gfn & Spte.pages(level) - Spte.pages(level - 1);
            fault.goalLevel--;
        }
    }
}
