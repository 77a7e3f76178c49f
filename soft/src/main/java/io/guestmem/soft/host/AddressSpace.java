package io.guestmem.soft.host;

import io.guestmem.soft.KernelVersion;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.function.IntSupplier;
import org.jspecify.annotations.Nullable;

/**
 * One process's memory: the kernel's {@code mm_struct}.
 *
 * <p>Addresses and lengths are in bytes. Operations answer as system calls do: 0, or a negated errno. Thread-safe; {@link
 * #faultIn} of a page that is there takes no lock and allocates nothing, everything else takes the host's lock, under which
 * notifiers are called.
 */
public final class AddressSpace implements HostMemoryView, AutoCloseable {
    private static final int USER_ADDRESS_BITS = 47;

    final FrameTable frames;
    final Host host;
    final PageTable table = new PageTable(PageTable.ROOT);
    final Notifiers notifiers;
    final Mappings mappings = new Mappings(this);
    final Zap zap = new Zap(this);
    final HugePages huge = new HugePages(this);
    final Reclaim reclaim = new Reclaim(this);

    final KernelVersion version;

    private final ThpPolicy thp;
    private final Faults faults;
    private final Advising advising;
    private final UserAccess access = new UserAccess(this);
    /** Guarded by the host's lock. */
    private boolean closed;

    /**
     * Makes an empty address space.
     *
     * @param frames of the host; stays open until after this is closed
     * @param thp the policy for mappings that do not ask for another
     */
    public AddressSpace(FrameTable frames, ThpPolicy thp) {
        this(frames, thp, KernelVersion.V7_2);
    }

    /**
     * The same as an older kernel manages it.
     *
     * @param version where versions differ
     */
    public AddressSpace(FrameTable frames, ThpPolicy thp, KernelVersion version) {
        this.frames = frames;
        this.thp = thp;
        this.version = version;
        host = frames.host;
        notifiers = new Notifiers(host.schedule);
        faults = new Faults(this);
        advising = new Advising(this);
        locked(() -> {
            host.spaces.add(this);
            return 0;
        });
    }

    @Override
    public long faultIn(long hva, boolean write) {
        if (hva >>> USER_ADDRESS_BITS == 0) {
            long entry = table.lookup(hva);
            if (Entry.allows(entry, write)) {
                return Entry.fault(entry, hva);
            }
        }
        return faults.fault(hva, write);
    }

    @Override
    public int mappingLevel(long hva) {
        if (hva >>> USER_ADDRESS_BITS != 0) {
            return Level.SMALL;
        }
        long entry = table.lookup(hva);
        return Entry.isPresent(entry) ? Entry.level(entry) : Level.SMALL;
    }

    @Override
    public void register(MmuNotifier notifier) {
        notifiers.add(notifier);
    }

    @Override
    public void unregister(MmuNotifier notifier) {
        notifiers.remove(notifier);
    }

    /**
     * {@code mmap(2)}. Nothing is touched.
     *
     * @return the address, or {@code -EINVAL}, {@code -ENOMEM}
     */
    public long map(MapRequest request) {
        host.lock();
        try {
            if (!request.isValid()) {
                return Failure.EINVAL;
            }
            long end = request.hva() + request.length();
            if (closed || request.length() > Mappings.LIMIT || end < 0 || end > Mappings.LIMIT) {
                return Failure.ENOMEM;
            }
            long at = request.hva();
            if (at == 0) {
                at = mappings.place(request.length(), Math.max(request.alignment(), Level.bytes(request.pageLevel())));
                if (at == 0) {
                    return Failure.ENOMEM;
                }
            } else if (zap.unmap(at, end) != 0) {
                return Failure.EINVAL;
            }
            mappings.add(Mapping.of(at, request, thp));
            return at;
        } finally {
            host.unlock();
        }
    }

    /**
     * {@code munmap(2)}: parts of mappings too, and what is not mapped.
     *
     * @param hva page aligned
     * @param length positive; rounded up to pages
     * @return 0, or {@code -EINVAL}: also for a part of a hugetlb page
     */
    public int unmap(long hva, long length) {
        long end = endOf(hva, length);
        return end < 0 || end == hva ? Failure.EINVAL : locked(() -> zap.unmap(hva, end));
    }

