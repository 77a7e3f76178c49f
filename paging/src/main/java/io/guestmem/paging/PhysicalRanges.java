package io.guestmem.paging;

import java.lang.foreign.MemorySegment;
import java.lang.ref.Reference;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Physical memory in pieces that are mapped into this process: an image, or a VM's memslots.
 *
 * <p>Walkers read it by native address. The segments must stay open while anybody walks in them: a walk begins with a check, and
 * what another thread closes during a walk is not there any more, as with every pointer. Mappings of {@code Arena.ofAuto()}
 * live as long as this. Thread-safe.
 */
public final class PhysicalRanges implements PhysicalMemory {
    private static final int NOWHERE = -1;
    private static final long PAGE = 4096;

    private final List<PhysicalRange> ranges;
    private final long[] starts;
    private final long[] ends;
    private final long[] natives;
    private final MemorySegment.Scope scope;
    private final MemorySegment.Scope[] otherScopes;

    /** Of the largest range that can be read: where most tables are. */
    private final int main;

    /**
     * Memory of these ranges, in any order.
     *
     * @throws IllegalArgumentException if two of them overlap
     */
    public PhysicalRanges(List<PhysicalRange> ranges) {
        this.ranges = ranges.stream()
                .filter(range -> range.bytes().byteSize() > 0)
                .sorted(Comparator.comparingLong(PhysicalRange::start))
                .toList();
        this.starts = this.ranges.stream().mapToLong(PhysicalRange::start).toArray();
        this.ends = this.ranges.stream().mapToLong(PhysicalRange::end).toArray();
        this.natives =
                this.ranges.stream().mapToLong(range -> range.bytes().address()).toArray();
        List<MemorySegment.Scope> scopes = this.ranges.stream()
                .map(range -> range.bytes().scope())
                .distinct()
                .toList();
        this.scope = scopes.isEmpty() ? MemorySegment.NULL.scope() : scopes.getFirst();
        this.otherScopes = scopes.stream().skip(1).toArray(MemorySegment.Scope[]::new);
        int largest = NOWHERE;
        for (int i = 0; i < starts.length; i++) {
            if (i > 0 && starts[i] < ends[i - 1]) {
                throw new IllegalArgumentException("two ranges overlap at 0x" + Long.toHexString(starts[i]));
            }
            boolean readable = this.ranges.get(i).presence().isReadable();
            if (readable && (largest == NOWHERE || ends[i] - starts[i] > ends[largest] - starts[largest])) {
                largest = i;
            }
        }
        this.main = largest;
    }

    /** Memory in one piece, from physical address 0 on. */
    public static PhysicalRanges of(MemorySegment bytes) {
        return new PhysicalRanges(List.of(PhysicalRange.of(0, bytes)));
    }

    /** The ranges, ascending. */
    public List<PhysicalRange> ranges() {
        return ranges;
    }

    @Override
    public Presence presence(long address) {
        int at = find(address);
        if (at == NOWHERE) {
            return Presence.NONE;
        }
        // A range that ends inside an entry, as one that is cut off does, does not have the entry.
        long entry = address & -Long.BYTES;
        return ends[at] - entry < Long.BYTES
                ? Presence.EXCLUDED
                : ranges.get(at).presence();
    }

    @Override
    public long read64(long address) {
        try {
            return RawMemory.read64(nativeAddress(address, Long.BYTES));
        } finally {
            Reference.reachabilityFence(this);
        }
    }

    @Override
    public int read32(long address) {
        try {
            return RawMemory.read32(nativeAddress(address, Integer.BYTES));
        } finally {
            Reference.reachabilityFence(this);
        }
    }

    @Override
    public boolean compareAndSet64(long address, long expected, long replacement) {
        try {
            return RawMemory.compareAndSet64(writable(address, Long.BYTES), expected, replacement);
        } finally {
            Reference.reachabilityFence(this);
        }
    }

    @Override
    public boolean compareAndSet32(long address, int expected, int replacement) {
        try {
            return RawMemory.compareAndSet32(writable(address, Integer.BYTES), expected, replacement);
        } finally {
            Reference.reachabilityFence(this);
        }
    }

