package io.guestmem.soft.host;

import io.guestmem.soft.KernelVersion;
import java.util.List;

/**
 * What takes pages away from one address space, or makes them less: munmap, mprotect, madvise. For holders of the host's lock.
 */
final class Zap {
    private final AddressSpace space;

    Zap(AddressSpace space) {
        this.space = space;
    }

    /**
     * {@code munmap}: mappings that reach out are split, then one invalidation covers the whole range, then it is gone. Source:
     * Linux 7.2 {@code mm/vma.c:do_vmi_align_munmap}, {@code mm/memory.c:unmap_vmas}. Tables in which no mapping is left go:
     * {@code mm/memory.c:free_pgtables}.
     */
    int unmap(long start, long end) {
        List<Mapping> affected = space.mappings.in(start, end);
        if (affected.isEmpty()) {
            return 0;
        }
        if (affected.stream()
                .anyMatch(mapping -> !Level.isAligned(mapping.start() | mapping.end(), mapping.pageLevel()))) {
            return Failure.EINVAL;
        }
        space.mappings.split(start);
        space.mappings.split(end);
        List<Mapping> gone = space.mappings.in(start, end);
        space.notifiers.around(start, end, () -> gone.forEach(mapping -> pages(mapping, start, end)));
        gone.forEach(space.mappings::remove);
        space.table.prune(space.mappings.endBefore(start), space.mappings.startAfter(end));
        return 0;
    }

    /**
     * {@code MADV_DONTNEED} of one mapping's part. The invalidation covers it even if nothing is there; that of a huge page to be
     * split is nested. Source: Linux 7.2 {@code mm/memory.c:zap_page_range_single}.
     */
    int dontNeed(Mapping mapping) {
        long start = mapping.start();
        long end = Level.down(mapping.end(), mapping.pageLevel());
        if (!Level.isAligned(start, mapping.pageLevel())) {
            return Failure.EINVAL;
        }
        if (start < end) {
            space.notifiers.around(start, end, () -> {
                space.huge.splitOver(start);
                space.huge.splitOver(end);
                pages(mapping, start, end);
                if (space.version.atLeast(KernelVersion.V6_18)) {
                    space.table.prune(start, end); // CONFIG_PT_RECLAIM, Linux 6.14
                }
            });
        }
        return 0;
    }

    /**
     * {@code MADV_FREE} of one mapping's part: pages stay until there is need of memory, which there never is; what is swapped
     * goes at once. Source: Linux 7.2 {@code mm/madvise.c:madvise_free_single_vma}.
     */
    int free(Mapping mapping) {
        if (!mapping.isPlainAnonymous()) {
            return Failure.EINVAL;
        }
        space.notifiers.around(mapping.start(), mapping.end(), () -> {
            space.huge.splitOver(mapping.start());
            space.huge.splitOver(mapping.end());
            space.table.visit(mapping.start(), mapping.end(), (table, index, hva, entry) -> {
                if (Entry.isSwapped(entry)) {
                    table.set(index, 0);
                    drop(mapping, hva, entry);
                }
            });
        });
        return 0;
    }

    /** {@code MADV_REMOVE} of one mapping's part: punches a hole into what is behind it. */
    int remove(Mapping mapping) {
        SharedFile file = mapping.file();
        if (file == null) {
            return Failure.EINVAL;
        }
        if (!mapping.shared()) {
            return Failure.EACCES;
        }
        return file.punchHole(mapping.offset(), mapping.end() - mapping.start());
    }

    /**
     * {@code mprotect}: mapping by mapping, up to the first hole. An invalidation goes from the first 1 GiB slot with a table,
     * whoever needs it, to the end of the mapping's part; there is none without a table. Source: Linux 7.2 {@code mm/mprotect.c:change_pud_range,
     * change_pte_range}.
     */
    int protect(long start, long end, Protection protection) {
        long at = start;
        for (Mapping mapping : space.mappings.in(start, end)) {
            if (mapping.start() != at) {
                return Failure.ENOMEM;
            }
            if (!Level.isAligned(mapping.start() | mapping.end(), mapping.pageLevel())) {
                return Failure.EINVAL;
            }
            at = mapping.end();
            if (mapping.protection() != protection) {
                space.mappings.change(mapping.start(), at, each -> each.protectedAs(protection));
                protectPages(mapping.protectedAs(protection));
            }
        }
        return at == end ? 0 : Failure.ENOMEM;
    }

    /** Clears the entries of one mapping in a range, which splits no huge page any more. */
    void pages(Mapping mapping, long start, long end) {
        long first = Math.max(start, mapping.start());
        long last = Math.min(end, mapping.end());
        space.table.visit(first, last, (table, index, hva, entry) -> {
            table.set(index, 0);
            drop(mapping, hva, entry);
        });
    }

    /** Clears the entries of a file's own pages in a range; private copies stay. */
    void filePages(long start, long end) {
        space.table.visit(start, end, (table, index, _, entry) -> {
            if (Entry.hasFrame(entry) && !Entry.isAnonymous(entry)) {
                table.set(index, 0);
                space.frames.putPage(Entry.pfn(entry), Entry.level(entry));
            }
        });
    }

    /** Gives up what a cleared entry referred to. A page at home becomes what a fault would read, for it will not be asked. */
    void drop(Mapping mapping, long hva, long entry) {
        if (Entry.isSwapped(entry)) {
            space.host.swap.release(Entry.slot(entry));
        } else if (Entry.hasFrame(entry) && !Entry.isZeroPage(entry)) {
            space.frames.putPage(Entry.pfn(entry), Entry.level(entry));
            SharedFile file = mapping.file();
            if (mapping.home() != null && file != null) {
                long original = file.page(mapping.fileOffset(hva));
                if (original > 0) {
                    space.frames.copy(original, Entry.pfn(entry), Entry.level(entry));
                }
            }
        }
    }

    private void protectPages(Mapping mapping) {
        long start = mapping.start();
        while (start < mapping.end() && !mapping.isHugetlb() && !space.table.isUsed(start, Level.GIGANTIC)) {
            start = Level.down(start, Level.GIGANTIC) + Level.bytes(Level.GIGANTIC);
        }
        if (start < mapping.end()) {
            space.notifiers.around(
                    start,
                    mapping.end(),
                    () -> space.table.visit(mapping.start(), mapping.end(), (table, index, _, entry) -> {
                        if (Entry.hasFrame(entry)) {
                            table.set(index, protectedEntry(mapping, entry));
                        }
                    }));
        }
    }

    private long protectedEntry(Mapping mapping, long entry) {
        return switch (mapping.protection()) {
            case NONE -> Entry.hidden(entry);
            case READ -> Entry.readOnly(Entry.shown(entry));
            case READ_WRITE -> {
                boolean own =
                        Entry.isAnonymous(entry) && space.frames.references(Entry.pfn(entry), Entry.level(entry)) == 1;
                long shown = Entry.shown(entry);
                yield own || mapping.shared() ? shown | Entry.WRITABLE : shown;
            }
        };
    }
}
