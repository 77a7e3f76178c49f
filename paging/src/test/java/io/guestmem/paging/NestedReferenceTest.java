package io.guestmem.paging;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.SplittableRandom;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Random tables of a guest below random nested paging: the walker agrees with {@link NaiveWalk} over memory each of whose words is found
 * by another {@link NaiveWalk}. The guest's first pages lie in shuffled order in the first 16 of memory, the tables of the second stage behind them; large
 * pages map the guest's other addresses, where there is no memory.
 */
class NestedReferenceTest {
    private static final int PAGES = RandomTables.PAGES;
    private static final int ALL_PAGES = 4 * PAGES;
    private static final long HOST_ROOT = 2 * PAGES * 4096L;
    private static final int ROUNDS = 10_000;
    private static final int ROUNDS_PER_MEMORY = 100;
    private static final Pattern FAULT = Pattern.compile("fault (\\d) at (\\p{XDigit}+) level (\\d)(.*)");

    /** A fault of the second stage, as the walk of that stage describes it. */
    private static final class SecondStageFault extends RuntimeException {
        private static final long serialVersionUID = 1L;

        SecondStageFault(String outcome) {
            super("second " + outcome);
        }
    }

    /**
     * The guest's physical memory: every access to a table is a write from user mode. With GMET everything is an access of the
     * supervisor, whom nothing but SMEP keeps from user pages, and that only from executing them.
     */
    private record GuestMemory(PagingState host, boolean gmet, PhysicalMemory below, int setBits, CheckOrder order)
            implements PhysicalMemory {
        long table(long address) {
            return find(address, Access.WRITE | Access.USER);
        }

        long find(long address, int access) {
            boolean trapped = gmet && (access & (Access.USER | Access.EXECUTE)) == Access.EXECUTE;
            PagingState state = trapped ? States.withCr4(host, host.cr4() | States.SMEP) : host;
            int made = gmet ? access & ~Access.USER : access;
            String outcome = address >>> 48 != 0
                    ? NaiveWalk.fault(WalkResult.NOT_PRESENT, HOST_ROOT, 4)
                    : new NaiveWalk(state, below, address, made, setBits, order).outcome();
            if (!outcome.startsWith("page ")) {
                throw new SecondStageFault(outcome);
            }
            return Long.parseLong(outcome.split(" ", -1)[1], 16);
        }

        @Override
        public Presence presence(long address) {
            return below.presence(table(address));
        }

        @Override
        public long read64(long address) {
            return below.read64(table(address));
        }

        @Override
        public int read32(long address) {
            return below.read32(table(address));
        }

        @Override
        public boolean compareAndSet64(long address, long expected, long replacement) {
            return below.compareAndSet64(table(address), expected, replacement);
        }

        @Override
        public boolean compareAndSet32(long address, int expected, int replacement) {
            return below.compareAndSet32(table(address), expected, replacement);
        }
    }

    private static void fill(SplittableRandom random, PagingMode mode, TestMemory ours, TestMemory theirs) {
        RandomTables.fill(random, ours, theirs);
        if (mode == PagingMode.PAE) {
            // Bits that long mode ignores are reserved here: hardly any walk would come through both stages.
            for (int i = 0; i < PAGES * 512; i++) {
                ours.words()[i] &= ~(0x7FFL << 52);
            }
        }
        PageTableBuilder builder = new PageTableBuilder(ours, PagingMode.LEVEL_4, HOST_ROOT, 8);
        int shuffle = random.nextInt(PAGES);
        for (int page = 0; page < PAGES; page++) {
            builder.map(page * 4096L, (page ^ shuffle) * 4096L, 1, flags(random));
        }
        for (long address = 1 << 21; address < 1L << 32; address += address < 1 << 30 ? 1 << 21 : 1 << 30) {
            builder.map(address, address, address < 1 << 30 ? 2 : 3, flags(random));
        }
        System.arraycopy(ours.words(), 0, theirs.words(), 0, ours.words().length);
    }

    /** Mostly present, writable, for user mode; accessed and dirty or not. */
    private static long flags(SplittableRandom random) {
        long flags = random.nextLong() & 0x60;
        for (long each = 1; each <= 4; each <<= 1) {
            flags |= random.nextInt(32) == 0 ? 0 : each;
        }
        return flags | (random.nextInt(32) == 0 ? 1L << 63 : 0) | (random.nextInt(32) == 0 ? 1L << 50 : 0);
    }

