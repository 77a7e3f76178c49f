package io.guestmem.diff.translate;

import io.guestmem.abi.GuestPhysical;
import io.guestmem.abi.GuestRange;
import io.guestmem.abi.HostMemory;
import io.guestmem.abi.HostVirtual;
import io.guestmem.abi.Kernel;
import io.guestmem.kvm.Memslot;
import io.guestmem.kvm.Vm;
import io.guestmem.paging.PhysicalMemory.Presence;
import io.guestmem.paging.PhysicalRange;
import io.guestmem.paging.PhysicalRanges;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.stream.Stream;

/**
 * The memory of the guest, twice: the real one, behind memslots, and the model that the walker walks in. It lies in windows over
 * the whole physical address space, so that every address bit of an entry counts:
 *
 * <pre>{@code
 *   0          0x30000    0x40000    0x50000       1 GiB   4 GiB + 4 MiB   ...   2^(n-1)   ...   2^n
 *   | monitor  | tables   | data     |      | data |       | tables, data |     | tables, data | data |
 * }</pre>
 */
final class GuestRam implements AutoCloseable {
    static final long PAGE = GuestPhysical.PAGE_SIZE;

    /** Pages of the guest's own program, from 0 on. */
    static final int MONITOR_PAGES = 48;

    /** The first of four of them, the ones with its page tables. */
    static final int MONITOR_TABLES = 4;

    private static final long REACH_32 = 1L << 32;

    private static final int LOW_PAGES = 16;
    private static final int FEW = 4;
    private static final long BEFORE_FIRST_GIBIBYTE = 0x3FFF_E000L;
    private static final long ABOVE_4_GIBIBYTES = 0x1_0040_0000L;
    private static final long READ_ONLY_TABLE = 0x2_0000_0000L;
    private static final long FOUR_HIGH_BITS = 0xF_00C0_0000L;
    private static final long EIGHT_HIGH_BITS = 0xFF_1000_0000L;

    /** What pages are for. */
    enum Use {
        /** The guest's own program. */
        MONITOR,
        /** Page tables. */
        TABLES,
        /** What they map: a word of each 8 bytes, see {@link DataWord}. */
        DATA
    }

    /**
     * Memory in one piece.
     *
     * @param first number of its first page
     */
    private record Window(long gpa, int first, int monitor, int tables, int data, boolean readOnly) {
        int pages() {
            return monitor + tables + data;
        }

        int end() {
            return first + pages();
        }
    }

    private final List<Window> windows = new ArrayList<>();
    private final Use[] uses;
    private final long[] gpas;
    private final HostMemory host;
    private final MemorySegment real;
    private final Arena arena = Arena.ofShared();
    private final MemorySegment model;
    private final PhysicalRanges ranges;

    /**
     * Memory with all data in place and empty tables.
     *
     * @param physicalBits how wide the guest's physical addresses can be
     * @param readOnlyTable whether there is a table in a read-only memslot
     */
    GuestRam(Kernel kernel, int physicalBits, boolean readOnlyTable) {
        window(0, MONITOR_PAGES, LOW_PAGES, LOW_PAGES, false);
        window(BEFORE_FIRST_GIBIBYTE, 0, 0, FEW, false);
        window(ABOVE_4_GIBIBYTES, 0, FEW, FEW, false);
        if (readOnlyTable) {
            window(READ_ONLY_TABLE, 0, 1, 0, true);
        }
        if (physicalBits > 36) {
            window(FOUR_HIGH_BITS, 0, 0, FEW, false);
            window(1L << (physicalBits - 1), 0, FEW, FEW, false);
        }
        if (physicalBits >= 40) {
            window(EIGHT_HIGH_BITS, 0, 0, FEW, false);
        }
        window((1L << physicalBits) - FEW * PAGE, 0, 0, FEW, false);
        int pages = windows.getLast().end();
        this.uses = new Use[pages];
        this.gpas = new long[pages];
        windows.forEach(this::list);
        this.host = kernel.allocate(pages * PAGE);
        this.real = host.segment();
        this.model = arena.allocate(pages * PAGE, PAGE);
        this.ranges = new PhysicalRanges(windows.stream().flatMap(this::ranges).toList());
        for (int page = 0; page < pages; page++) {
            if (uses[page] == Use.DATA) {
                for (long at = page * PAGE; at < (page + 1) * PAGE; at += Long.BYTES) {
                    model.set(ValueLayout.JAVA_LONG, at, DataWord.of((int) (at / Long.BYTES)));
                }
            }
        }
        real.copyFrom(model);
    }

