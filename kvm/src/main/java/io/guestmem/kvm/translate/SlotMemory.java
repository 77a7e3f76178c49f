package io.guestmem.kvm.translate;

import io.guestmem.abi.HostMemory;
import io.guestmem.kvm.Memslot;
import io.guestmem.paging.PhysicalMemory.Presence;
import io.guestmem.paging.PhysicalRange;
import io.guestmem.paging.PhysicalRanges;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** Guest memory through this process's own mappings of it. */
public final class SlotMemory {
    private SlotMemory() {}

    /**
     * The memory of memslots of one address space.
     *
     * @param slots with the memory that their hva points into; none of it guarded by a userfaultfd that this process serves. It
     *     must stay open as long as somebody walks in it
     * @throws IllegalArgumentException if a slot does not lie in its memory, or two overlap
     */
    public static PhysicalRanges of(Map<Memslot, HostMemory> slots) {
        List<PhysicalRange> ranges = new ArrayList<>();
        slots.forEach((slot, memory) -> ranges.add(range(slot, memory.segment())));
        return new PhysicalRanges(ranges);
    }

    private static PhysicalRange range(Memslot slot, MemorySegment memory) {
        long offset = slot.hva().value() - memory.address();
        long size = slot.range().size();
        if (offset < 0 || offset > memory.byteSize() - size) {
            throw new IllegalArgumentException(
                    "memslot " + slot.id() + " does not lie in the memory that is given for it");
        }
        Presence presence = slot.flags().contains(Memslot.Flag.READONLY) ? Presence.READ_ONLY : Presence.WRITABLE;
        return new PhysicalRange(slot.range().start().value(), memory.asSlice(offset, size), presence);
    }
}