    /**
     * {@code mprotect(2)}.
     *
     * @param hva page aligned
     * @param length rounded up to pages
     * @return 0, {@code -EINVAL}, or {@code -ENOMEM} at the first hole: what is before it is changed
     */
    public int protect(long hva, long length, Protection protection) {
        long end = endOf(hva, length);
        if (end < 0 || end == hva) {
            return end < 0 ? Failure.EINVAL : 0;
        }
        return locked(() -> zap.protect(hva, end, protection));
    }

    /**
     * {@code madvise(2)}.
     *
     * @param hva page aligned
     * @param length rounded up to pages
     * @return 0; {@code -ENOMEM} if part of the range is not mapped: the rest is done; {@code -EINVAL} for what this memory
     *     does not know; {@code -EACCES} to remove pages of a private mapping; {@code -EFAULT}, {@code -EHWPOISON} or
     *     {@code -EINTR} for a page that cannot be populated
     */
    public int advise(Advice advice, long hva, long length) {
        long end = endOf(hva, length);
        if (end < 0 || end == hva) {
            return end < 0 ? Failure.EINVAL : 0;
        }
        return switch (advice) {
            case POPULATE_READ -> advising.populate(hva, end, false);
            case POPULATE_WRITE -> advising.populate(hva, end, true);
            default -> locked(() -> advising.advise(advice, hva, end));
        };
    }

    /**
     * {@code fork(2)}: another process with the same memory. Private pages are shared until one of the two writes.
     *
     * <p>Pages of {@link #contiguous} memory are copied at once for the child, and read-only in the parent until it writes.
     */
    public AddressSpace fork() {
        host.lock();
        try {
            AddressSpace child = new AddressSpace(frames, thp, version);
            new Fork(this, child).copy();
            return child;
        } finally {
            host.unlock();
        }
    }

    /**
     * {@code MADV_HWPOISON}: the page is faulted in, and breaks. A transparent huge page loses 4 KiB, a hugetlb page is lost
     * whole.
     *
     * @return 0, {@code -EFAULT} if there is no page, {@code -EHWPOISON} if it is broken already, {@code -EBUSY} for the zero
     *     page
     */
    public int hwpoison(long hva) {
        long fault = faultIn(hva, false);
        if (!HostFault.isPage(fault)) {
            return (int) fault;
        }
        return locked(() -> {
            Mapping mapping = mappings.find(hva);
            long entry = mapping == null ? 0 : table.lookup(hva);
            return mapping != null && Entry.isPresent(entry)
                    ? new Poison(this).poison(mapping, hva, entry)
                    : Failure.EFAULT;
        });
    }

    /**
     * Reads as the process does: faults in what is not there.
     *
     * @param into filled from its start
     * @return how many bytes were read, up to the first page that cannot be; if that is the first one {@code -EFAULT}, {@code
     *     -EHWPOISON} or {@code -EINTR}
     */
    public long load(long hva, MemorySegment into) {
        return access.copy(hva, into, false);
    }

    /**
     * Writes as the process does: faults in what is not there, and breaks copy-on-write.
     *
     * @return as {@link #load}
     */
    public long store(long hva, MemorySegment from) {
        return access.copy(hva, from, true);
    }

    /**
     * Registers who serves missing pages of a range from now on, as {@code UFFDIO_REGISTER} does.
     *
     * @param handler null to unregister
     * @return 0, or {@code -EINVAL} for what is not all mapped, for private mappings of files, or for a guest_memfd
     */
    public int serveMissing(long hva, long length, @Nullable MissingHandler handler) {
        long end = endOf(hva, length);
        if (end < 0 || end == hva) {
            return Failure.EINVAL;
        }
        return locked(() -> {
            if (!mappings.cover(hva, end) || !mappings.in(hva, end).stream().allMatch(Mapping::isGuardable)) {
                return Failure.EINVAL;
            }
            mappings.change(hva, end, mapping -> mapping.served(handler));
            return 0;
        });
    }

