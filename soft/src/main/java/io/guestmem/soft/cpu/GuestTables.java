package io.guestmem.soft.cpu;

import io.guestmem.paging.PhysicalMemory;
import io.guestmem.soft.mmu.GuestAccess;

/**
 * The guest's page tables as the processor walks them: through stage 2, so that a walk faults tables in like any other memory.
 *
 * <p>What stage 2 cannot deliver aborts the instruction, but a table without a memslot is a fault of the guest: KVM's emulator
 * finds no table there and injects #PF.
 */
final class GuestTables implements PhysicalMemory {
    private static final long PAGE = 4096;
    private static final int MOST_LEVELS = 5;

    private final LinearMemory owner;

    /** Pages in which this walk could not set a bit: read-only memslots. */
    private final long[] readOnly = new long[MOST_LEVELS];

    private int readOnlyCount;

    GuestTables(LinearMemory owner) {
        this.owner = owner;
    }

    /** A walk begins. */
    void begin() {
        readOnlyCount = 0;
    }

    @Override
    public Presence presence(long address) {
        long at = owner.ask().read(address);
        if (at == GuestAccess.MMIO) {
            return Presence.NONE;
        }
        owner.checked(at);
        for (int i = 0; i < readOnlyCount; i++) {
            if (readOnly[i] == address / PAGE) {
                return Presence.READ_ONLY;
            }
        }
        return Presence.WRITABLE;
    }

    @Override
    public long read64(long address) {
        return RawMemory.get64(owner.checked(owner.ask().read(address)));
    }

    @Override
    public int read32(long address) {
        return (int) RawMemory.get(owner.checked(owner.ask().read(address)), Integer.BYTES);
    }

    @Override
    public boolean compareAndSet64(long address, long expected, long replacement) {
        return replace(address, Long.BYTES, expected, replacement);
    }

    @Override
    public boolean compareAndSet32(long address, int expected, int replacement) {
        return replace(address, Integer.BYTES, Integer.toUnsignedLong(expected), replacement);
    }

    /** In a read-only memslot the walk starts anew, and then leaves the page alone. */
    private boolean replace(long address, int size, long expected, long replacement) {
        long at = owner.ask().write(address);
        if (at == GuestAccess.MMIO) {
            readOnly[readOnlyCount++] = address / PAGE;
            return false;
        }
        return RawMemory.compareAndSet(owner.checked(at), size, expected, replacement);
    }
}
