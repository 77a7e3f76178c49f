package io.guestmem.soft.mmu;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

/** Which blocks of a slot may be large: kernel.md 6.3. */
class LargePagesTest {
    @Test
    void headAndTailThatAreNotAlignedAreSmall() {
        LargePages pages = new LargePages(100, 512 * 4, 100L << 12);
        boolean[] disallowed = new boolean[5];
        for (int block = 0; block < 5; block++) {
            disallowed[block] = pages.isDisallowed(block * 512L + (block == 0 ? 100 : 0), 2);
        }
        assertThat(disallowed).containsExactly(true, false, false, false, true);
        assertThat(pages.isDisallowed(512, 3)).isTrue();
    }

    @Test
    void anHvaThatIsNotAlignedAsTheGfnMakesEverythingSmall() {
        LargePages pages = new LargePages(1024, 2048, 0x1000);
        for (long gfn = 1024; gfn < 3072; gfn += 512) {
            assertThat(pages.isDisallowed(gfn, 2)).isTrue();
        }
        LargePages alignedTo2MiBOnly = new LargePages(0, 1 << 19, 0x200000);
        assertThat(alignedTo2MiBOnly.isDisallowed(0, 2)).isFalse();
        assertThat(alignedTo2MiBOnly.isDisallowed(0, 3)).isTrue();
    }

    @Test
    void mixedBlocksAreMarkedOneByOne() {
        LargePages pages = new LargePages(1 << 18, 2 << 18, 1L << 30);
        pages.setMixed((1 << 18) + 1024, 2, true);
        assertThat(pages.isDisallowed((1 << 18) + 1024 + 511, 2)).isTrue();
        assertThat(pages.isDisallowed((1 << 18) + 512, 2)).isFalse();
        assertThat(pages.isDisallowed(1 << 18, 3)).isFalse();
        pages.setMixed((1 << 18) + 1024, 2, false);
        assertThat(pages.isDisallowed((1 << 18) + 1024, 2)).isFalse();
    }
}
