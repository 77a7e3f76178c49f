package io.guestmem.soft.vm;

import io.guestmem.abi.DirtyGfnLayout;
import io.guestmem.soft.mmu.NativeMemory;

/**
 * A vCPU's ring of dirty pages, in memory that the user maps. The vCPU adds entries with flag DIRTY; the user reads them and
 * sets RESET; {@code KVM_RESET_DIRTY_RINGS} takes them back. Source: Linux 7.2 {@code dirty_ring.c}.
 *
 * <p>Entries are added by whoever has the vCPU's mutex, and taken back under {@code slots_lock}.
 */
final class DirtyRing {
    private static final int RESERVED = 64;

    private final long address;
    private final int entries;
    private volatile int added;
    private volatile int reset;

    DirtyRing(long address, long bytes) {
        this.address = address;
        this.entries = (int) (bytes / DirtyGfnLayout.STRUCT.size());
    }

    /** The size of an entry in bytes. */
    static int entrySize() {
        return DirtyGfnLayout.STRUCT.size();
    }

    /** The smallest size of a ring in bytes. */
    static long smallest() {
        return Math.max((long) RESERVED * entrySize(), 4096);
    }

    @SuppressWarnings("NonAtomicVolatileUpdate") // one producer
    void push(int slot, long offset) {
        long entry = entry(added);
        NativeMemory.setIntRelease(entry + DirtyGfnLayout.SLOT, slot);
        NativeMemory.set(entry + DirtyGfnLayout.OFFSET, offset);
        NativeMemory.setIntRelease(entry + DirtyGfnLayout.FLAGS, DirtyGfnLayout.DIRTY);
        added++;
    }

    /** Whether the user must collect entries before the vCPU runs on. */
    boolean isSoftFull() {
        return added - reset >= entries - RESERVED;
    }

    /** Takes back the next entry that the user has collected; false if there is none. */
    @SuppressWarnings("NonAtomicVolatileUpdate") // one consumer
    boolean takeCollected(Collected into) {
        long entry = entry(reset);
        if ((NativeMemory.getIntAcquire(entry + DirtyGfnLayout.FLAGS) & DirtyGfnLayout.RESET) == 0) {
            return false;
        }
        into.slot = NativeMemory.getIntAcquire(entry + DirtyGfnLayout.SLOT);
        into.offset = NativeMemory.get(entry + DirtyGfnLayout.OFFSET);
        NativeMemory.setIntRelease(entry + DirtyGfnLayout.FLAGS, 0);
        reset++;
        return true;
    }

    /** An entry that the user has collected; what it says is the user's word. */
    static final class Collected {
        int slot;
        long offset;
    }

    private long entry(int index) {
        return address + (long) (index & (entries - 1)) * entrySize();
    }
}
