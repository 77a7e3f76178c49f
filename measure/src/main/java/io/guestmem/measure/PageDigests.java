package io.guestmem.measure;

import io.guestmem.measure.layout.Hashes;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/**
 * The SHA-384 of each page of a region. A page that equals the one before it has its digest: firmware is full of padding. One
 * thread uses one at a time.
 */
final class PageDigests {
    private static final int PAGE = LaunchStep.PAGE;
    private static final int DIGEST = Hashes.SHA384_SIZE;
    /** Pages that a thread takes at once. */
    private static final int SHARE = 64;

    private final MessageDigest digest = Hashes.sha384();
    private final MemorySegment memory;
    /** The array that the memory is, and where in it; null if it is none. */
    private final byte @Nullable [] array;

    private final int base;
    private final byte[] lastDigest = new byte[DIGEST];
    private byte[] page = new byte[0];
    private byte[] lastPage = new byte[0];
    private int lastAt = -1;

    PageDigests(MemorySegment memory) {
        this.memory = memory;
        if (memory.heapBase().orElse(null) instanceof byte[] bytes) {
            array = bytes;
            base = (int) memory.address();
        } else {
            array = null;
            base = 0;
            page = new byte[PAGE];
            lastPage = new byte[PAGE];
        }
    }

    /** Puts the digest of the page at an offset. */
    void put(long offset, byte[] into, int at) {
        byte[] bytes = array;
        int from = base + (int) offset;
        if (bytes == null) {
            byte[] free = lastPage;
            lastPage = page;
            page = free;
            MemorySegment.copy(memory, ValueLayout.JAVA_BYTE, offset, free, 0, PAGE);
            bytes = free;
            from = 0;
        }
        byte[] before = array == null ? lastPage : bytes;
        if (lastAt < 0 || !Arrays.equals(bytes, from, from + PAGE, before, lastAt, lastAt + PAGE)) {
            digest.update(bytes, from, PAGE);
            Hashes.finish(digest, lastDigest, 0);
        }
        lastAt = from;
        System.arraycopy(lastDigest, 0, into, at, DIGEST);
    }

    /**
     * The digests of all pages, one after the other.
     *
     * @param memory at most 2 GiB
     * @param threads at least 1
     */
    static byte[] of(MemorySegment memory, int threads) {
        int pages = (int) (memory.byteSize() / PAGE);
        byte[] digests = new byte[pages * DIGEST];
        AtomicInteger next = new AtomicInteger();
        Runnable work = () -> {
            PageDigests mine = new PageDigests(memory);
            for (int first = next.getAndAdd(SHARE); first < pages; first = next.getAndAdd(SHARE)) {
                for (int i = first; i < Math.min(first + SHARE, pages); i++) {
                    mine.put((long) i * PAGE, digests, i * DIGEST);
                }
            }
        };
        share(work, threads);
        return digests;
    }

    /** Bare threads: an executor links method handles first, which takes longer than to hash a firmware. */
    private static void share(Runnable work, int threads) {
        List<Throwable> failures = Collections.synchronizedList(new ArrayList<>());
        Thread.Builder builder = Thread.ofPlatform()
                .daemon()
                .name("guestmem-page-digests-", 0)
                .uncaughtExceptionHandler((_, failure) -> failures.add(failure));
        List<Thread> others = new ArrayList<>();
        for (int i = 1; i < threads; i++) {
            others.add(builder.start(work));
        }
        try {
            work.run();
        } finally {
            others.forEach(PageDigests::await);
        }
        if (!failures.isEmpty()) {
            throw new IllegalStateException("a thread that hashes pages failed", failures.getFirst());
        }
    }

    private static void await(Thread thread) {
        boolean interrupted = false;
        while (thread.isAlive()) {
            try {
                thread.join();
            } catch (InterruptedException _) {
                interrupted = true;
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }
}