    private static String naive(PagingState state, GuestMemory memory, long linear, int access) {
        try {
            NaiveWalk walk = new NaiveWalk(state, memory, linear, access, memory.setBits, memory.order);
            Matcher fault = FAULT.matcher(walk.outcome());
            if (fault.matches()) {
                long at = Long.parseLong(fault.group(2), 16);
                boolean register = state.cr4() == (state.cr4() | States.PAE) && "3".equals(fault.group(3));
                return NaiveWalk.fault(
                                Integer.parseInt(fault.group(1)),
                                register && (state.efer() & States.LME_LMA) == 0 ? at : memory.table(at),
                                Integer.parseInt(fault.group(3)))
                        + fault.group(4);
            }
            String[] page = walk.outcome().split(" ", 4);
            int user = memory.gmet ? access & Access.USER : Access.USER;
            int kind = (access & (Access.WRITE | Access.EXECUTE)) | user;
            return NaiveWalk.page(
                            memory.find(Long.parseLong(page[1], 16), kind), Integer.parseInt(page[3].substring(0, 1)))
                    + page[3].substring(1);
        } catch (SecondStageFault refused) {
            return String.valueOf(refused.getMessage());
        }
    }

    /** Whether the guest's entries could be marked after a fault of the second stage is left out. */
    private static String describe(long result) {
        String described = WalkerReferenceTest.describe(result);
        boolean second = !WalkResult.isPage(result) && WalkResult.stage(result) == 2;
        return second ? "second " + described.replace(" refused", "") : described;
    }

    @ParameterizedTest
    @EnumSource(PagingMode.class)
    void bothStagesTogetherAgreeWithTheReference(PagingMode mode) {
        long seed = System.nanoTime();
        System.out.println("NestedReferenceTest " + mode + " seed " + seed);
        SplittableRandom random = new SplittableRandom(seed);
        PagingState host = States.of(PagingMode.LEVEL_4, HOST_ROOT);
        TestMemory ours = new TestMemory(ALL_PAGES);
        TestMemory theirs = new TestMemory(ALL_PAGES);
        int pages = 0;
        int faults = 0;
        int second = 0;
        for (int round = 0; round < ROUNDS; round++) {
            if (round % ROUNDS_PER_MEMORY == 0) {
                ours = new TestMemory(ALL_PAGES);
                theirs = new TestMemory(ALL_PAGES);
                fill(random, mode, ours, theirs);
            }
            int setBits = random.nextInt(8);
            CheckOrder order = RandomTables.order(random);
            PagingState state = RandomTables.state(random, mode, ours);
            long linear = mode == PagingMode.NONE ? random.nextInt(PAGES * 4096) : random.nextLong();
            int access = random.nextBoolean() ? Access.READ : random.nextInt(Access.COMBINATIONS);
            boolean gmet = random.nextBoolean();
            SecondStage stage = gmet ? SecondStage.nestedWithExecuteTrap(host, ours) : SecondStage.nested(host, ours);
            Walker walker = Walker.nested(WalkPlan.of(state), ours, stage);

            String result = describe(walker.walk(linear, access, setBits, order));
            String expected = naive(state, new GuestMemory(host, gmet, theirs, setBits, order), linear, access);

            String question = "seed " + seed + ", round " + round + ": 0x" + Long.toHexString(linear) + ", access "
                    + access + ", set " + setBits + ", " + order + (gmet ? ", GMET, " : ", ") + state;
            assertThat(result).as(question).isEqualTo(expected);
            if (result.startsWith("second")) {
                // Which of the guest's entries are marked then is a question of its own: WalkerBitsTest.
                System.arraycopy(ours.words(), 0, theirs.words(), 0, ours.words().length);
                second++;
            } else {
                assertThat(ours.equalsIn(theirs)).as(question).isTrue();
                pages += result.startsWith("page") ? 1 : 0;
                faults += result.startsWith("fault") ? 1 : 0;
            }
        }
        assertThat(pages).as("walks that succeed").isGreaterThan(ROUNDS / 2000);
        assertThat(second).as("faults of the second stage").isGreaterThan(ROUNDS / 100);
        assertThat(faults).as("faults of the first").matches(count -> mode == PagingMode.NONE || count > ROUNDS / 100);
    }
}
