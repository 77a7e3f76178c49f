package io.guestmem.soft.vm;

import io.guestmem.abi.CreateGuestMemfdLayout;
import io.guestmem.abi.ErrorNumber;
import io.guestmem.abi.HostMemory;
import io.guestmem.abi.KvmFileKind;
import io.guestmem.soft.KernelVersion;
import io.guestmem.soft.host.AddressSpace;
import io.guestmem.soft.host.HostFault;
import io.guestmem.soft.host.MapRequest;
import io.guestmem.soft.host.SharedFile;
import io.guestmem.soft.mmu.Memslot;
import io.guestmem.soft.mmu.PrivateMemory;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.locks.ReentrantReadWriteLock;

/**
 * A guest_memfd: pages that belong to a VM. Thread-safe.
 *
 * <p>Pages go from absent to allocated to up to date; punching a hole makes them absent again. Their content is zero until
 * something is put in. Source: Linux 7.2 {@code guest_memfd.c}.
 */
final class GuestMemfd extends OpenFile implements PrivateMemory {
    private static final int KEEP_SIZE = 1;
    private static final int PUNCH_HOLE = 2;
    private static final long PAGE = 4096;

    private final VirtualMachine vm;
    private final long size;
    private final long flags;
    private final SharedFile file;
    private final GuestMemfdPages pages = new GuestMemfdPages();

    /** The inode's invalidate lock: pages come under it shared, and go under it alone. */
    private final ReentrantReadWriteLock invalidateLock = new ReentrantReadWriteLock();

    /** Which pages back which memslots. Guarded by the VM's {@code slots_lock}, and replaced as a whole. */
    private volatile List<Binding> bindings = List.of();

    private volatile boolean closed;

    /** A range of pages of the file behind a memslot. */
    record Binding(int addressSpace, int slotId, long baseGfn, long index, long count) {
        /** The gfns behind pages of the file; empty if it has none of them. */
        GfnRange gfns(long from, long to) {
            long first = Math.max(from, index);
            long last = Math.min(to, index + count);
            return new GfnRange(addressSpace, baseGfn + first - index, baseGfn + Math.max(first, last) - index);
        }
    }

    private GuestMemfd(VirtualMachine vm, long size, long flags) {
        this.vm = vm;
        this.size = size;
        this.flags = flags;
        this.file = SharedFile.guestMemfd(vm.frames(), size, null);
    }

    /** {@code KVM_CREATE_GUEST_MEMFD}: a descriptor or a negated errno. */
    static long create(VirtualMachine vm, Caller caller, long size, long flags) {
        if ((flags & ~supportedFlags(vm)) != 0 || size <= 0 || (size & (PAGE - 1)) != 0) {
            return Failure.EINVAL;
        }
        vm.file().get();
        GuestMemfd made = new GuestMemfd(vm, size, flags);
        int descriptor = caller.install(made, false);
        if (descriptor < 0) {
            made.put();
        }
        return descriptor;
    }

    /** The flags that a VM's guest_memfds can have: {@code kvm_gmem_get_supported_flags}. */
    static long supportedFlags(VirtualMachine vm) {
        if (!vm.options().kernelVersion().atLeast(KernelVersion.V6_18)) {
            return 0;
        }
        long shared = vm.type().privateMemory() ? 0 : CreateGuestMemfdLayout.INIT_SHARED;
        return CreateGuestMemfdLayout.MMAP | shared;
    }

    @Override
    public KvmFileKind kind() {
        return KvmFileKind.GUEST_MEMFD;
    }

    VirtualMachine vm() {
        return vm;
    }

    @Override
    public long size() {
        return size;
    }

    @Override
    public long mapPrivate() {
        return isMappable() ? Failure.EINVAL : Failure.ENODEV;
    }

    @Override
    public boolean isMappable() {
        return (flags & CreateGuestMemfdLayout.MMAP) != 0;
    }

