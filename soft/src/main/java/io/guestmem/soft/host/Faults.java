package io.guestmem.soft.host;

import io.guestmem.soft.KernelVersion;
import io.guestmem.soft.Schedule;
import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/**
 * What happens when a page is wanted and its entry does not allow it: the kernel's {@code handle_mm_fault}, for one address
 * space.
 */
final class Faults {
    /** The entry was changed: look again. */
    private static final int AGAIN = 0;

    /** {@code fault_around_bytes}. */
    private static final long FAULT_AROUND = 64 << 10;

    private final AddressSpace space;
    private final FrameTable frames;

    /** Linux 6.12 knows no other way to write to a huge page of zeroes. */
    private final boolean splitsHugeZero;

    /** Faults that ended with a page that was not there before. Guarded by the host's lock. */
    private long taken;

    Faults(AddressSpace space) {
        this.space = space;
        frames = space.frames;
        splitsHugeZero = !space.version.atLeast(KernelVersion.V6_18);
    }

    /**
     * Makes a page present, for writing if asked, or says why not. Takes the host's lock, but not while a
     * {@link MissingHandler} is at work.
     *
     * @return a {@link HostFault}
     */
    long fault(long hva, boolean write) {
        Host host = space.host;
        boolean resolved = false;
        while (true) {
            @Nullable MissingHandler handler;
            long page;
            host.lock();
            try {
                Mapping mapping = space.mappings.find(hva);
                long entry = mapping == null ? 0 : space.table.lookup(hva);
                if (Entry.allows(entry, write)) {
                    taken += resolved ? 1 : 0;
                    return Entry.fault(entry, hva);
                }
                int refused = refused(mapping, entry, write);
                if (mapping == null || refused != 0) {
                    return refused;
                }
                page = Level.down(hva, mapping.pageLevel());
                handler = isMissing(mapping, hva, entry) ? mapping.missing() : null;
                if (handler == null) {
                    int result = resolve(mapping, hva, entry, write);
                    if (result != AGAIN) {
                        return result;
                    }
                    resolved = true;
                    continue;
                }
            } finally {
                host.unlock();
            }
            if (!handler.missing(page, write)) {
                return Failure.EINTR;
            }
        }
    }

    /**
     * Faults that put in a page, or made one writable: those that a userfaultfd had to serve are not among them. For holders of
     * the host's lock. Source: Linux 7.2 {@code mm/memory.c:mm_account_fault}.
     */
    long taken() {
        return taken;
    }

    /**
     * {@code UFFDIO_COPY} of a page; for holders of the host's lock. A file's page comes into its cache, and is mapped when asked
     * for.
     */
    int fill(long hva, MemorySegment content) {
        Mapping mapping = space.mappings.find(hva);
        if (mapping == null || mapping.missing() == null) {
            return Failure.ENOENT;
        }
        int level = mapping.pageLevel();
        if (!Level.isAligned(hva, level) || content.byteSize() != Level.bytes(level)) {
            return Failure.EINVAL;
        }
        if (!isMissing(mapping, hva, space.table.lookup(hva))) {
            return Failure.EEXIST;
        }
        SharedFile file = mapping.file();
        if (file != null) {
            file.fill(mapping.fileOffset(hva), content);
        } else {
            long pfn = newPage(mapping, hva, level);
            MemorySegment.copy(content, 0, NativeMemory.ALL, frames.address(pfn), content.byteSize());
            set(hva, Entry.page(pfn, level, mapping.privateFlags()));
        }
        return 0;
    }

    private static int refused(@Nullable Mapping mapping, long entry, boolean write) {
        if (mapping == null || !mapping.protection().allows(write)) {
            return Failure.EFAULT;
        }
        return Entry.isPoisoned(entry) ? Failure.EHWPOISON : 0;
    }

    /** Whether a userfaultfd would hear of it: nothing is there, for a file not even in its cache. */
    static boolean isMissing(Mapping mapping, long hva, long entry) {
        SharedFile file = mapping.file();
        return entry == 0 && (file == null || !file.has(mapping.fileOffset(hva)));
    }

    private int resolve(Mapping mapping, long hva, long entry, boolean write) {
        if (entry == 0) {
            if (mapping.file() != null) {
                return file(mapping, mapping.file(), hva, write);
            }
            return mapping.isHugetlb() ? hugetlb(mapping, hva, write) : anonymous(mapping, hva, write);
        }
        if (Entry.isSwapped(entry)) {
            return swapIn(mapping, hva, entry, write);
        }
        return writeProtected(mapping, hva, entry);
    }

    /** Source: Linux 7.2 {@code mm/memory.c:do_anonymous_page}, {@code mm/huge_memory.c:do_huge_pmd_anonymous_page}. */
    private int anonymous(Mapping mapping, long hva, boolean write) {
        boolean huge = mapping.wantsHuge() && mapping.holds(hva, Level.HUGE) && !space.table.hasTable(hva, Level.HUGE);
        int level = huge ? Level.HUGE : Level.SMALL;
        if (write || mapping.home() != null) {
            set(hva, Entry.page(newPage(mapping, hva, level), level, mapping.privateFlags()));
        } else {
            set(hva, Entry.page(huge ? Frames.HUGE_ZERO_PFN : Frames.ZERO_PFN, level, 0));
        }
        return AGAIN;
    }