    private void window(long gpa, int monitor, int tables, int data, boolean readOnly) {
        int first = windows.isEmpty() ? 0 : windows.getLast().end();
        windows.add(new Window(gpa, first, monitor, tables, data, readOnly));
    }

    private void list(Window window) {
        for (int i = 0; i < window.pages(); i++) {
            boolean table = i < window.monitor + window.tables;
            uses[window.first + i] = i < window.monitor ? Use.MONITOR : table ? Use.TABLES : Use.DATA;
            gpas[window.first + i] = window.gpa + i * PAGE;
        }
    }

    /** Of the monitor only its tables: a walk can come there by mistake, and what else is there changes all the time. */
    private Stream<PhysicalRange> ranges(Window window) {
        Presence presence = window.readOnly ? Presence.READ_ONLY : Presence.WRITABLE;
        PhysicalRange rest = range(window, window.monitor, window.pages(), presence);
        return window.monitor == 0
                ? Stream.of(rest)
                : Stream.of(range(window, MONITOR_TABLES, MONITOR_TABLES + FEW, presence), rest);
    }

    private PhysicalRange range(Window window, int from, int to, Presence presence) {
        MemorySegment bytes = model.asSlice((window.first + from) * PAGE, (to - from) * PAGE);
        return new PhysicalRange(window.gpa + from * PAGE, bytes, presence);
    }

    /** Makes the memslots. */
    void putInto(Vm vm) {
        for (int i = 0; i < windows.size(); i++) {
            Window window = windows.get(i);
            GuestRange range = GuestRange.of(window.gpa, window.pages() * PAGE);
            Memslot slot = Memslot.of(i, range, new HostVirtual(host.hva() + window.first * PAGE));
            vm.set(window.readOnly ? slot.with(Memslot.Flag.READONLY) : slot);
        }
    }

    /** The model, as the walker sees it. */
    PhysicalRanges ranges() {
        return ranges;
    }

    /** What the guest has. */
    MemorySegment real() {
        return real;
    }

    int pages() {
        return uses.length;
    }

    Use use(int page) {
        return uses[page];
    }

    long gpa(int page) {
        return gpas[page];
    }

    /** Whether it can be had in every mode. */
    static boolean isLow(long gpa) {
        return gpa < REACH_32;
    }

    /** The number of the page at a guest-physical address; -1 if there is none. */
    int page(long gpa) {
        for (Window window : windows) {
            long inside = gpa - window.gpa;
            if (inside >= 0 && inside < window.pages() * PAGE) {
                return window.first + (int) (inside / PAGE);
            }
        }
        return -1;
    }

    /** Where a guest-physical address that exists is in {@link #real} and in the model, in bytes. */
    long offset(long gpa) {
        return page(gpa) * PAGE + gpa % PAGE;
    }

    long load(long offset) {
        return model.get(ValueLayout.JAVA_LONG, offset);
    }

    int load32(long offset) {
        return model.get(ValueLayout.JAVA_INT, offset);
    }

    /** Into the model; see {@link #show}. */
    void store(long offset, long value) {
        model.set(ValueLayout.JAVA_LONG, offset, value);
    }

    void store32(long offset, int value) {
        model.set(ValueLayout.JAVA_INT, offset, value);
    }

    /** Gives the guest the model's tables and data; the monitor's pages it keeps. */
    void show() {
        long start = MONITOR_PAGES * PAGE;
        MemorySegment.copy(model, start, real, start, real.byteSize() - start);
    }

    /**
     * The first place where tables or data differ.
     *
     * @param undecided words of 4 bytes in which the accessed bit may be set where the model's is clear
     * @return in bytes, a multiple of 4; -1 if there is none
     */
    long firstDifference(BitSet undecided) {
        for (long from = MONITOR_PAGES * PAGE; ; ) {
            long length = model.byteSize();
            long found = MemorySegment.mismatch(real, from, length, model, from, length);
            if (found < 0) {
                return -1;
            }
            long at = (from + found) & -Integer.BYTES;
            int differs = real.get(ValueLayout.JAVA_INT, at) ^ load32(at);
            boolean mayBeSet = undecided.get((int) (at / Integer.BYTES)) && (load32(at) & RandomTables.ACCESSED) == 0;
            if (!mayBeSet || differs != RandomTables.ACCESSED) {
                return at;
            }
            from = at + Integer.BYTES;
        }
    }

    @Override
    public void close() {
        host.close();
        arena.close();
    }
}
