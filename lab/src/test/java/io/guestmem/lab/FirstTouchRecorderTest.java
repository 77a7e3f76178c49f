package io.guestmem.lab;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIOException;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What is read from the header of a bzImage; that recording works is for {@link LabBootTest} to say. */
class FirstTouchRecorderTest {
    private static final int SIZE = 0x1000;

    @TempDir
    private Path directory;

    /** A header with "HdrS" at 0x202, and the text's offset less 0x200 at 0x20e. */
    private static ByteBuffer image(int text) {
        ByteBuffer image = ByteBuffer.allocate(SIZE).order(ByteOrder.LITTLE_ENDIAN);
        image.put(0x202, "HdrS".getBytes(StandardCharsets.US_ASCII));
        image.putShort(0x20E, (short) (text - 0x200));
        return image;
    }

    private Path file(ByteBuffer image) throws IOException {
        byte[] bytes = new byte[SIZE];
        image.get(0, bytes);
        return Files.write(directory.resolve("vmlinuz"), bytes);
    }

    @Test
    void theReleaseIsTheFirstWordOfTheVersion() throws IOException {
        ByteBuffer image = image(0x3C0);
        image.put(0x3C0, "7.2.13+deb14-cloud-amd64 (debian) #1\0".getBytes(StandardCharsets.US_ASCII));

        assertThat(FirstTouchRecorder.release(file(image))).isEqualTo("7.2.13+deb14-cloud-amd64");
    }

    @ParameterizedTest
    @ValueSource(ints = {0x200, SIZE, 0x8000})
    void aVersionThatIsNotThereIsAnError(int text) throws IOException {
        Path file = file(image(text));

        assertThatIOException()
                .isThrownBy(() -> FirstTouchRecorder.release(file))
                .withMessage(file + " is no bzImage that names its release");
    }

    @Test
    void whatIsNoBzImageIsAnError() throws IOException {
        Path other = file(image(0x3C0).put(0x202, (byte) 'h'));
        Path shorter = Files.write(directory.resolve("short"), new byte[0x20F]);

        assertThatIOException().isThrownBy(() -> FirstTouchRecorder.release(other));
        assertThatIOException().isThrownBy(() -> FirstTouchRecorder.release(shorter));
    }
}
