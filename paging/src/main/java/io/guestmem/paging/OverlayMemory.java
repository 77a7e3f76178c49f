package io.guestmem.paging;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentMap;

/**
 * Memory over another one that stays as it is: pages that are written are copied first. So bits can be set in the tables of an
 * image. Thread-safe if the memory below is.
 */
public final class OverlayMemory implements PhysicalMemory {
    private static final int PAGE = 4096;
    private static final VarHandle WORDS = MethodHandles.arrayElementVarHandle(long[].class);

    private final PhysicalMemory below;
    private final ConcurrentMap<Long, long[]> pages = new ConcurrentHashMap<>();

    /** An overlay over memory that has nothing written yet. */
    public OverlayMemory(PhysicalMemory below) {
        this.below = below;
    }

    /** How many pages were written. */
    public int pages() {
        return pages.size();
    }

    @Override
    public Presence presence(long address) {
        Presence presence = below.presence(address);
        return presence == Presence.READ_ONLY ? Presence.WRITABLE : presence;
    }

    @Override
    public long read64(long address) {
        long[] page = pages.get(address / PAGE);
        return page == null ? below.read64(address) : (long) WORDS.getVolatile(page, word(address));
    }

    @Override
    public int read32(long address) {
        long[] page = pages.get(address / PAGE);
        return page == null
                ? below.read32(address)
                : (int) ((long) WORDS.getVolatile(page, word(address)) >>> shift(address));
    }

    @Override
    public boolean compareAndSet64(long address, long expected, long replacement) {
        return WORDS.compareAndSet(copied(address), word(address), expected, replacement);
    }

    @Override
    public boolean compareAndSet32(long address, int expected, int replacement) {
        long[] page = copied(address);
        long both;
        long replaced;
        do {
            both = (long) WORDS.getVolatile(page, word(address));
            if ((int) (both >>> shift(address)) != expected) {
                return false;
            }
            long half = 0xFFFF_FFFFL << shift(address);
            replaced = (both & ~half) | (Integer.toUnsignedLong(replacement) << shift(address));
        } while (!WORDS.compareAndSet(page, word(address), both, replaced));
        return true;
    }

    @Override
    public void readPage(long address, long[] into) {
        long[] page = pages.get(address / PAGE);
        if (page == null) {
            below.readPage(address, into);
        } else {
            System.arraycopy(page, 0, into, 0, into.length);
        }
    }

    private long[] copied(long address) {
        return pages.computeIfAbsent(address / PAGE, number -> {
            long[] page = new long[PAGE / Long.BYTES];
            below.readPage(number * PAGE, page);
            return page;
        });
    }

    private static int word(long address) {
        return (int) (address % PAGE) / Long.BYTES;
    }

    private static int shift(long address) {
        return (int) (address & Integer.BYTES) * Byte.SIZE;
    }
}