    @Override
    public void readPage(long address, long[] into) {
        long size = (long) into.length * Long.BYTES;
        int at = find(address);
        if (at != NOWHERE && ends[at] - address >= size) {
            try {
                RawMemory.read(nativeAddress(address, size), into);
            } finally {
                Reference.reachabilityFence(this);
            }
        } else {
            Arrays.setAll(into, i -> presence(address + i * 8L).isReadable() ? read64(address + i * 8L) : 0);
        }
    }

    /**
     * Reads the first words of the tables that entries point to, where they lie in the largest range.
     *
     * @param from the first entry
     * @param to behind the last
     * @param reserved bits that no entry has that is followed
     * @param into as many as entries at least; nobody has to look
     */
    void touch(long[] entries, int from, int to, long reserved, long[] into) {
        checkAlive();
        long start = mainStart();
        long nativeStart = mainNative();
        long most = mainEntries();
        try {
            for (int i = from; i < to; i++) {
                long offset = (entries[i] & WalkPlan.TABLE_ADDRESS) - start;
                boolean table =
                        (entries[i] & (DirectRules.PRESENT | DirectRules.LARGE | reserved)) == DirectRules.PRESENT;
                if (table && Long.compareUnsigned(offset, most) < 0) {
                    into[i - from] = RawMemory.read64(nativeStart + offset);
                }
            }
        } finally {
            Reference.reachabilityFence(this);
        }
    }

    /** Before a walk by native addresses. */
    void checkAlive() {
        if (!scope.isAlive()) {
            throw closed();
        }
        for (MemorySegment.Scope other : otherScopes) {
            if (!other.isAlive()) {
                throw closed();
            }
        }
    }

    private static IllegalStateException closed() {
        return new IllegalStateException("the memory that is walked has been closed");
    }

    /** The native address of an entry, or 0 if it cannot be read. The memory is alive. */
    long place(long address) {
        int at = find(address);
        return at != NOWHERE
                        && ends[at] - address >= Long.BYTES
                        && ranges.get(at).presence().isReadable()
                ? natives[at] + (address - starts[at])
                : 0;
    }

    /** The entry at an address, or 0, which is not present, if it cannot be read. The memory is alive. */
    long entry(long address) {
        return DirectWalk.read(place(address));
    }

    /**
     * A part of one range whose size is a power of two and whose start a multiple of it: of an address in it, the bits above the
     * size are known.
     *
     * @param start physical
     * @param size in bytes, 4096 or more
     * @param delta what is added to a physical address to get its native one
     */
    record Block(long start, long size, long delta) {}

    /** The largest block that can be read; null if there is none. */
    @Nullable
    Block block() {
        Block largest = null;
        for (int i = 0; i < starts.length; i++) {
            long size = Long.highestOneBit(ends[i] - starts[i]);
            long start = roundUp(starts[i], size);
            while (start + size > ends[i]) {
                size >>>= 1;
                start = roundUp(starts[i], size);
            }
            boolean larger = size >= PAGE && (largest == null || size > largest.size());
            if (larger && ranges.get(i).presence().isReadable()) {
                largest = new Block(start, size, natives[i] - starts[i]);
            }
        }
        return largest;
    }

    private static long roundUp(long address, long size) {
        return (address + size - 1) & -size;
    }

    long mainStart() {
        return main == NOWHERE ? 0 : starts[main];
    }

    /** How many addresses from the start on begin an entry that is wholly inside. */
    long mainEntries() {
        return main == NOWHERE ? 0 : Math.max(0, ends[main] - starts[main] - (Long.BYTES - 1));
    }

    long mainNative() {
        return main == NOWHERE ? 0 : natives[main];
    }

    private long writable(long address, long size) {
        long at = nativeAddress(address, size);
        if (ranges.get(find(address)).presence() != Presence.WRITABLE) {
            throw new IllegalArgumentException("read-only at 0x" + Long.toHexString(address));
        }
        return at;
    }

    private long nativeAddress(long address, long size) {
        checkAlive();
        int at = find(address);
        if (at == NOWHERE
                || ends[at] - address < size
                || !ranges.get(at).presence().isReadable()) {
            throw new IndexOutOfBoundsException("no memory at 0x" + Long.toHexString(address));
        }
        return natives[at] + (address - starts[at]);
    }

    private int find(long address) {
        int at = Arrays.binarySearch(starts, address);
        if (at < 0) {
            at = -at - 2;
        }
        return at >= 0 && address < ends[at] ? at : NOWHERE;
    }
}
