package io.guestmem.bench;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class BareEntriesTest {
    private final BareEntries entries = new BareEntries(1024);

    @Test
    void fillingLeavesAllAndEmptyingNone() {
        assertThat(entries.filling().once()).isPositive();
        assertThat(entries.full()).isEqualTo(1024);

        assertThat(entries.emptying().once()).isPositive();
        assertThat(entries.full()).isZero();
    }

    @Test
    void aTeamFillsAllOfThemToo() {
        try (Team team = new Team(2)) {
            assertThat(entries.filling(team).once()).isPositive();
        }
        assertThat(entries.full()).isEqualTo(1024);
    }
}
