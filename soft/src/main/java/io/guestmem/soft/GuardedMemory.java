package io.guestmem.soft;

import io.guestmem.abi.HostMemory;
import io.guestmem.soft.host.AddressSpace;
import java.lang.foreign.MemorySegment;
import java.time.Duration;
import java.util.HashSet;
import java.util.OptionalLong;
import java.util.Set;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;

/**
 * Memory of a simulated process under a userfaultfd ({@code UFFDIO_REGISTER_MODE_MISSING}): whoever touches a missing page waits
 * until it is put in, or a signal interrupts it. Thread-safe.
 */
public final class GuardedMemory implements AutoCloseable {
    private static final long PAGE = 4096;
    private static final long LOOK_AGAIN_NANOS = 1_000_000;

    private final AddressSpace space;
    private final HostMemory memory;
    private final SoftKernel kernel;
    private final LinkedBlockingQueue<Long> faults = new LinkedBlockingQueue<>();
    private final ReentrantLock lock = new ReentrantLock();
    private final Condition filled = lock.newCondition();

    /** Missing pages that somebody waits for, or did. Guarded by {@link #lock}. */
    private final Set<Long> announced = new HashSet<>();

    /** Guarded by {@link #lock}. */
    private boolean closed;

    GuardedMemory(SoftKernel kernel, AddressSpace space, HostMemory memory) {
        this.kernel = kernel;
        this.space = space;
        this.memory = memory;
        if (space.serveMissing(memory.hva(), memory.length(), this::await) != 0) {
            throw new IllegalStateException("cannot guard " + memory.hva());
        }
    }

    /** The memory; its segment would wait for ever. */
    public HostMemory memory() {
        return memory;
    }

    /**
     * A thread touches a missing page: true to look again, false for EINTR. It looks again from time to time, because the page
     * may have come before it began to wait, and signals of the simulation wake nobody.
     */
    private boolean await(long hva, boolean write) {
        long offset = hva - memory.hva();
        lock.lock();
        try {
            if (announced.add(offset)) {
                faults.add(offset);
            }
            long left = LOOK_AGAIN_NANOS;
            while (left > 0 && !closed && announced.contains(offset)) {
                left = filled.awaitNanos(left);
            }
            return !kernel.thread().signals().pending();
        } catch (InterruptedException _) { // the thread is to end what it does
            Thread.currentThread().interrupt();
            return false;
        } finally {
            lock.unlock();
        }
    }

    /**
     * Waits until somebody has touched a missing page.
     *
     * @return its offset in bytes
     * @throws InterruptedException if the thread is interrupted
     */
    public long awaitFault() throws InterruptedException {
        return faults.take();
    }

    /**
     * The same for some time.
     *
     * @return its offset in bytes; nothing if nobody has touched one
     * @throws InterruptedException if the thread is interrupted
     */
    public OptionalLong awaitFault(Duration limit) throws InterruptedException {
        Long offset = faults.poll(limit.toNanos(), TimeUnit.NANOSECONDS);
        return offset == null ? OptionalLong.empty() : OptionalLong.of(offset);
    }

    /**
     * Puts in a page ({@code UFFDIO_COPY}), and wakes whoever waits.
     *
     * @param offset a multiple of 4096
     * @param content 4096 bytes
     * @return 0 or a negated errno: {@code -EEXIST} if the page is there
     */
    public long resolve(long offset, MemorySegment content) {
        if (content.byteSize() != PAGE) {
            throw new IllegalArgumentException("not a page: " + content.byteSize() + " bytes");
        }
        long result = space.fill(memory.hva() + offset, content);
        lock.lock();
        try {
            announced.remove(offset);
            filled.signalAll();
        } finally {
            lock.unlock();
        }
        return result;
    }

    /** Guards it no more, and unmaps it. */
    @Override
    public void close() {
        space.serveMissing(memory.hva(), memory.length(), null);
        lock.lock();
        try {
            closed = true;
            filled.signalAll();
        } finally {
            lock.unlock();
        }
        memory.close();
    }
}
