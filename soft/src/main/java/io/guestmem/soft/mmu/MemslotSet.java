package io.guestmem.soft.mmu;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The memslots of an address space as they are at one time. Immutable, but for the generation, which drops its mark when all
 * readers have seen the set. Source: Linux 7.2 {@code kvm_main.c:kvm_swap_active_memslots}.
 */
public final class MemslotSet {
    /** In a generation: readers of the set before may still be at work. */
    public static final long UPDATE_IN_PROGRESS = 1L << 63;

    private final Memslot[] byGfn;
    private final long[] bases;
    private final Map<Integer, Memslot> byId;
    private volatile long generation;

    private MemslotSet(Map<Integer, Memslot> byId, long generation) {
        this.byId = Map.copyOf(byId);
        this.byGfn = byId.values().stream()
                .sorted(Comparator.comparingLong(Memslot::baseGfn))
                .toArray(Memslot[]::new);
        this.bases = new long[byGfn.length];
        for (int i = 0; i < bases.length; i++) {
            bases[i] = byGfn[i].baseGfn();
        }
        this.generation = generation;
    }

    /** No memslots; the first generation of an address space is its number. */
    public static MemslotSet empty(int addressSpace) {
        return new MemslotSet(Map.of(), addressSpace);
    }

    /** The set after a change, marked as being published: one memslot removed, one added. */
    public MemslotSet change(@Nullable Memslot removed, @Nullable Memslot added) {
        Map<Integer, Memslot> changed = new HashMap<>(byId);
        if (removed != null) {
            changed.remove(removed.id());
        }
        if (added != null) {
            changed.put(added.id(), added);
        }
        return new MemslotSet(changed, generation | UPDATE_IN_PROGRESS);
    }

    /** The generation, with its mark. */
    public long generation() {
        return generation;
    }

    /** Everybody has seen the set: a new generation. */
    void published(int addressSpaces) {
        generation = (generation & ~UPDATE_IN_PROGRESS) + addressSpaces;
    }

    /** The memslot of a page, if there is one. */
    public @Nullable Memslot find(long gfn) {
        int low = 0;
        int high = bases.length - 1;
        while (low <= high) {
            int middle = (low + high) >>> 1;
            if (bases[middle] <= gfn) {
                low = middle + 1;
            } else {
                high = middle - 1;
            }
        }
        return high >= 0 && byGfn[high].contains(gfn) ? byGfn[high] : null;
    }

    /** The memslot with an id, if there is one. */
    public @Nullable Memslot get(int id) {
        return byId.get(id);
    }

    /** Whether pages overlap with a memslot of another id. */
    public boolean overlaps(int exceptId, long from, long to) {
        for (Memslot slot : byGfn) {
            if (slot.id() != exceptId && from < slot.endGfn() && slot.baseGfn() < to) {
                return true;
            }
        }
        return false;
    }

    /** All memslots, by gfn. */
    public List<Memslot> all() {
        return List.of(byGfn);
    }

    /** The memslots that have pages of a range. */
    public List<Memslot> intersecting(long from, long to) {
        List<Memslot> found = new ArrayList<>();
        for (Memslot slot : byGfn) {
            if (from < slot.endGfn() && slot.baseGfn() < to) {
                found.add(slot);
            }
        }
        return found;
    }

    /** The pages of all memslots. */
    public long pages() {
        long pages = 0;
        for (Memslot slot : byGfn) {
            pages += slot.pages();
        }
        return pages;
    }
}
