package io.guestmem.soft.host;

import java.lang.foreign.MemorySegment;
import java.util.List;

/** Gives memory of one address space a {@link Home}, so that it can be had as one segment. For holders of the host's lock. */
final class Contiguous {
    private final AddressSpace space;

    Contiguous(AddressSpace space) {
        this.space = space;
    }

    /** See {@link AddressSpace#contiguous}. */
    MemorySegment segment(long hva, long length) {
        List<Mapping> mappings = space.mappings.in(hva, hva + length);
        if (mappings.isEmpty()) {
            throw new IllegalArgumentException("nothing is mapped at 0x" + Long.toHexString(hva));
        }
        Mapping first = mappings.getFirst();
        SharedFile file = first.file();
        long offset = first.offset() - first.start();
        boolean uniform = mappings.stream()
                .allMatch(each -> each.shared() == first.shared()
                        && each.home() == first.home()
                        && (!each.shared() || (each.file() == file && each.offset() - each.start() == offset)));
        if (!uniform) {
            throw new IllegalArgumentException("mappings of different kinds at 0x" + Long.toHexString(hva));
        }
        if (first.shared() && file != null) {
            Home home = file.home();
            mappings.forEach(this::populate);
            return home.slice(hva + offset, length);
        }
        Home home = first.home();
        return (home == null ? settle(mappings, hva, hva + length) : home).slice(hva, length);
    }

    private Home settle(List<Mapping> mappings, long start, long end) {
        if (mappings.stream().anyMatch(each -> !Level.isAligned(each.start() | each.end(), each.pageLevel()))) {
            throw new IllegalArgumentException("part of a huge page at 0x" + Long.toHexString(start));
        }
        space.mappings.split(start);
        space.mappings.split(end);
        Home home = space.frames.home(start, end - start);
        space.mappings.change(start, end, mapping -> mapping.living(home));
        List<Mapping> settled = space.mappings.in(start, end);
        for (Mapping mapping : settled) {
            space.notifiers.around(mapping.start(), mapping.end(), () -> move(mapping, home));
            if (mapping.file() != null) {
                readAbsent(mapping, mapping.file(), home);
            }
            populate(mapping);
        }
        return home;
    }

    /** Moves what is there; what breaks stays broken. */
    private void move(Mapping mapping, Home home) {
        space.table.visit(mapping.start(), mapping.end(), (table, index, hva, entry) -> {
            if (Entry.isPoisoned(entry)) {
                return;
            }
            int level = Entry.level(entry);
            long pfn = home.pfn(hva);
            table.set(index, 0);
            space.frames.getPage(pfn, level);
            if (Entry.isSwapped(entry)) {
                space.reclaim.read(Entry.slot(entry), pfn);
                space.host.swap.release(Entry.slot(entry));
            } else if (!Entry.isZeroPage(entry)) {
                space.frames.copy(Entry.pfn(entry), pfn, level);
                space.frames.putPage(Entry.pfn(entry), level);
            }
            long page = Entry.page(pfn, level, mapping.privateFlags());
            table.set(index, Entry.isHidden(entry) ? Entry.hidden(page) : page);
        });
    }

    /** A page at home has the file's content before it is faulted in. */
    private void readAbsent(Mapping mapping, SharedFile file, Home home) {
        int level = mapping.pageLevel();
        for (long hva = mapping.start(); hva < mapping.end(); hva += Level.bytes(level)) {
            if (space.table.lookup(hva) == 0) {
                long page = file.page(mapping.fileOffset(hva));
                if (page > 0) {
                    space.frames.copy(page, home.pfn(hva), level);
                }
            }
        }
    }

    private void populate(Mapping mapping) {
        if (mapping.missing() != null || mapping.protection() == Protection.NONE) {
            return;
        }
        boolean write = mapping.protection() == Protection.READ_WRITE;
        long hva = mapping.start();
        while (hva < mapping.end()) {
            space.faultIn(hva, write); // a page that cannot be had, behind a file's end or broken, stays away
            hva = space.table.endOfSlot(hva);
        }
    }
}
