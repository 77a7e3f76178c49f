package io.guestmem.soft.mmu;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

/** MMU-10: what must be looked up again. */
class InvalidationsTest {
    @Test
    void pagesBetweenTwoOpenInvalidationsWaitForBoth() {
        Invalidations invalidations = new Invalidations();
        invalidations.begin();
        invalidations.add(10, 20);
        invalidations.begin();
        invalidations.add(100, 110);
        assertThat(invalidations.mustRetry(0, 50)).isTrue();
        assertThat(invalidations.mustRetry(0, 9)).isFalse();
        assertThat(invalidations.mustRetry(0, 110)).isFalse();
        invalidations.finish();
        assertThat(invalidations.mustRetry(1, 50))
                .as("the range shrinks only at 0")
                .isTrue();
        invalidations.finish();
        assertThat(invalidations.mustRetry(2, 50)).isFalse();
        assertThat(invalidations.mustRetry(1, 5000))
                .as("looked up before the end")
                .isTrue();
        invalidations.begin();
        invalidations.add(1, 2);
        assertThat(invalidations.mustRetry(2, 50)).isFalse();
        invalidations.finish();
    }
}
