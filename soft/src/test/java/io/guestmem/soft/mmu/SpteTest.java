package io.guestmem.soft.mmu;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

/** The format of stage-2 entries: kernel.md 6.2, values written out. */
class SpteTest {
    @Test
    void aLeafThatTheGuestWroteTo() {
        long spte = Spte.leaf(0x1234, 1, true, true, true, false, 0);
        assertThat(spte).isEqualTo(0x00A0_0000_0123_4F77L);
        assertThat(Spte.describe(spte, 1)).isEqualTo("pfn 0x1234 rwx A D host-writable mmu-writable");
    }

    @Test
    void aLeafThatWasPrefaultedFromTheZeroPage() {
        long spte = Spte.leaf(512, 1, true, false, true, true, 0);
        assertThat(spte).isEqualTo(0x0000_0000_0020_0C75L);
        assertThat(Spte.describe(spte, 1)).isEqualTo("pfn 0x200 r-x");
    }

    @Test
    void aLargeLeafWithTheMitigationIsNotExecutable() {
        long spte = Spte.leaf(0x400, 2, true, true, false, false, 0);
        assertThat(spte).isEqualTo(0x00A0_0000_0040_0BF3L);
        assertThat(Spte.isLeaf(spte, 2)).isTrue();
        assertThat(Spte.isTable(spte, 2)).isFalse();
        long small = Spte.small(spte, 5, 1, true);
        assertThat(Spte.describe(small, 1)).isEqualTo("pfn 0x405 rwx A D host-writable mmu-writable");
        assertThat(Spte.large(small, 2, false)).isEqualTo(spte);
    }

    @Test
    void withoutAccessedBitsAPrefaultedLeafIsInaccessible() {
        long spte = Spte.leaf(0x1234, 1, true, true, true, true, Spte.AD_DISABLED);
        assertThat(spte & 7).isZero();
        assertThat(Spte.isAccessTracked(spte)).isTrue();
        assertThat(Spte.describe(spte, 1)).isEqualTo("pfn 0x1234 --- D host-writable mmu-writable access-tracked");
        long restored = Spte.restoreAccess(spte);
        assertThat(Spte.describe(restored, 1)).isEqualTo("pfn 0x1234 r-x D host-writable mmu-writable");
    }

    @Test
    void anMmioEntryHas18BitsOfTheGeneration() {
        for (long generation : new long[] {0, 1, 127, 128, 0x2AAAA, 0x3FFFF, 0x40003}) {
            long spte = Spte.mmio(0xABCDE, generation);
            assertThat(spte & 7).isEqualTo(6);
            assertThat(Spte.isMmio(spte)).isTrue();
            assertThat(Spte.isPresent(spte)).isFalse();
            assertThat(Spte.pfn(spte)).isEqualTo(0xABCDE);
            assertThat(Spte.mmioGeneration(spte)).isEqualTo(generation & 0x3FFFF);
        }
        assertThat(Spte.isMmio(Spte.NEVER_MAPPED)).isFalse();
        assertThat(Spte.isMmio(Spte.FROZEN)).isFalse();
        assertThat(Spte.isPresent(Spte.FROZEN)).isFalse();
    }

    @Test
    void indexes() {
        long gfn = (3L << 27) | (5 << 18) | (7 << 9) | 9;
        assertThat(Spte.index(gfn, 1)).isEqualTo(9);
        assertThat(Spte.index(gfn, 2)).isEqualTo(7);
        assertThat(Spte.index(gfn, 3)).isEqualTo(5);
        assertThat(Spte.index(gfn, 4)).isEqualTo(3);
        assertThat(Spte.pages(3)).isEqualTo(262144);
    }
}
