package io.guestmem.soft.mmu;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class DirtyBitmapTest {
    @Test
    void bitsAreSetAndTakenWordByWord() {
        DirtyBitmap bitmap = new DirtyBitmap(130, false);
        assertThat(bitmap.words()).isEqualTo(3);
        bitmap.set(1);
        bitmap.set(64);
        bitmap.set(129);
        assertThat(bitmap.word(0)).isEqualTo(2);
        assertThat(bitmap.clear(0, 1)).isZero();
        assertThat(bitmap.clear(0, -1)).isEqualTo(2);
        assertThat(bitmap.word(0)).isZero();
        assertThat(bitmap.isDirty(64)).isTrue();
        assertThat(bitmap.word(2)).isEqualTo(2);
    }

    @Test
    void initiallyDirtyPagesEndWithTheSlot() {
        DirtyBitmap bitmap = new DirtyBitmap(130, true);
        assertThat(bitmap.word(1)).isEqualTo(-1);
        assertThat(bitmap.word(2)).isEqualTo(3);
        assertThat(bitmap.clear(2, -1)).isEqualTo(3);
        assertThat(bitmap.word(0)).isEqualTo(-1);
    }

    @Test
    void eightTebibytesCostNothing() {
        DirtyBitmap bitmap = new DirtyBitmap((1L << 31) - 1, true);
        assertThat(bitmap.word(bitmap.words() - 1)).isEqualTo(-1L >>> 1);
        bitmap.clear(bitmap.words() - 1, 1);
        assertThat(bitmap.word(bitmap.words() - 1)).isEqualTo((-1L >>> 1) & ~1);
    }
}