    @Override
    public long page(long index) {
        if (closed) {
            return Failure.EFAULT;
        }
        long known = pages.get(index);
        if (GuestMemfdPages.isUpToDate(known)) {
            return HostFault.page(GuestMemfdPages.pfn(known), 1, true);
        }
        vm.schedule().lock(invalidateLock.readLock());
        try {
            long pfn = allocate(index);
            if (pfn < 0) {
                return pfn;
            }
            // Frames come zeroed, so there is nothing to clear.
            pages.set(index, pfn, true);
            return HostFault.page(pfn, 1, true);
        } finally {
            invalidateLock.readLock().unlock();
        }
    }

    /** The frame of a page; 0 if it has none. */
    long frame(long index) {
        return GuestMemfdPages.pfn(pages.get(index));
    }

    /** The frame of a page, or a negated errno. Under the invalidate lock. */
    private long allocate(long index) {
        long pfn = pages.mayGrow() ? file.frame(index * PAGE) : Failure.ENOMEM;
        if (pfn > 0 && pages.get(index) == 0) {
            pages.set(index, pfn, false);
        }
        return pfn;
    }

    /**
     * Puts content into a page that has none: {@code kvm_gmem_populate} of one page.
     *
     * @param content is told the frame, which reads as zeroes, and answers 0 or a negated errno
     */
    int populate(long index, PageContent content) {
        return populate(index, true, content);
    }

    /** As {@link #populate}, but whether the page may have content already is for the content to know: Linux 7.2. */
    int replace(long index, PageContent content) {
        return populate(index, false, content);
    }

    private int populate(long index, boolean once, PageContent content) {
        vm.schedule().lock(invalidateLock.writeLock());
        try {
            if (closed) {
                return Failure.EFAULT;
            }
            if (once && GuestMemfdPages.isUpToDate(pages.get(index))) {
                return Failure.EEXIST;
            }
            long pfn = allocate(index);
            int result = pfn < 0 ? (int) pfn : content.put(pfn);
            if (result == 0) {
                pages.set(index, pfn, true);
            }
            return result;
        } finally {
            invalidateLock.writeLock().unlock();
        }
    }

    /** Fills a page. */
    @FunctionalInterface
    interface PageContent {
        int put(long pfn);
    }

    @Override
    public long allocate(Caller caller, int mode, long offset, long length) {
        if (offset < 0 || length <= 0) {
            return Failure.EINVAL;
        }
        if ((mode & KEEP_SIZE) == 0 || (mode & ~(KEEP_SIZE | PUNCH_HOLE)) != 0) {
            return Failure.EOPNOTSUPP;
        }
        if (((offset | length) & (PAGE - 1)) != 0) {
            return Failure.EINVAL;
        }
        long end = offset + length;
        if ((mode & PUNCH_HOLE) != 0) {
            invalidate(offset / PAGE, end < 0 || end > size ? Math.max(size, offset) / PAGE : end / PAGE);
            return 0;
        }
        if (end < 0 || end > size) {
            return Failure.EINVAL;
        }
        return allocateRange(caller, offset / PAGE, end / PAGE);
    }

    private long allocateRange(Caller caller, long from, long to) {
        vm.schedule().lock(invalidateLock.readLock());
        try {
            for (long index = from; index < to; index++) {
                if (caller.signals().pending()) {
                    return Failure.EINTR;
                }
                long pfn = allocate(index);
                if (pfn < 0) {
                    return pfn;
                }
            }
            return 0;
        } finally {
            invalidateLock.readLock().unlock();
        }
    }

    /** Takes pages away, from the guest first. */
    private void invalidate(long from, long to) {
        invalidated(from, to, () -> {
            if (from < to) {
                pages.forEach(from, to, vm::freed);
                pages.remove(from, to);
                file.punchHole(from * PAGE, (to - from) * PAGE);
            }
        });
    }

    /** {@inheritDoc} The guest loses its mapping, and meets the error when it comes back. */
    @Override
    public long breakPage(long offset) {
        if (offset < 0 || offset >= size) {
            return Failure.EINVAL;
        }
        long index = offset / PAGE;
        invalidated(index, index + 1, () -> {
            if (allocate(index) > 0) {
                pages.forEach(index, index + 1, vm::freed);
                pages.remove(index, index + 1);
                file.breakPage(index * PAGE);
            }
        });
        return 0;
    }

