package io.guestmem.soft.host;

import java.util.ArrayList;
import java.util.List;

/** The state of one address space for people and tests. For holders of the host's lock. */
final class Description {
    private final AddressSpace space;

    Description(AddressSpace space) {
        this.space = space;
    }

    /** The runs of a range, without what is not mapped. */
    List<HostRun> runs(long start, long end) {
        List<HostRun> runs = new ArrayList<>();
        for (Mapping mapping : space.mappings.in(start, end)) {
            long at = mapping.start();
            while (at < mapping.end()) {
                long next = Math.min(space.table.endOfSlot(at), mapping.end());
                long entry = space.table.lookup(at);
                int level = entry == 0 ? Level.SMALL : Entry.level(entry);
                append(runs, new HostRun(at, next, state(entry), level, mapping.protection()));
                at = next;
            }
        }
        return runs;
    }

    ResidentSet residentSet() {
        long[] anonymous = {0};
        long[] file = {0};
        long[] hugetlb = {0};
        long[] swapped = {0};
        for (Mapping mapping : space.mappings.all()) {
            space.table.visit(mapping.start(), mapping.end(), (_, _, _, entry) -> {
                if (Entry.isSwapped(entry)) {
                    swapped[0]++;
                } else if (Entry.hasFrame(entry) && !Entry.isZeroPage(entry)) {
                    long[] count = mapping.isHugetlb() ? hugetlb : Entry.isAnonymous(entry) ? anonymous : file;
                    count[0] += Level.frames(Entry.level(entry));
                }
            });
        }
        return new ResidentSet(anonymous[0], file[0], hugetlb[0], swapped[0]);
    }

    private static void append(List<HostRun> runs, HostRun run) {
        HostRun last = runs.isEmpty() ? null : runs.getLast();
        if (last != null
                && last.end() == run.start()
                && last.state() == run.state()
                && last.level() == run.level()
                && last.protection() == run.protection()) {
            runs.set(runs.size() - 1, new HostRun(last.start(), run.end(), run.state(), run.level(), run.protection()));
        } else {
            runs.add(run);
        }
    }

    private HostPageState state(long entry) {
        if (entry == 0) {
            return HostPageState.ABSENT;
        }
        if (Entry.isSwapped(entry)) {
            return HostPageState.SWAPPED;
        }
        if (Entry.isPoisoned(entry)) {
            return HostPageState.POISONED;
        }
        if (Entry.isHidden(entry)) {
            return HostPageState.HIDDEN;
        }
        if (Entry.isZeroPage(entry)) {
            return HostPageState.ZERO_PAGE;
        }
        if (Entry.isWritable(entry)) {
            return HostPageState.WRITABLE;
        }
        boolean shared = Entry.isAnonymous(entry) && space.frames.references(Entry.pfn(entry), Entry.level(entry)) > 1;
        return shared ? HostPageState.COW_SHARED : HostPageState.READ_ONLY;
    }
}
