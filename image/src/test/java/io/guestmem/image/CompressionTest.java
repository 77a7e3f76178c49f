package io.guestmem.image;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Pages of a dump as other programs compress them, against the page that they compressed. */
class CompressionTest {
    /** {@code lzo1x_1_compress} of lzo 2.10, which makedumpfile calls. */
    private static final String LZO = "090000000000000000670000356c0120000000d21f00800008787e20000000dbff0f00011020"
            + "000000dfff0f80011820000000cefc0f0e0067000035000000006700003500000000110000";

    /** {@code ZSTD_compress} of zstd 1.5.4, level 3. */
    private static final String ZSTD = "28b52ffd60000f950100900000670000358000080000011000800118000c008080f6a000b0"
            + "0408680f0a004b8080f6fb45016051fb95022c960c000b";

    private static final int SIZE = 4096;

    /** A page of 512 words: of each 128 the first has a number of its own, the others an entry of a page table. */
    private static byte[] page() {
        ByteBuffer page = ByteBuffer.allocate(SIZE).order(ByteOrder.LITTLE_ENDIAN);
        IntStream.range(0, 512).forEach(i -> page.putLong(i % 128 == 0 ? i * 0x1001L : 0x35000067));
        return page.array();
    }

    @ParameterizedTest
    @CsvSource({"2," + LZO, "0x20," + ZSTD})
    void aPageIsWhatItWas(String flags, String compressed) throws IOException {
        Compression compression = Compression.of(Integer.decode(flags), 0);

        assertThat(compression.decompress(HexFormat.of().parseHex(compressed), SIZE, 0))
                .isEqualTo(page());
    }

    /** However short it is cut: an error with the offset, never a page. */
    @ParameterizedTest
    @CsvSource({"2," + LZO, "0x20," + ZSTD})
    void aPageThatIsCutOffIsRefused(String flags, String compressed) throws IOException {
        Compression compression = Compression.of(Integer.decode(flags), 0);
        byte[] whole = HexFormat.of().parseHex(compressed);

        for (int length = 0; length < whole.length; length++) {
            byte[] part = Arrays.copyOf(whole, length);
            assertThatThrownBy(() -> compression.decompress(part, SIZE, 0x1234))
                    .as("%d bytes of %d", length, whole.length)
                    .isInstanceOf(ImageException.class)
                    .hasMessageContaining("0x1234");
        }
    }

    /** The chunk of "abcd" in the tests of github.com/golang/snappy (snappy_test.go, TestReaderUncompressedDataOK). */
    @Test
    void aFramesChecksumIsMaskedAsOthersMaskIt() {
        assertThat(AvmlFile.masked("abcd".getBytes(StandardCharsets.ISO_8859_1)))
                .isEqualTo(0xB6E6_1068);
    }
}
