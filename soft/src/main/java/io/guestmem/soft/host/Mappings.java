package io.guestmem.soft.host;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/** The mappings of an address space, in order; they do not overlap. Guarded by the host's lock. */
final class Mappings {
    /** Places are found from here up, lowest first: the same requests get the same addresses. */
    static final long BASE = 0x1000_0000_0000L;

    /** The first address that is not a process's. */
    static final long LIMIT = 0x7FFF_FFFF_F000L;

    private final AddressSpace space;
    private final TreeMap<Long, Mapping> byStart = new TreeMap<>();

    Mappings(AddressSpace space) {
        this.space = space;
    }

    /** The mapping that an address is in. */
    @Nullable
    Mapping find(long hva) {
        Map.Entry<Long, Mapping> below = byStart.floorEntry(hva);
        return below == null || hva >= below.getValue().end() ? null : below.getValue();
    }

    /** All mappings, in order. */
    List<Mapping> all() {
        return new ArrayList<>(byStart.values());
    }

    /** The mappings of a file, in order. */
    List<Mapping> of(SharedFile file) {
        return byStart.values().stream()
                .filter(mapping -> mapping.file() == file)
                .toList();
    }

    /** The parts of mappings that are in a range, in order. */
    List<Mapping> in(long start, long end) {
        List<Mapping> found = new ArrayList<>();
        Long first = byStart.floorKey(start);
        for (Mapping mapping : byStart.tailMap(first == null ? start : first).values()) {
            if (mapping.start() >= end) {
                break;
            }
            if (mapping.end() > start) {
                found.add(mapping.slice(start, end));
            }
        }
        return found;
    }

    /** Whether every page of a range is mapped. */
    boolean cover(long start, long end) {
        long at = start;
        for (Mapping mapping : in(start, end)) {
            if (mapping.start() != at) {
                return false;
            }
            at = mapping.end();
        }
        return at == end;
    }

    /** Where the last mapping before an address ends; 0 if there is none. */
    long endBefore(long hva) {
        Map.Entry<Long, Mapping> below = byStart.lowerEntry(hva);
        return below == null ? 0 : below.getValue().end();
    }

    /** Where the first mapping from an address on starts, or {@link #LIMIT}. */
    long startAfter(long hva) {
        Long above = byStart.ceilingKey(hva);
        return above == null ? LIMIT : above;
    }

    /** The lowest free place, or 0 if there is none. */
    long place(long length, long alignment) {
        long at = align(BASE, alignment);
        for (Mapping mapping : byStart.values()) {
            if (at + length <= mapping.start()) {
                return at;
            }
            at = Math.max(at, align(mapping.end(), alignment));
        }
        return length <= LIMIT - at ? at : 0;
    }

    void add(Mapping mapping) {
        byStart.put(mapping.start(), mapping);
        SharedFile file = mapping.file();
        if (file != null) {
            file.attach(space);
        }
        Home home = mapping.home();
        if (home != null) {
            home.holders++;
        }
    }

    /** Removes a mapping without pages. */
    void remove(Mapping mapping) {
        byStart.remove(mapping.start());
        SharedFile file = mapping.file();
        if (file != null) {
            file.detach(space);
        }
        Home home = mapping.home();
        if (home != null && --home.holders == 0) {
            space.frames.release(home);
        }
    }

    /** Changes the rule of a range; mappings that reach out of it are split. */
    void change(long start, long end, UnaryOperator<Mapping> rule) {
        split(start);
        split(end);
        for (Mapping mapping : in(start, end)) {
            Mapping changed = rule.apply(mapping);
            add(changed);
            Home home = mapping.home();
            if (home != null) {
                home.holders--;
            }
            SharedFile file = mapping.file();
            if (file != null) {
                file.detach(space);
            }
        }
    }

    /** Makes an address a border between mappings; a huge page over it becomes small ones. */
    void split(long at) {
        Mapping mapping = find(at);
        if (mapping == null || mapping.start() == at) {
            return;
        }
        space.huge.splitMapping(mapping, at);
        Mapping upper = mapping.slice(at, mapping.end());
        add(upper);
        byStart.put(mapping.start(), mapping.slice(mapping.start(), at));
    }

    private static long align(long address, long alignment) {
        return address + alignment - 1 & -alignment;
    }
}
