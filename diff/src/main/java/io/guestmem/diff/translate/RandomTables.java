package io.guestmem.diff.translate;

import io.guestmem.paging.PagingMode;
import java.util.Arrays;
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
    /** The pages of each level; index 0 is empty. */
    private final long[][] tables;

    private final long[] roots;
    private final long[] targets;
    private final long[] lowTargets;
    /** Numbers of the pages in which there are tables; the level goes round. */
    private final int[] pages;

    /**
     * Tables of a mode.
     *
     * @param monitored whether the guest's own program is mapped by the first entry of each root
     */
    RandomTables(GuestRam ram, PagingMode mode, boolean monitored) {
        this.ram = ram;
        this.mode = mode;
        this.monitored = monitored;
        int[] usable = IntStream.range(0, ram.pages())
                .filter(page -> ram.use(page) == GuestRam.Use.TABLES && isReachable(ram.gpa(page)))
                .toArray();
        // PAE paging begins with a page of registers.
        this.pages = mode == PagingMode.PAE ? Arrays.copyOfRange(usable, 1, usable.length) : usable;
        this.tables =
                IntStream.rangeClosed(0, mode.levels()).mapToObj(this::ofLevel).toArray(long[][]::new);
        this.roots = switch (mode) {
            case NONE -> new long[0];
            case PAE -> new long[] {ram.gpa(usable[0])};
            case BITS_32, LEVEL_4, LEVEL_5 ->
                LongStream.of(tables[mode.levels()]).filter(GuestRam::isLow).toArray();
        };
        this.targets = IntStream.range(GuestRam.MONITOR_PAGES, ram.pages())
                .mapToLong(ram::gpa)
                .toArray();
        this.lowTargets = LongStream.of(targets).filter(GuestRam::isLow).toArray();
    }

    private boolean isReachable(long gpa) {
        return mode == PagingMode.BITS_32 ? GuestRam.isLow(gpa) : mode != PagingMode.NONE;
    }

    private long[] ofLevel(int level) {
        return IntStream.range(0, pages.length)
                .filter(i -> levelOf(i) == level)
                .mapToLong(i -> ram.gpa(pages[i]))
                .toArray();
    }

    private int levelOf(int position) {
        return 1 + position % mode.levels();
    }

    /** Writes all entries anew, into the model. */
    void fill(SplittableRandom random) {
        for (int i = 0; i < pages.length; i++) {
            int level = levelOf(i);
            long start = pages[i] * GuestRam.PAGE;
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
        long root = pick(random, roots);
        if (mode != PagingMode.PAE) {
            return root;
        }
        root += (long) random.nextInt((int) GuestRam.PAGE / 32) * 32;
        long at = ram.offset(root);
        for (int i = 0; i < PDPTES; i++) {
            long table = pick(random, tables[2]);
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
            return pick(random, lowTargets);
        }
        long gpa = pick(random, targets);
        if (mode == PagingMode.BITS_32) {
            return (gpa & 0xFFC0_0000L) | (gpa >>> 32 << 13 & 0x1F_E000L);
        }
        long pat = level > 1 && (dice >>> 40 & 3) == 0 ? LARGE_PAT : 0;
        return (gpa & -(1L << mode.shift(Math.min(level, 3)))) | pat;
    }

    private long table(SplittableRandom random, int level, long dice) {
        int down = (dice >>> 42 & 0xF) == 0 ? 1 + random.nextInt(mode.levels()) : level - 1;
        return pick(random, tables[down]);
    }

    private static long pick(SplittableRandom random, long[] from) {
        return from[random.nextInt(from.length)];
    }
}
