package io.guestmem.vmm.demo;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.BitSet;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class MemoryPictureTest {
    private static BitSet pages(int from, int to) {
        BitSet pages = new BitSet();
        pages.set(from, to);
        return pages;
    }

    @Test
    void fewPagesAreAPieceEach() {
        MemoryPicture picture = MemoryPicture.of("before", pages(1, 3), 4);

        assertThat(picture.moment()).isEqualTo("before");
        assertThat(picture.pieces()).isEqualTo(4);
        assertThat(picture.present(0)).isZero();
        assertThat(picture.present(1)).isEqualTo(1);
        assertThat(picture.present(2)).isEqualTo(1);
        assertThat(picture.present(3)).isZero();
        assertThat(picture.present()).isEqualTo(0.5);
    }

    @Test
    void manyPagesShareAPiece() {
        MemoryPicture picture = MemoryPicture.of("now", pages(0, 6), 4096);

        assertThat(picture.pieces()).isEqualTo(1024);
        assertThat(picture.present(0)).isEqualTo(1);
        assertThat(picture.present(1)).isEqualTo(0.5);
        assertThat(picture.present(2)).isZero();
        assertThat(picture.present()).isEqualTo(6.0 / 4096);
    }

    @Test
    void theTotalIsOfPagesThoughPiecesDifferInSize() {
        // The last piece has two pages: the average of the pieces would be 1/1024.
        assertThat(MemoryPicture.of("now", pages(1023, 1025), 1025).present()).isCloseTo(2.0 / 1025, within(1e-12));
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 1023, 1024, 1025, 2047, 1_000_000})
    void everyPageIsInExactlyOnePiece(int count) {
        MemoryPicture full = MemoryPicture.of("full", pages(0, count), count);
        MemoryPicture empty = MemoryPicture.of("empty", new BitSet(), count);

        for (int i = 0; i < full.pieces(); i++) {
            assertThat(full.present(i)).isEqualTo(1);
            assertThat(empty.present(i)).isZero();
        }
        assertThat(full.present()).isEqualTo(1);
        assertThat(empty.present()).isZero();
    }
}
