package io.guestmem.conform;

import static io.guestmem.conform.CheckClass.REAL;

import io.guestmem.abi.Capability;
import io.guestmem.abi.CpuidLayout;
import io.guestmem.abi.SregsLayout;
import java.util.List;
import java.util.Random;

/**
 * {@code KVM_TRANSLATE} over random tables, against the rules written down a second time: 4 levels, supervisor read, no SMAP.
 * Source: AMD APM volume 2, 5.3; Linux 7.2 {@code mmu.c:__reset_rsvds_bits_mask}.
 */
final class RandomWalkChecks {
    private static final int WALKS = 2000;
    private static final int PHYSICAL_BITS = 40;
    private static final int FEATURES = 0x8000_0001;
    private static final int GIBIBYTE_PAGES = 1 << 26;
    private static final long ADDRESS = (1L << 52) - Numbers.PAGE;
    private static final long TOO_WIDE = ADDRESS & -(1L << PHYSICAL_BITS);

    /** A gpa with no memslot. */
    private static final long NOWHERE = 0x4000_0000;

    /** Bits that random entries get now and then: those that mean something on some level, and some that never do. */
    private static final int[] BITS = {1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 13, 20, 29, 40, 51, 52, 58, 62, 63};

    private RandomWalkChecks() {}

    static List<Check> all() {
        return List.of(Check.of(
                "T2-17", "walks of random tables", "paging_tmpl.h:walk_addr_generic", RandomWalkChecks::walks, REAL));
    }

    /**
     * What decides about reserved bits.
     *
     * @param noExecute EFER.NX
     * @param gibibytePages entries of level 3 may be leaves
     */
    private record Rules(boolean noExecute, boolean gibibytePages) {
        /** The gpa, or -1. */
        long walk(WalkTables tables) {
            for (int level = 4; level >= 1; level--) {
                long entry = tables.get(level);
                boolean large = (entry & WalkTables.LARGE) != 0;
                boolean leaf = level == 1 || (large && mayBeLeaf(level));
                if ((entry & WalkTables.PRESENT) == 0 || (entry & reserved(level, leaf)) != 0) {
                    return -1;
                }
                if (leaf) {
                    long size = 1L << (12 + 9 * (level - 1));
                    return (entry & ADDRESS & -size) | (WalkTables.LINEAR & (size - 1));
                }
                if ((entry & ADDRESS) == NOWHERE) {
                    return -1;
                }
            }
            throw new IllegalStateException("level 1 is a leaf");
        }

        private boolean mayBeLeaf(int level) {
            return level == 2 || (level == 3 && gibibytePages);
        }

        private long reserved(int level, boolean leaf) {
            long bits = TOO_WIDE | (noExecute ? 0 : WalkTables.NO_EXECUTE);
            return switch (level) {
                case 4 -> bits | WalkTables.LARGE | WalkTables.GLOBAL;
                case 3 -> bits | (leaf ? 0x3FFF_E000L : gibibytePages ? 0 : WalkTables.LARGE);
                case 2 -> bits | (leaf ? 0x1F_E000L : 0);
                default -> bits;
            };
        }
    }

    private static void walks(Trial t) {
        boolean offered = (CpuidTable.supported(t).leaf(FEATURES, 0).edx() & GIBIBYTE_PAGES) != 0;
        boolean tdp = t.capability(Capability.PRE_FAULT_MEMORY) == 1;
        CpuidTable cpuid = CpuidTable.supported(t)
                .withVendor(true)
                .withPhysicalBits(PHYSICAL_BITS)
                .with(FEATURES, 0, CpuidLayout.ENTRY_EDX, GIBIBYTE_PAGES, tdp || offered);
        WalkTables tables = WalkTables.of(t, cpuid);
        long seed = System.nanoTime();
        Random random = new Random(seed);
        int valid = walk(tables, new Rules(false, offered), random, seed);
        tables.addToRegister(SregsLayout.EFER, LongMode.EFER_NX);
        valid += walk(tables, new Rules(true, offered), random, seed);
        t.expect("some walks are valid, some are not", true, valid > 0 && valid < 2 * WALKS);
    }

    private static int walk(WalkTables tables, Rules rules, Random random, long seed) {
        int valid = 0;
        for (int i = 0; i < WALKS; i++) {
            randomise(tables, random);
            String before = text(tables);
            long expected = rules.walk(tables);
            String accessed = expected == -1 ? tables.accessedAndDirty() : accessed(tables, rules);
            RawVcpu.Translated answer = tables.vcpu().translate(WalkTables.LINEAR);
            long actual = answer.valid() == 0 ? -1 : answer.gpa();
            if (actual != expected || !tables.accessedAndDirty().equals(accessed)) {
                throw new MismatchException(
                        "seed " + seed + ", walk " + i + ", entries " + before + ", " + rules,
                        Long.toHexString(expected) + " " + accessed,
                        Long.toHexString(actual) + " " + tables.accessedAndDirty());
            }
            valid += expected == -1 ? 0 : 1;
        }
        return valid;
    }

    /** The bits that a successful walk leaves: accessed down to the leaf, the rest as it was. */
    private static String accessed(WalkTables tables, Rules rules) {
        StringBuilder text = new StringBuilder();
        boolean walked = true;
        for (int level = 4; level >= 1; level--) {
            long entry = tables.get(level);
            boolean set = walked || (entry & WalkTables.ACCESSED) != 0;
            text.append(text.isEmpty() ? "" : " ");
            text.append(set ? "A" : "-").append((entry & WalkTables.DIRTY) != 0 ? "D" : "");
            boolean large = (entry & WalkTables.LARGE) != 0;
            walked = walked && !(large && rules.mayBeLeaf(level));
        }
        return text.toString();
    }

    private static void randomise(WalkTables tables, Random random) {
        tables.reset();
        for (int level = 4; level >= 1; level--) {
            long entry = tables.get(level);
            if (random.nextInt(12) == 0) {
                entry &= ~WalkTables.PRESENT;
            }
            if (level > 1 && random.nextInt(16) == 0) {
                entry = (entry & ~ADDRESS) | NOWHERE;
            }
            long pointer = entry & ADDRESS & ~TOO_WIDE;
            for (int count = random.nextInt(4) - 1; count > 0; count--) {
                entry ^= 1L << BITS[random.nextInt(BITS.length)];
            }
            if (level > 1 && (entry & WalkTables.LARGE) == 0) {
                // A pointer to another table would leave the path.
                entry = (entry & ~(ADDRESS & ~TOO_WIDE)) | pointer;
            }
            tables.set(level, entry);
        }
    }

    private static String text(WalkTables tables) {
        StringBuilder text = new StringBuilder();
        for (int level = 4; level >= 1; level--) {
            text.append(text.isEmpty() ? "" : " ").append(Long.toHexString(tables.get(level)));
        }
        return text.toString();
    }
}