    /** There is no zero page of this kind: a read gets a page too, read-only. Source: {@code mm/hugetlb.c:hugetlb_no_page}. */
    private int hugetlb(Mapping mapping, long hva, boolean write) {
        long pfn = newPage(mapping, hva, mapping.pageLevel());
        long flags = write || mapping.home() != null ? mapping.privateFlags() : Entry.ANONYMOUS;
        set(hva, Entry.page(pfn, mapping.pageLevel(), flags));
        return AGAIN;
    }

    /**
     * A page of the file, writable at once if the mapping is shared; for a write to a private mapping a copy. Source: {@code
     * mm/memory.c:do_read_fault, do_cow_fault, do_shared_fault}; a shared mapping of tmpfs gets a writable entry on reads too.
     */
    private int file(Mapping mapping, SharedFile file, long hva, boolean write) {
        int level = mapping.pageLevel();
        long page = file.page(mapping.fileOffset(Level.down(hva, level)));
        if (page < 0) {
            return (int) page;
        }
        if (mapping.home() != null) {
            set(hva, Entry.page(newPage(mapping, hva, level), level, mapping.privateFlags()));
        } else if (write && !mapping.shared()) {
            long copy = frames.allocate(level);
            frames.copy(page, copy, level);
            set(hva, Entry.page(copy, level, mapping.privateFlags()));
        } else {
            if (!write && level == Level.SMALL) {
                faultAround(mapping, file, hva);
            }
            setFilePage(mapping, hva, page, level);
        }
        return AGAIN;
    }

    private void setFilePage(Mapping mapping, long hva, long page, int level) {
        frames.getPage(page, level);
        boolean writable = mapping.shared() && mapping.protection() == Protection.READ_WRITE;
        set(hva, Entry.page(page, level, writable ? Entry.WRITABLE : 0));
    }

    /**
     * A read maps the 64 KiB around it as far as the file has pages there already. Source: {@code mm/memory.c:do_fault_around},
     * {@code mm/filemap.c:filemap_map_pages}.
     */
    private void faultAround(Mapping mapping, SharedFile file, long hva) {
        long from = Math.max(hva & -FAULT_AROUND, mapping.start());
        long block = Level.down(hva, Level.HUGE) + Level.bytes(Level.HUGE);
        long to = Math.min(from + FAULT_AROUND, Math.min(mapping.end(), block));
        for (long at = from; at < to; at += Level.PAGE) {
            long offset = mapping.fileOffset(at);
            if (at != Level.down(hva, Level.SMALL) && space.table.lookup(at) == 0 && file.has(offset)) {
                long page = file.page(offset);
                if (page > 0) {
                    setFilePage(mapping, at, page, Level.SMALL);
                }
            }
        }
    }

    /** The page is writable at once if nobody else has it swapped. Source: {@code mm/memory.c:do_swap_page}. */
    private int swapIn(Mapping mapping, long hva, long entry, boolean write) {
        long slot = Entry.slot(entry);
        boolean exclusive = space.host.swap.references(slot) == 1;
        long pfn = frames.allocate(Level.SMALL);
        space.reclaim.read(slot, pfn);
        space.host.swap.release(slot);
        set(hva, Entry.page(pfn, Level.SMALL, exclusive || write ? mapping.privateFlags() : Entry.ANONYMOUS));
        return AGAIN;
    }

    /**
     * A write to a page that is present and read-only: it is made writable if it is nobody else's, and copied otherwise, inside
     * an invalidation. Source: {@code mm/memory.c:do_wp_page, wp_page_copy}, {@code mm/huge_memory.c:do_huge_pmd_wp_page,
     * do_huge_zero_wp_pmd}, {@code mm/hugetlb.c:hugetlb_wp}.
     */
    private int writeProtected(Mapping mapping, long hva, long entry) {
        int level = Entry.level(entry);
        long pfn = Entry.pfn(entry);
        boolean own = Entry.isAnonymous(entry) && frames.references(pfn, level) == 1;
        if (mapping.shared() || own) {
            set(hva, entry | Entry.WRITABLE);
        } else if (level == Level.HUGE && !mapping.isHugetlb() && (!Entry.isZeroPage(entry) || splitsHugeZero)) {
            space.huge.split(hva);
        } else {
            long first = Level.down(hva, level);
            long copy = newPage(mapping, first, level);
            if (!Entry.isZeroPage(entry)) {
                frames.copy(pfn, copy, level);
            }
            space.notifiers.around(
                    first,
                    first + Level.bytes(level),
                    () -> set(first, Entry.page(copy, level, mapping.privateFlags())));
            if (!Entry.isZeroPage(entry)) {
                frames.putPage(pfn, level);
            }
        }
        return AGAIN;
    }

    /** A page of zeroes; at home it is whatever Java code has written there. */
    private long newPage(Mapping mapping, long hva, int level) {
        Home home = mapping.home();
        if (home == null) {
            return frames.allocate(level);
        }
        long pfn = home.pfn(Level.down(hva, level));
        frames.getPage(pfn, level);
        return pfn;
    }

    private void set(long hva, long entry) {
        space.host.schedule.point(Schedule.Point.HOST_ENTRY);
        space.table.set(hva, Entry.level(entry), entry);
    }
}