    /**
     * Whether a userfaultfd may guard a range ({@code UFFDIO_REGISTER}); nothing is registered. Source: Linux 7.2
     * {@code mm/userfaultfd.c:vma_can_userfault}.
     *
     * @param minor whether it shall hear of pages that are in a file and not mapped: of files only
     * @return 0 or {@code -EINVAL}
     */
    public int mayGuard(long hva, long length, boolean minor) {
        long end = endOf(hva, length);
        return locked(() -> end > hva
                        && mappings.cover(hva, end)
                        && mappings.in(hva, end).stream()
                                .allMatch(each -> each.isGuardable() && (!minor || each.file() != null))
                ? 0
                : Failure.EINVAL);
    }

    /**
     * Fills a missing page, as {@code UFFDIO_COPY} does; the content is there before anybody sees the page.
     *
     * @param hva aligned to the page
     * @param content as long as the page
     * @return 0, {@code -ENOENT} if the range is not served, {@code -EEXIST} if the page is there, or {@code -EINVAL}
     */
    public int fill(long hva, MemorySegment content) {
        return locked(() -> faults.fill(hva, content));
    }

    /**
     * Memory as one segment, for Java code to read and write. Pages move to be neighbours and stay so; all are populated,
     * writable where the protection allows. They are never the zero page again, nor swapped: Java code writes to them without a
     * fault. Missing pages of a served range stay missing.
     *
     * <p>The segment refuses access when the last mapping is gone, or for shared memory the file.
     *
     * @param hva page aligned
     * @param length a positive multiple of 4096; all private, or all of one file in a row; for the first time whole hugetlb pages
     * @throws IllegalArgumentException if it is not, if nothing is mapped, or if the range reaches behind a file's end or out of
     *     private memory that already is in one place
     * @throws OutOfMemoryError if there is not so much native memory
     */
    public MemorySegment contiguous(long hva, long length) {
        if (!Level.isAligned(length, Level.SMALL) || length == 0 || endOf(hva, length) < 0) {
            throw new IllegalArgumentException("0x" + Long.toHexString(hva) + " + " + length);
        }
        host.lock();
        try {
            return new Contiguous(this).segment(hva, length);
        } finally {
            host.unlock();
        }
    }

    /** How many page faults the process took, those on behalf of its VMs included: {@code ru_minflt} and {@code ru_majflt}. */
    public long pageFaults() {
        host.lock();
        try {
            return faults.taken();
        } finally {
            host.unlock();
        }
    }

    /** How much is in the page table. */
    public ResidentSet residentSet() {
        host.lock();
        try {
            return new Description(this).residentSet();
        } finally {
            host.unlock();
        }
    }

    /** The states of a range's pages; what is not mapped is left out. */
    public List<HostRun> describe(long hva, long length) {
        host.lock();
        try {
            return new Description(this).runs(hva, hva + length);
        } finally {
            host.unlock();
        }
    }

    /** The states of all pages. */
    public List<HostRun> describe() {
        return describe(0, Mappings.LIMIT);
    }

    /** The process is gone: everything is unmapped, notifiers are told. Closing twice is allowed. */
    @Override
    public void close() {
        locked(() -> {
            closed = true;
            host.spaces.remove(this);
            return zap.unmap(0, Mappings.LIMIT);
        });
    }

    /**
     * Whether the mapping at an address has a page that is the process's own: the kernel's {@code anon_vma}, but that one stays
     * when the last page goes. For holders of the host's lock.
     */
    boolean hasOwnPages(long hva) {
        Mapping mapping = mappings.find(hva);
        boolean[] found = {false};
        if (mapping != null) {
            table.visit(mapping.start(), mapping.end(), (_, _, _, entry) -> found[0] |= Entry.isAnonymous(entry));
        }
        return found[0];
    }

    private int locked(IntSupplier operation) {
        host.lock();
        try {
            return operation.getAsInt();
        } finally {
            host.unlock();
        }
    }

    /** The end of a range in whole pages; negative if the range is none. */
    private static long endOf(long hva, long length) {
        boolean valid = hva >= 0
                && length >= 0
                && Level.isAligned(hva, Level.SMALL)
                && length <= Mappings.LIMIT
                && hva <= Mappings.LIMIT - length;
        return valid ? Level.up(hva + length, Level.SMALL) : -1;
    }
}
