package io.guestmem.paging;

import static org.assertj.core.api.Assertions.assertThat;

import io.guestmem.paging.PhysicalMemory.Presence;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Random tables, registers and accesses: the walker agrees with {@link NaiveWalk}, and so do the tables afterwards. */
class WalkerReferenceTest {
    private static final int PAGES = 16;
    private static final int ROUNDS = 20_000;
    private static final int ROUNDS_PER_MEMORY = 200;
    private static final List<Presence> SPECIAL = List.of(Presence.NONE, Presence.UNBACKED, Presence.READ_ONLY);

    @ParameterizedTest
    @EnumSource(PagingMode.class)
    void theWalkerAgreesWithTheReference(PagingMode mode) {
        long seed = System.nanoTime();
        System.out.println("WalkerReferenceTest " + mode + " seed " + seed);
        SplittableRandom random = new SplittableRandom(seed);
        int[] outcomes = new int[6];
        TestMemory ours = new TestMemory(PAGES);
        TestMemory theirs = new TestMemory(PAGES);
        for (int round = 0; round < ROUNDS; round++) {
            if (round % ROUNDS_PER_MEMORY == 0) {
                ours = new TestMemory(PAGES);
                theirs = new TestMemory(PAGES);
                fill(random, ours, theirs);
            }
            PagingState state = state(random, mode, ours);
            long linear = random.nextLong();
            int access = random.nextInt(32);
            int setBits = random.nextInt(8);
            CheckOrder order = random.nextBoolean() ? CheckOrder.PER_LEVEL : CheckOrder.ARCHITECTURAL;

            long result = States.walker(state, ours).walk(linear, access, setBits, order);
            NaiveWalk naive = new NaiveWalk(state, theirs, linear, access, setBits, order);

            String question = "seed " + seed + ", round " + round + ": 0x" + Long.toHexString(linear) + ", access "
                    + access + ", set " + setBits + ", " + order + ", " + state;
            assertThat(describe(result)).as(question).isEqualTo(naive.outcome());
            assertThat(ours.equalsIn(theirs)).as(question).isTrue();
            outcomes[WalkResult.isPage(result) ? 0 : WalkResult.reason(result)]++;
        }
        assertThat(outcomes[0]).as("walks that succeed").isGreaterThan(ROUNDS / 1000);
        if (mode != PagingMode.NONE) {
            assertThat(outcomes[WalkResult.NOT_PRESENT]).isPositive();
            assertThat(outcomes[WalkResult.PRIVILEGE_VIOLATION]).isPositive();
            assertThat(outcomes[WalkResult.RESERVED_BITS]).isPositive();
            assertThat(outcomes[WalkResult.INVALID_GPA]).isPositive();
        }
    }

    private static void fill(SplittableRandom random, TestMemory ours, TestMemory theirs) {
        for (long at = 0; at < PAGES * 4096L; at += Long.BYTES) {
            long entry = entry(random);
            ours.store(at, entry);
            theirs.store(at, entry);
        }
        for (long page = 0; page < PAGES * 4096L; page += 4096) {
            if (random.nextInt(16) == 0) {
                Presence presence = SPECIAL.get(random.nextInt(3));
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

    private static PagingState state(SplittableRandom random, PagingMode mode, PhysicalMemory memory) {
        PagingFeatures features = new PagingFeatures(
                32 + random.nextInt(21), random.nextBoolean(), random.nextBoolean(), 4 * random.nextInt(3));
        PagingState base = States.of(mode, (long) random.nextInt(PAGES) << 12 | random.nextInt(4096), features);
        long cr0 = random.nextBoolean() ? base.cr0() : base.cr0() & ~States.WP;
        long options = States.PSE | States.SMEP | States.SMAP | States.PKE;
        long cr4 = (base.cr4() & ~States.PSE) | (random.nextLong() & options);
        long efer = random.nextInt(4) == 0 ? base.efer() & ~States.NXE : base.efer();
        PdpteRegisters pdptes = PdpteRegisters.load(memory, base.cr3(), features.maxPhysicalAddressBits())
                .orElseGet(() -> new PdpteRegisters(0x1001, 0x2001, 0x3000, 0x4001));
        return new PagingState(cr0, base.cr3(), cr4, efer, pdptes, random.nextInt(), features);
    }

    private static String describe(long result) {
        String walked = WalkResult.isPage(result)
                ? NaiveWalk.page(WalkResult.address(result), WalkResult.level(result))
                : NaiveWalk.fault(WalkResult.reason(result), WalkResult.address(result), WalkResult.level(result));
        return walked + (WalkResult.bitsRefused(result) ? " refused" : "");
    }
}
