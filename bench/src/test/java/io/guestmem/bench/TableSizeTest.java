package io.guestmem.bench;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class TableSizeTest {
    @Test
    void onePageNeedsATableOfEachLevel() {
        assertThat(TableSize.theory(1)).isEqualTo(4 * 4096);
    }

    @Test
    void aGibibyteNeeds512TablesOfLeavesAndOneOfEachLevelAbove() {
        assertThat(TableSize.theory(262_144)).isEqualTo((512 + 3) * 4096);
        assertThat(TableSize.theory(262_145)).isEqualTo((513 + 2 + 1 + 1) * 4096);
    }
}