    /** Does something to pages while no guest can reach them. */
    private void invalidated(long from, long to, Runnable change) {
        vm.schedule().lock(invalidateLock.writeLock());
        try {
            List<GfnRange> gfns = bound(from, to);
            vm.beginInvalidation(gfns, ZapFilter.ALL);
            gfns.forEach(range -> vm.unmapped(range.from(), range.to(), true));
            change.run();
            vm.endInvalidation(gfns);
        } finally {
            invalidateLock.writeLock().unlock();
        }
    }

    private List<GfnRange> bound(long from, long to) {
        List<GfnRange> gfns = new ArrayList<>();
        for (Binding binding : bindings) {
            GfnRange range = binding.gfns(from, to);
            if (!range.isEmpty()) {
                gfns.add(range);
            }
        }
        return gfns;
    }

    /** Binds pages to a memslot: 0 or a negated errno. Under {@code slots_lock}. */
    int bind(Memslot slot) {
        long from = slot.privateIndex();
        long to = from + slot.pages();
        if (to * PAGE > size || to * PAGE < 0) {
            return Failure.EINVAL;
        }
        for (Binding binding : bindings) {
            if (from < binding.index() + binding.count() && binding.index() < to) {
                return vm.options().kernelVersion().atLeast(KernelVersion.V7_2) ? Failure.EEXIST : Failure.EINVAL;
            }
        }
        List<Binding> more = new ArrayList<>(bindings);
        more.add(new Binding(slot.addressSpace(), slot.id(), slot.baseGfn(), from, slot.pages()));
        bindings = List.copyOf(more);
        return 0;
    }

    /** The memslot is gone. Under {@code slots_lock}. */
    void unbind(Memslot slot) {
        bindings = bindings.stream()
                .filter(each -> each.addressSpace() != slot.addressSpace() || each.slotId() != slot.id())
                .toList();
    }

    @Override
    public HostMemory map(Caller caller, long offset, long length) {
        if (!isMappable()) {
            throw refused(ErrorNumber.ENODEV, "mmap");
        }
        boolean touchable = (flags & CreateGuestMemfdLayout.INIT_SHARED) != 0;
        SharedFile mapped = touchable ? file : SharedFile.guestMemfd(vm.frames(), size, GuestMemfd::busError);
        get();
        long hva = caller.memory().map(MapRequest.shared(mapped, offset, length));
        if (!touchable) {
            mapped.close();
        }
        if (hva < 0) {
            put();
            throw refused(ErrorNumber.of((int) -hva).orElse(ErrorNumber.EINVAL), "mmap");
        }
        return new UserMapping(caller.memory(), hva, length, this);
    }

    /** A mapping of the file as one segment: pages move to be neighbours, so the guest must look them up again. */
    MemorySegment contiguous(AddressSpace space, long hva, long length) {
        if ((flags & CreateGuestMemfdLayout.INIT_SHARED) == 0) {
            throw new IllegalStateException("touching this guest_memfd is SIGBUS: it was made without INIT_SHARED");
        }
        MemorySegment[] segment = {MemorySegment.NULL};
        invalidated(0, size / PAGE, () -> {
            segment[0] = space.contiguous(hva, length);
            pages.remove(0, size / PAGE);
        });
        return segment[0];
    }

    /** A page that is not shared with the host. */
    private static void busError(long offset, MemorySegment page) throws IOException {
        throw new IOException("page at " + offset + " is not shared with the host");
    }

    @Override
    protected void released() {
        vm.withSlotsLock(() -> {
            invalidated(0, size / PAGE, () -> {
                closed = true;
                pages.forEach(0, size / PAGE, vm::freed);
            });
            bindings = List.of();
            return 0;
        });
        file.close();
        vm.file().put();
    }
}
