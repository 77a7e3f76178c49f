package io.guestmem.soft.vm;

import io.guestmem.abi.HostAdvice;
import io.guestmem.abi.HostMemory;
import io.guestmem.abi.HostProtection;
import io.guestmem.soft.host.AddressSpace;
import io.guestmem.soft.host.Advice;
import io.guestmem.soft.host.Protection;
import java.lang.foreign.MemorySegment;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jspecify.annotations.Nullable;

/** Memory of a simulated process, for those who hold it through the seam. */
public final class UserMapping implements HostMemory {
    private final AddressSpace space;
    private final long hva;
    private final long length;
    private final @Nullable OpenFile file;
    private final AtomicBoolean closed = new AtomicBoolean();

    /**
     * A mapping.
     *
     * @param file what is mapped, with a reference for this; null if it is no file of KVM
     */
    public UserMapping(AddressSpace space, long hva, long length, @Nullable OpenFile file) {
        this.space = space;
        this.hva = hva;
        this.length = length;
        this.file = file;
    }

    @Override
    public long hva() {
        return hva;
    }

    @Override
    public long length() {
        return length;
    }

    /** {@inheritDoc} Pages move to be neighbours, and all of them are populated. */
    @Override
    public MemorySegment segment() {
        check(0, 0);
        return file instanceof GuestMemfd memfd ? memfd.contiguous(space, hva, length) : space.contiguous(hva, length);
    }

    @Override
    public long load(long offset, MemorySegment into) {
        check(offset, into.byteSize());
        return whole(space.load(hva + offset, into), into.byteSize());
    }

    @Override
    public long store(long offset, MemorySegment from) {
        check(offset, from.byteSize());
        return whole(space.store(hva + offset, from), from.byteSize());
    }

    private static long whole(long done, long wanted) {
        return done == wanted ? 0 : done < 0 ? done : Failure.EFAULT;
    }

    @Override
    public long advise(HostAdvice advice, long offset, long bytes) {
        check(offset, bytes);
        Advice kernel = switch (advice) {
            case DONT_NEED -> Advice.DONTNEED;
            case REMOVE -> Advice.REMOVE;
            case HUGE_PAGE -> Advice.HUGEPAGE;
            case NO_HUGE_PAGE -> Advice.NOHUGEPAGE;
            case COLD -> Advice.COLD;
            case PAGE_OUT -> Advice.PAGEOUT;
            case POPULATE_READ -> Advice.POPULATE_READ;
            case POPULATE_WRITE -> Advice.POPULATE_WRITE;
            case COLLAPSE -> Advice.COLLAPSE;
        };
        boolean refused = advice == HostAdvice.COLLAPSE && file instanceof GuestMemfd;
        return refused ? Failure.EINVAL : space.advise(kernel, hva + offset, bytes);
    }

    @Override
    public long protect(HostProtection protection, long offset, long bytes) {
        check(offset, bytes);
        Protection kernel = switch (protection) {
            case NONE -> Protection.NONE;
            case READ -> Protection.READ;
            case READ_WRITE -> Protection.READ_WRITE;
        };
        return space.protect(hva + offset, bytes, kernel);
    }

    @Override
    public long unmap(long offset, long bytes) {
        check(offset, bytes);
        return space.unmap(hva + offset, bytes);
    }

    private void check(long offset, long bytes) {
        Objects.checkFromIndexSize(offset, bytes, length);
        if (closed.get()) {
            throw new IllegalStateException("the memory is unmapped");
        }
    }

    @Override
    public void close() {
        if (closed.compareAndSet(false, true)) {
            space.unmap(hva, length);
            if (file != null) {
                file.put();
            }
        }
    }
}
