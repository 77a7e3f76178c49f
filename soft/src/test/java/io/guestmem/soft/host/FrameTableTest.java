package io.guestmem.soft.host;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.foreign.ValueLayout;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class FrameTableTest {
    private static final long CHUNK = 2L << 20;

    private final FrameTable frames = new FrameTable();

    @AfterEach
    void close() {
        frames.close();
        assertThat(frames.nativeBytes()).isZero();
    }

    private byte first(long pfn) {
        return NativeMemory.ALL.get(ValueLayout.JAVA_BYTE, frames.address(pfn));
    }

    private void write(long pfn, int value) {
        NativeMemory.ALL.set(ValueLayout.JAVA_BYTE, frames.address(pfn), (byte) value);
    }

    @Test
    void memoryComesWithTheFirstAddress() {
        long first = frames.reserve(1L << 28, 1L << 18);
        assertThat(first % (1L << 18)).isZero();
        assertThat(frames.inUse()).isEqualTo(1L << 28);
        assertThat(frames.nativeBytes()).isZero();
        assertThat(first(first + (1L << 27))).isZero();
        assertThat(frames.nativeBytes()).isEqualTo(CHUNK);
    }

    @Test
    void thereAreNotMoreNumbersThanAHostCanHave() {
        assertThatThrownBy(() -> frames.reserve(1L << 50, 1)).isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> frames.reserve(1, Long.MIN_VALUE)).isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> frames.reserve(1, 3)).isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> frames.reserve(0, 1)).isInstanceOf(IllegalArgumentException.class);
        assertThat(frames.inUse()).isZero();
    }

    @Test
    void framesOfAChunkAreNeighbours() {
        long first = frames.reserve(512, 512);
        assertThat(frames.address(first + 511) - frames.address(first)).isEqualTo(511 * 4096);
    }

    @Test
    void releasingFreesMemoryAndNumbers() {
        long first = frames.reserve(1024, 1);
        write(first, 1);
        write(first + 512, 2);
        assertThat(frames.nativeBytes()).isEqualTo(2 * CHUNK);
        frames.release(first, 1024);
        assertThat(frames.nativeBytes()).isZero();
        assertThat(frames.inUse()).isZero();
        assertThat(frames.reserve(1024, 1)).isEqualTo(first);
        assertThat(first(first)).isZero();
    }

    @Test
    void onlyWhatWasReservedIsReleased() {
        long first = frames.reserve(1024, 1);
        assertThatThrownBy(() -> frames.release(first, 512)).isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> frames.release(first + 512, 512)).isInstanceOf(IllegalArgumentException.class);
        assertThat(frames.inUse()).isEqualTo(1024);
    }

    @Test
    void discardedFramesReadAsZeroes() {
        long first = frames.reserve(1536, 512);
        for (long pfn = first; pfn < first + 1536; pfn++) {
            write(pfn, 7);
        }
        frames.discard(first + 511, 514);
        assertThat(frames.nativeBytes()).isEqualTo(2 * CHUNK);
        assertThat(first(first + 510)).isEqualTo((byte) 7);
        assertThat(first(first + 511)).isZero();
        assertThat(first(first + 512)).isZero();
        assertThat(first(first + 1024)).isZero();
        assertThat(first(first + 1025)).isEqualTo((byte) 7);
    }

    @Test
    void zeroPagesOfBothSizesReadAsZeroes() {
        assertThat(first(Frames.ZERO_PFN)).isZero();
        assertThat(first(Frames.HUGE_ZERO_PFN + 511)).isZero();
        assertThat(frames.nativeBytes()).isEqualTo(CHUNK);
    }

    @Test
    void aFrameThatWasNeverTakenHasNoAddress() {
        assertThatThrownBy(() -> frames.address(0)).isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> frames.address(1L << 40)).isInstanceOf(IllegalArgumentException.class);
    }

    @Test
    void aFrameIsFreedWithItsLastReference() {
        long pfn = frames.allocate(1);
        write(pfn, 9);
        frames.getPage(pfn, 1);
        frames.putPage(pfn, 1);
        assertThat(first(pfn)).isEqualTo((byte) 9);
        frames.putPage(pfn, 1);
        assertThat(frames.inUse()).isZero();
        long other = frames.allocate(1);
        assertThat(other).as("a freed frame waits for its turn").isNotEqualTo(pfn);
        for (int i = 0; i < 511; i++) {
            assertThat(first(frames.allocate(1))).isZero();
        }
        assertThat(frames.nativeBytes()).isEqualTo(CHUNK);
    }

    @Test
    void theSmallPagesOfASplitHugePageAreFreedOneByOne() {
        long huge = frames.allocate(2);
        write(huge + 3, 5);
        frames.getPage(huge, 2);
        frames.split(huge);
        assertThat(frames.references(huge + 3, 1)).isEqualTo(2);
        frames.putPage(huge + 3, 1);
        assertThat(frames.inUse()).isEqualTo(512);
        frames.putPage(huge, 2);
        assertThat(frames.inUse()).isEqualTo(511);
        long again = frames.allocate(1);
        assertThat(again).isEqualTo(huge + 3);
        assertThat(first(again)).isZero();
    }

    @Test
    void aGiganticPageTakesMemoryWhereItIsTouched() {
        long gigantic = frames.allocate(3);
        assertThat(gigantic % (1L << 18)).isZero();
        write(gigantic + 262143, 1);
        assertThat(frames.nativeBytes()).isEqualTo(CHUNK);
        frames.putPage(gigantic, 3);
        assertThat(frames.inUse()).isZero();
        assertThat(frames.nativeBytes()).isZero();
    }

    @Test
    void aHomeIsOneSegmentUnderNeighbouringFrames() {
        long origin = 0x7000_0000_5000L;
        Home home = frames.home(origin, 600 * 4096);
        assertThat(home.segment.byteSize()).isEqualTo(600 * 4096);
        assertThat(home.pfn(origin) % 262144).isEqualTo(origin / 4096 % 262144);
        frames.getPage(home.pfn(origin + 599 * 4096), 1);
        write(home.pfn(origin + 599 * 4096), 3);
        assertThat(home.segment.get(ValueLayout.JAVA_BYTE, 599 * 4096)).isEqualTo((byte) 3);
        frames.putPage(home.pfn(origin + 599 * 4096), 1);
        assertThat(home.segment.get(ValueLayout.JAVA_BYTE, 599 * 4096)).isZero();
        frames.release(home);
        assertThat(frames.nativeBytes()).isZero();
        assertThatThrownBy(() -> home.segment.get(ValueLayout.JAVA_BYTE, 0)).isInstanceOf(IllegalStateException.class);
    }
}
