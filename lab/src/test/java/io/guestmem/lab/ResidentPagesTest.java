package io.guestmem.lab;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIOException;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.BitSet;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What is seen of this process's own page table, as if it were another one's. */
class ResidentPagesTest {
    private static final long PAGE = FirstTouchRecording.PAGE_SIZE;
    private static final long SIZE = 64 * PAGE;

    @TempDir
    private Path directory;

    private Path file;

    @BeforeEach
    void makeFile() throws IOException {
        file = directory.resolve("memory");
        try (RandomAccessFile made = new RandomAccessFile(file.toFile(), "rw")) {
            made.setLength(SIZE);
        }
    }

    private static ProcessHandle above() {
        return ProcessHandle.current().parent().orElseThrow();
    }

    private static BitSet bits(int... pages) {
        BitSet bits = new BitSet();
        for (int page : pages) {
            bits.set(page);
        }
        return bits;
    }

    @Test
    void eachLookFindsWhatWasTouchedSinceTheLastOne() throws IOException {
        try (Arena arena = Arena.ofConfined();
                FileChannel channel = FileChannel.open(file, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
            MemorySegment memory = channel.map(FileChannel.MapMode.READ_WRITE, 0, SIZE, arena);
            try (ResidentPages pages = ResidentPages.of(file, SIZE, above())) {
                BitSet known = new BitSet();

                assertThat(pages.addTo(known)).isEqualTo(bits());
                memory.set(ValueLayout.JAVA_BYTE, 40 * PAGE, (byte) 1);
                memory.set(ValueLayout.JAVA_BYTE, 7 * PAGE + 5, (byte) 1);
                assertThat(pages.addTo(known)).isEqualTo(bits(7, 40));
                memory.set(ValueLayout.JAVA_BYTE, 7 * PAGE, (byte) 1);
                memory.set(ValueLayout.JAVA_BYTE, SIZE - 1, (byte) 1);
                assertThat(pages.addTo(known)).isEqualTo(bits(63));
                assertThat(pages.addTo(known)).isEqualTo(bits());

                assertThat(known).isEqualTo(bits(7, 40, 63));
                assertThat(pages.hasEnded()).isFalse();
            }
        }
    }

    @Test
    void aFileThatNobodyBelowHasMappedIsAnError() {
        assertThatIOException()
                .isThrownBy(() ->
                        ResidentPages.of(file, SIZE, ProcessHandle.current()).close())
                .withMessage("QEMU has not mapped " + file);
    }
}
