package io.guestmem.diff.translate;

import io.guestmem.paging.PagingMode;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import java.util.stream.LongStream;

/**
 * Random tables in which many walks come far: every page has a level that most entries use it at, most entries are present, and
 * here and there a bit is wrong.
 */
final class RandomTables {
    static final long PRESENT = 1;
    static final long WRITABLE = 1 << 1;
    static final long USER = 1 << 2;
    static final int ACCESSED = 1 << 5;
    static final long DIRTY = 1 << 6;
    static final long LARGE = 1 << 7;
    static final long NO_EXECUTE = 1L << 63;

    private static final long GLOBAL = 1 << 8;
    /** Without a meaning for walks: PWT, PCD, and three bits for software; A and D come as they are. */
    private static final long ANY = 0xE78;
    /** In the long modes: seven bits for software, four of the protection key. */
    private static final long ANY_HIGH = 0x7FFL << 52;

    private static final long LARGE_PAT = 1 << 12;
    private static final int PDPTES = 4;

    private final GuestRam ram;
    private final PagingMode mode;
    private final boolean monitored;
    private final List<List<Long>> tables = new ArrayList<>();
    private final List<Long> roots = new ArrayList<>();
    private final long[] targets;
    private final long[] lowTargets;
    private final List<Integer> pages = new ArrayList<>();

    /**
     * Tables of a mode.
     *
     * @param monitored whether the guest's own program is mapped by the first entry of each root
     */
    RandomTables(GuestRam ram, PagingMode mode, boolean monitored) {
        this.ram = ram;
        this.mode = mode;
        this.monitored = monitored;
        for (int level = 0; level <= mode.levels(); level++) {
            tables.add(new ArrayList<>());
        }
        for (int page = 0; page < ram.pages(); page++) {
            if (ram.use(page) == GuestRam.Use.TABLES && mode != PagingMode.NONE) {
                add(page, ram.gpa(page));
            }
        }
        this.targets = IntStream.range(GuestRam.MONITOR_PAGES, ram.pages())
                .mapToLong(ram::gpa)
                .toArray();
        this.lowTargets =
                LongStream.of(targets).filter(gpa -> gpa < GuestRam.REACH_32).toArray();
    }

    private void add(int page, long gpa) {
        boolean low = gpa < GuestRam.REACH_32;
        if (mode == PagingMode.BITS_32 && !low) {
            return;
        }
        if (mode == PagingMode.PAE && roots.isEmpty()) {
            roots.add(gpa);
            return;
        }
        int level = 1 + pages.size() % mode.levels();
        pages.add(page);
        tables.get(level).add(gpa);
        if (low && level == mode.levels() && mode != PagingMode.PAE) {
            roots.add(gpa);
        }
    }

    /** Writes all entries anew, into the model. */
    void fill(SplittableRandom random) {
        for (int i = 0; i < pages.size(); i++) {
            int level = 1 + i % mode.levels();
            long start = pages.get(i) * GuestRam.PAGE;
            for (long at = start; at < start + GuestRam.PAGE; at += mode.entrySize()) {
                if (mode == PagingMode.BITS_32) {
                    ram.store32(at, (int) entry(random, level));
                } else {
                    ram.store(at, entry(random, level));
                }
            }
        }
        if (monitored && mode != PagingMode.PAE) {
            for (long root : roots) {
                long at = ram.offset(root);
                if (mode == PagingMode.BITS_32) {
                    ram.store32(at, (int) Monitor.top(mode));
                } else {
                    ram.store(at, Monitor.top(mode));
                }
            }
        }
    }

    /**
     * A root for CR3. In PAE paging its four entries are written anew, without reserved bits: no processor loads others.
     *
     * @param most address bits that an entry may have
     */
    long root(SplittableRandom random, int most) {
        if (mode == PagingMode.NONE) {
            return 0;
        }
        long root = roots.get(random.nextInt(roots.size()));
        if (mode != PagingMode.PAE) {
            return root;
        }
        root += (long) random.nextInt((int) GuestRam.PAGE / 32) * 32;
        long at = ram.offset(root);
        for (int i = 0; i < PDPTES; i++) {
            long table = pick(random, tables.get(2));
            long flags = (random.nextLong() & 0xE18) | (random.nextInt(8) == 0 ? 0 : PRESENT);
            ram.store(at + i * 8L, table >>> most != 0 ? flags & ~PRESENT : table | flags);
        }
        if (monitored) {
            ram.store(at, Monitor.top(mode));
        }
        return root;
    }

    private long entry(SplittableRandom random, int level) {
        long dice = random.nextLong();
        long entry = dice & ANY;
        entry |= (dice >>> 12 & 0xF) == 0 ? 0 : PRESENT;
        entry |= (dice >>> 16 & 0x7) == 0 ? 0 : WRITABLE;
        entry |= (dice >>> 19 & 0x3) == 0 ? 0 : USER;
        entry |= (dice >>> 21 & 0xF) == 0 ? GLOBAL : 0;
        boolean large = (dice >>> 25 & 0x3F) < (level == 1 ? 32 : level == 2 ? 20 : level == 3 ? 12 : 1);
        entry |= large ? LARGE : 0;
        entry |= level == 1 || large ? page(random, level, dice) : table(random, level, dice);
        if (mode.isLong()) {
            entry |= random.nextLong() & ANY_HIGH;
        }
        if (mode != PagingMode.BITS_32 && (dice >>> 31 & 0x7) == 0) {
            entry |= NO_EXECUTE;
        }
        return (dice >>> 34 & 0x1F) == 0 ? entry ^ 1L << random.nextInt(mode.entrySize() * 8) : entry;
    }

    private long page(SplittableRandom random, int level, long dice) {
        if (mode == PagingMode.BITS_32 && level == 1) {
            return lowTargets[random.nextInt(lowTargets.length)];
        }
        long gpa = targets[random.nextInt(targets.length)];
        if (mode == PagingMode.BITS_32) {
            return (gpa & 0xFFC0_0000L) | (gpa >>> 32 << 13 & 0x1F_E000L);
        }
        long pat = level > 1 && (dice >>> 40 & 3) == 0 ? LARGE_PAT : 0;
        return gpa & -(1L << mode.shift(Math.min(level, 3))) | pat;
    }

    private long table(SplittableRandom random, int level, long dice) {
        int down = (dice >>> 42 & 0xF) == 0 ? 1 + random.nextInt(mode.levels()) : level - 1;
        return pick(random, tables.get(down));
    }

    private static long pick(SplittableRandom random, List<Long> from) {
        return from.get(random.nextInt(from.size()));
    }
}
