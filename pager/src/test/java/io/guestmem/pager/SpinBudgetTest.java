package io.guestmem.pager;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

/** When the event thread looks for messages, and when it sleeps at once. Times are in nanoseconds. */
class SpinBudgetTest {
    private static final boolean LOOKED = true;
    private static final boolean SLEPT = true;

    private final SpinBudget spin = new SpinBudget();

    private void becomesWorthwhile() {
        spin.messageCame(10_000, LOOKED, SLEPT);
        assertThat(spin.goesOn(19_999)).isTrue();
    }

    @Test
    void atFirstNobodyLooks() {
        assertThat(spin.goesOn(0)).isFalse();
    }

    @Test
    void messagesInShortOrderAreLookedForTwiceAsLongAsTheLastOneTook() {
        becomesWorthwhile();
        assertThat(spin.goesOn(20_000)).isFalse();

        spin.messageCame(15_000, LOOKED, false);

        assertThat(spin.goesOn(29_999)).isTrue();
        assertThat(spin.goesOn(30_000)).isFalse();
    }

    @Test
    void nobodyLooksForMoreThanFiftyMicrosecondsOrLessThanFive() {
        becomesWorthwhile();
        spin.messageCame(49_000, LOOKED, false);
        assertThat(spin.goesOn(49_999)).isTrue();
        assertThat(spin.goesOn(50_000)).isFalse();

        spin.messageCame(100, LOOKED, false);
        assertThat(spin.goesOn(4_999)).isTrue();
        assertThat(spin.goesOn(5_000)).isFalse();
    }

    /** The vCPU could not run while the server looked: both are on one CPU. */
    @Test
    void lookingInVainRestsForManyMessagesAndForTwiceAsManyTheNextTime() {
        for (int rest = 256; rest <= 8192; rest *= 2) {
            becomesWorthwhile();
            spin.messageCame(24_000, LOOKED, SLEPT);

            for (int message = 1; message < Math.min(rest, 4096); message++) {
                assertThat(spin.goesOn(0)).as("message %d of %d", message, rest).isFalse();
                spin.messageCame(8_000, LOOKED, SLEPT);
            }
        }
    }

    @Test
    void aMessageThatWasThereAtOnceSaysNothingAboutLooking() {
        becomesWorthwhile();

        spin.messageCame(40_000, false, false);

        assertThat(spin.goesOn(19_999)).isTrue();
        assertThat(spin.goesOn(20_000)).isFalse();
    }

    @Test
    void messagesThatComeSeldomAreLookedForLessAndLess() {
        becomesWorthwhile();

        spin.messageCame(300_000, LOOKED, SLEPT);
        assertThat(spin.goesOn(9_999)).isTrue();
        assertThat(spin.goesOn(10_000)).isFalse();
        spin.messageCame(300_000, LOOKED, SLEPT);
        spin.messageCame(300_000, LOOKED, SLEPT);
        assertThat(spin.goesOn(0)).isFalse();

        becomesWorthwhile();
    }
}
