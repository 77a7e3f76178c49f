package io.guestmem.pager;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

/** Two bits for each page, against an array that does the same. */
class PageStatesTest {
    private static final int PAGES = 203;

    @Test
    void everyOperationDoesWhatAnArrayWouldDo() {
        long seed = System.nanoTime();
        SplittableRandom random = new SplittableRandom(seed);
        int[] expected = new int[PAGES];
        try (PageStates states = PageStates.anonymous(PAGES)) {
            for (int operation = 0; operation < 20_000; operation++) {
                int from = random.nextInt(PAGES);
                int to = random.nextInt(from, PAGES + 1);
                int clear = random.nextInt(4);
                int set = random.nextInt(4);
                switch (random.nextInt(8)) {
                    case 0 -> {
                        states.replaceAll(1, 2);
                        change(expected, 0, PAGES, 1, 2);
                    }
                    case 1 -> {
                        states.replaceAll(2, 1);
                        change(expected, 0, PAGES, 2, 1);
                    }
                    case 2 -> {
                        states.set(from, to, set);
                        Arrays.fill(expected, from, to, set);
                    }
                    default -> {
                        states.change(from, to, clear, set);
                        for (int page = from; page < to; page++) {
                            expected[page] = (expected[page] & ~clear) | set;
                        }
                    }
                }
                int some = random.nextInt(4);
                assertThat(states.nextWith(from, to, some))
                        .as("seed " + seed)
                        .isEqualTo(next(expected, from, to, some));
                assertThat(states.get(from)).as("seed " + seed).isEqualTo(expected[from]);
            }
            long others = Arrays.stream(expected).filter(state -> state != 0).count();
            assertThat(states.countOthers()).as("seed " + seed).isEqualTo(others);
        }
    }

    private static void change(int[] states, int from, int to, int bit, int other) {
        for (int page = from; page < to; page++) {
            if ((states[page] & bit) != 0) {
                states[page] = (states[page] & ~bit) | other;
            }
        }
    }

    private static int next(int[] states, int from, int to, int some) {
        int page = from;
        while (page < to && (states[page] & some) == 0) {
            page++;
        }
        return page;
    }
}
