package io.guestmem.paging;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.SplittableRandom;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Random tables, registers and accesses: the walker agrees with {@link NaiveWalk}, and so do the tables afterwards. */
class WalkerReferenceTest {
    private static final int PAGES = RandomTables.PAGES;
    private static final int ROUNDS = 20_000;
    private static final int ROUNDS_PER_MEMORY = 200;

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
                RandomTables.fill(random, ours, theirs);
            }
            PagingState state = RandomTables.state(random, mode, ours);
            long linear = random.nextLong();
            int access = random.nextInt(Access.COMBINATIONS);
            int setBits = random.nextInt(8);
            CheckOrder order = RandomTables.order(random);

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

    static String describe(long result) {
        String walked = WalkResult.isPage(result)
                ? NaiveWalk.page(WalkResult.address(result), WalkResult.level(result))
                : NaiveWalk.fault(WalkResult.reason(result), WalkResult.address(result), WalkResult.level(result));
        return walked + (WalkResult.bitsRefused(result) ? " refused" : "");
    }
}
