package io.guestmem.pager;

import io.guestmem.linux.MappedMemory;
import io.guestmem.pager.handshake.GuestMap;
import io.guestmem.pager.handshake.Region;
import java.util.BitSet;
import java.util.List;

/**
 * Lets go of large pieces that the guest has given back as a whole: once they are unregistered the kernel fills them with zeroes by
 * itself, and nobody asks the server again. Belongs to the event thread; allocates nothing.
 *
 * <pre>{@code
 *   pieces of 2 MiB   |   whole   |  in part  |   whole   |   whole   |
 *   mappings before   |                      one                      |
 *   mappings after    |  ordinary |  guarded  |       ordinary        |
 * }</pre>
 *
 * <p>A process has so many mappings at most ({@code vm.max_map_count}), and the VMM needs some for itself: what goes beyond a
 * quarter of them, or what the kernel refuses with {@code ENOMEM}, stays guarded, and its pages are zero all the same.
 *
 * <p>Not where writes are tracked, as nobody would hear of them; and not on hugetlbfs, where a page that cannot be had is a
 * SIGBUS for the VMM if the kernel fills it, and a matter of the {@link FailurePolicy} if the server does.
 */
final class RemovedPieces {
    static final long PIECE = 2 << 20;

    private static final long UNKNOWN = -1;

    private final Guest guest;
    private final GuestMap map;
    private final List<Region> regions;
    private final boolean isOff;

    /** The slot of each region's first piece; a piece that lies in the region in part has one too. */
    private final int[] slots;

    private final BitSet asked;
    private final BitSet unregistered;

    /** Mappings that may still be made; not known before the first piece. */
    private long budget = UNKNOWN;

    /** Whether the kernel has refused one. */
    private boolean refused;

    RemovedPieces(Guest guest) {
        this.guest = guest;
        this.map = guest.map();
        this.regions = map.regions();
        this.isOff = guest.dirty() != null || map.pageSize() != MappedMemory.PAGE_SIZE;
        this.slots = new int[regions.size()];
        int total = 0;
        for (int i = 0; i < slots.length; i++) {
            slots[i] = total;
            total += (int) ((regions.get(i).hostEnd() - 1) / PIECE
                            - regions.get(i).hostAddress() / PIECE)
                    + 1;
        }
        this.asked = new BitSet(isOff ? 0 : total);
        this.unregistered = new BitSet(isOff ? 0 : total);
    }

    private int slot(int region, long address) {
        return slots[region] + (int) (address / PIECE - regions.get(region).hostAddress() / PIECE);
    }

    /** The guest gives {@code [from, to)} back, which lies in one region. */
    void removed(int region, long from, long to) {
        if (!isOff) {
            asked.set(slot(region, from), slot(region, to - 1) + 1);
        }
    }

    /** Whether an address is not guarded any more. */
    boolean has(long address) {
        for (int i = 0; i < slots.length; i++) {
            if (address >= regions.get(i).hostAddress()
                    && address < regions.get(i).hostEnd()) {
                return unregistered.get(slot(i, address));
            }
        }
        return false;
    }

    /** Lets go of what has become whole since the last call. */
    void letGo() {
        if (!asked.isEmpty()) {
            budget = budget == UNKNOWN ? guest.port().spareMappings() : budget;
            for (int i = 0; i < slots.length && !refused; i++) {
                letGo(i);
            }
            asked.clear();
        }
    }

    private void letGo(int region) {
        int end = slot(region, regions.get(region).hostEnd() - 1) + 1;
        for (int slot = asked.nextSetBit(slots[region]); slot >= 0 && slot < end; slot = asked.nextSetBit(slot + 1)) {
            long address = (regions.get(region).hostAddress() / PIECE + slot - slots[region]) * PIECE;
            if (!unregistered.get(slot) && isWhole(region, address) && pays(region, slot, end)) {
                if (!guest.port().unregister(address, PIECE)) {
                    refused = true;
                    return;
                }
                unregistered.set(slot);
            }
        }
    }

    private boolean isWhole(int region, long address) {
        if (address < regions.get(region).hostAddress()
                || address + PIECE > regions.get(region).hostEnd()) {
            return false;
        }
        long first = map.pageAt(address);
        long end = first + PIECE / map.pageSize();
        return guest.states().nextOther(first, end, PageStates.REMOVED) == end;
    }

    /** A piece alone makes one mapping three; between two that are gone it makes three one. */
    private boolean pays(int region, int slot, int end) {
        int neighbours = (slot > slots[region] && unregistered.get(slot - 1) ? 1 : 0)
                + (slot + 1 < end && unregistered.get(slot + 1) ? 1 : 0);
        long left = budget - 2 + 2L * neighbours;
        if (left < 0) {
            return false;
        }
        budget = left;
        return true;
    }
}
