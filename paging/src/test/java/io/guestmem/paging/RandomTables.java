package io.guestmem.paging;

import io.guestmem.paging.PhysicalMemory.Presence;
import java.util.List;
import java.util.SplittableRandom;

/** Random tables and registers in which walks come far: a generator of cases, for any two walkers that must agree. */
final class RandomTables {
    static final int PAGES = 16;

    private static final List<Presence> SPECIAL =
            List.of(Presence.NONE, Presence.UNBACKED, Presence.READ_ONLY, Presence.EXCLUDED);

    private static final List<CheckOrder> ORDERS = List.of(CheckOrder.values());

    private RandomTables() {}

    static void fill(SplittableRandom random, TestMemory ours, TestMemory theirs) {
        for (long at = 0; at < PAGES * 4096L; at += Long.BYTES) {
            long entry = entry(random);
            ours.store(at, entry);
            theirs.store(at, entry);
        }
        for (long page = 0; page < PAGES * 4096L; page += 4096) {
            if (random.nextInt(16) == 0) {
                Presence presence = SPECIAL.get(random.nextInt(SPECIAL.size()));
                ours.with(page, presence);
                theirs.with(page, presence);
            }
        }
    }

    /** Mostly present and pointing to one of our pages, sometimes with a bit too many; 32-bit paging has two in one. */
    private static long entry(SplittableRandom random) {
        long entry = (random.nextLong() & 0xF00_0000_0F7EL) | halfEntry(random) << 32 | halfEntry(random);
        if (random.nextInt(3) != 0) {
            entry = halfEntry(random);
            entry |= (random.nextLong() & 0x7FF) << 52;
            if (random.nextInt(8) == 0) {
                entry |= 1L << 63;
            }
        }
        return random.nextInt(8) == 0 ? entry | 1L << random.nextInt(64) : entry;
    }

    private static long halfEntry(SplittableRandom random) {
        long flags = random.nextLong() & 0xE60;
        flags |= random.nextInt(16) == 0 ? 0 : 1;
        flags |= random.nextInt(8) == 0 ? 0 : 2;
        flags |= random.nextInt(4) == 0 ? 0 : 4;
        if (random.nextInt(4) == 0) {
            return flags | 0x80 | (long) random.nextInt(1 << 9) << 22;
        }
        return flags | (long) random.nextInt(PAGES + PAGES / 8) << 12;
    }

    static PagingState state(SplittableRandom random, PagingMode mode, PhysicalMemory memory) {
        PagingFeatures features = new PagingFeatures(
                32 + random.nextInt(21), random.nextBoolean(), random.nextBoolean(), random.nextInt(9));
        PagingState base = States.of(mode, (long) random.nextInt(PAGES) << 12 | random.nextInt(4096), features);
        long cr0 = random.nextBoolean() ? base.cr0() : base.cr0() & ~States.WP;
        long options = States.PSE | States.SMEP | States.SMAP | States.PKE | States.PKS | States.CET;
        long cr4 = (base.cr4() & ~States.PSE) | (random.nextLong() & options);
        long efer = random.nextInt(4) == 0 ? base.efer() & ~States.NXE : base.efer();
        PdpteRegisters pdptes = PdpteRegisters.load(memory, base.cr3(), features.maxPhysicalAddressBits())
                .orElseGet(() -> new PdpteRegisters(0x1001, 0x2001, 0x3000, 0x4001));
        return new PagingState(cr0, base.cr3(), cr4, efer, pdptes, keys(random), keys(random), features);
    }

    static CheckOrder order(SplittableRandom random) {
        return ORDERS.get(random.nextInt(ORDERS.size()));
    }

    private static int keys(SplittableRandom random) {
        return random.nextBoolean() ? 0 : random.nextInt();
    }
}
