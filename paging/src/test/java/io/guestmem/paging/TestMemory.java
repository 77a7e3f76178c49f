package io.guestmem.paging;

import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;

/** Memory of some pages from address 0 on, each with the presence that a test gives it, and with somebody who interferes. */
final class TestMemory implements PhysicalMemory {
    private static final int PAGE = 4096;

    private final long[] words;
    private final Map<Long, Presence> presences = new HashMap<>();
    private Runnable beforeNextStore = () -> {};

    TestMemory(int pages) {
        this.words = new long[pages * PAGE / Long.BYTES];
    }

    TestMemory with(long page, Presence presence) {
        presences.put(page / PAGE, presence);
        return this;
    }

    /** What another processor does just before our next compare-and-set. */
    void beforeNextStore(Runnable action) {
        beforeNextStore = action;
    }

    boolean equalsIn(TestMemory other) {
        return Arrays.equals(words, other.words);
    }

    long[] words() {
        return words;
    }

    void store(long address, long value) {
        words[(int) (address / Long.BYTES)] = value;
    }

    @Override
    public Presence presence(long address) {
        Presence everywhere = address >= 0 && address < words.length * 8L ? Presence.WRITABLE : Presence.NONE;
        return presences.getOrDefault(address / PAGE, everywhere);
    }

    @Override
    public long read64(long address) {
        checkReadable(address);
        return words[(int) (address / Long.BYTES)];
    }

    @Override
    public int read32(long address) {
        checkReadable(address);
        return (int) (words[(int) (address / Long.BYTES)] >>> (8 * (address & 4)));
    }

    @Override
    public boolean compareAndSet64(long address, long expected, long replacement) {
        interfere(address);
        if (read64(address) != expected) {
            return false;
        }
        words[(int) (address / Long.BYTES)] = replacement;
        return true;
    }

    @Override
    public boolean compareAndSet32(long address, int expected, int replacement) {
        interfere(address);
        if (read32(address) != expected) {
            return false;
        }
        int shift = (int) (8 * (address & 4));
        int at = (int) (address / Long.BYTES);
        words[at] = (words[at] & ~(0xFFFF_FFFFL << shift)) | Integer.toUnsignedLong(replacement) << shift;
        return true;
    }

    private void interfere(long address) {
        Runnable action = beforeNextStore;
        beforeNextStore = () -> {};
        action.run();
        if (presence(address) != Presence.WRITABLE) {
            throw new AssertionError("a store where nothing may be stored: 0x" + Long.toHexString(address));
        }
    }

    private void checkReadable(long address) {
        Presence presence = presence(address);
        if (presence != Presence.READ_ONLY && presence != Presence.WRITABLE) {
            throw new AssertionError("a read where nothing can be read: 0x" + Long.toHexString(address));
        }
    }
}
