package io.guestmem.vmm;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.MemorySegment;
import org.junit.jupiter.api.Test;

class ChecksumTest {
    private static MemorySegment words(long... words) {
        return MemorySegment.ofArray(words);
    }

    @Test
    void theFirstSumIsOfTheWordsAndTheSecondOfTheSums() {
        assertThat(Checksum.EMPTY.and(words(1, 2, 3))).isEqualTo(new Checksum(6, 1 + 3 + 6));
        assertThat(Checksum.EMPTY.and(words())).isEqualTo(Checksum.EMPTY);
        assertThat(Checksum.EMPTY.and(words(-1, -1))).isEqualTo(new Checksum(-2, -3));
    }

    @Test
    void piecesAreTheWhole() {
        assertThat(Checksum.EMPTY.and(words(5, 6)).and(words(7))).isEqualTo(Checksum.EMPTY.and(words(5, 6, 7)));
        assertThat(Checksum.EMPTY.and(words(5)).andZeroes(24)).isEqualTo(Checksum.EMPTY.and(words(5, 0, 0, 0)));
    }

    @Test
    void theOrderMatters() {
        assertThat(Checksum.EMPTY.and(words(1, 2))).isNotEqualTo(Checksum.EMPTY.and(words(2, 1)));
    }

    @Test
    void asText() {
        assertThat(new Checksum(0xABCL, -1)).hasToString("0000000000000abcffffffffffffffff");
    }
}
