package io.guestmem.image;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.guestmem.paging.Mappings;
import io.guestmem.paging.PagingMode;
import io.guestmem.paging.PhysicalMemory;
import io.guestmem.paging.WalkPlan;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.OptionalLong;
import java.util.SplittableRandom;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Files that are cut off, and files that lie: an error with its offset, or memory that cannot be read. */
class DamagedImagesTest {
    private static final int ROUNDS = 400;
    private static final long MOST_TABLES = 5000;

    @TempDir
    private Path directory;

    private GuestImage open(byte[] bytes) throws IOException {
        Path file = directory.resolve("image");
        Files.write(file, bytes);
        return GuestImage.open(file, ImageOptions.NONE);
    }

    private void assertRefused(byte[] bytes, long offset, String message) {
        assertThatExceptionOfType(ImageException.class)
                .isThrownBy(() -> open(bytes))
                .withMessageContaining(message)
                .withMessageContaining("at offset 0x" + Long.toHexString(offset))
                .satisfies(e -> assertThat(e.offset()).isEqualTo(offset));
    }

    private static byte[] with(byte[] bytes, int at, long value) {
        ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).putLong(at, value);
        return bytes;
    }

    @Test
    void aSegmentThatPromisesMoreThanTheFileHas() {
        byte[] elf = Images.elf();
        assertRefused(with(elf, 192 + 56 + 32, elf.length), 192 + 56, "the header promises more than there is");
    }

    @Test
    void segmentsThatOverlapWithDifferentBytes() {
        assertRefused(with(Images.elf(), 192 + 112 + 24, 0x2000), 192 + 112, "two parts overlap at address 0x2000");
    }

    @Test
    void programHeadersBehindTheEnd() {
        byte[] elf = Images.elf();
        assertRefused(with(elf, 32, elf.length - 8), elf.length - 8, "the program headers");
    }

    @Test
    void aNoteThatReachesBehindTheNotes() {
        assertRefused(with(Images.elf(), 192 + 168, 0x0FFF_FFFF_0000_0005L), 192 + 168, "a note of 268435455 bytes");
    }

    @Test
    void aLimeRangeThatEndsBeforeItBegins() {
        assertRefused(with(Images.lime(), 8, 0x100_0000), 0, "a range from 0x1000000");
    }

    @Test
    void aLimeFileThatIsCutOff() {
        byte[] lime = Images.lime();
        assertRefused(
                Arrays.copyOf(lime, lime.length - 1),
                32 + Images.ABSENT * 4096,
                "the header promises more than there is");
    }

    @Test
    void anAvmlBlockWhoseLengthIsWrong() {
        byte[] avml = Images.avml();
        assertRefused(with(avml, avml.length - 8, 5), avml.length - 8, "frames of 5 bytes");
    }

    @Test
    void bitmapsThatPromiseMorePagesThanAreDescribed() {
        byte[] dump = Images.kdump(31);
        assertRefused(Arrays.copyOf(dump, 4 * 4096 + 24), 3 * 4096, "the bitmap promises 14 pages");
    }

    @Test
    void aStreamWithoutItsEnd() {
        byte[] stream = Images.flattened(Images.kdump(31));
        assertRefused(
                Arrays.copyOf(stream, stream.length - 16), stream.length - 16, "a number of the flattened stream");
    }

    /** Only what is asked for is decompressed; what does not is left out, and said. */
    @Test
    void aCompressedPageThatIsCutOffCannotBeRead() throws IOException {
        byte[] dump = Images.kdump(31);
        GuestImage image = open(with(dump, 6 * 4096, 0));

        assertThat(image.memory().presence(0)).isEqualTo(PhysicalMemory.Presence.EXCLUDED);
        assertThat(image.memory().presence(0x1000)).isEqualTo(PhysicalMemory.Presence.READ_ONLY);
        assertThat(image.damage()).hasValueSatisfying(damage -> {
            assertThat(damage.offset()).isEqualTo(6 * 4096);
            assertThat(damage).hasMessageContaining("does not decompress");
        });
    }

    static Stream<Arguments> images() {
        return FormatsTest.images();
    }

    /**
     * Whatever is changed or cut off: the image opens or is refused with an {@link ImageException}, and if it opens all of its memory
     * can be asked for, and its tables can be gone through.
     */
    @ParameterizedTest
    @MethodSource("images")
    void nothingInAFileBreaksAnything(ImageFormat format, byte[] bytes) throws IOException {
        long seed = System.nanoTime();
        System.out.println("DamagedImagesTest " + format + " seed " + seed);
        SplittableRandom random = new SplittableRandom(seed);
        int opened = 0;
        for (int round = 0; round < ROUNDS; round++) {
            byte[] damaged = damage(random, bytes.clone());
            try {
                use(open(damaged), random);
                opened++;
            } catch (ImageException e) {
                assertThat(e.offset()).as("seed " + seed + ", round " + round).isBetween(-1L, 1L << 40);
            } catch (RuntimeException | Error e) {
                throw new AssertionError("seed " + seed + ", round " + round, e);
            }
        }
        assertThat(opened).as("images that open").isPositive();
    }

    private static byte[] damage(SplittableRandom random, byte[] bytes) {
        int changes = random.nextInt(4);
        for (int i = 0; i < changes; i++) {
            // Headers are where the lies are: half of the changes are among the first bytes.
            int at = random.nextBoolean() ? random.nextInt(600) : random.nextInt(bytes.length - 8);
            switch (random.nextInt(4)) {
                case 0 -> bytes[at] = (byte) random.nextInt();
                case 1 -> bytes[at] ^= (byte) (1 << random.nextInt(8));
                case 2 -> with(bytes, at & -8, random.nextLong());
                default -> with(bytes, at & -8, -1L >>> random.nextInt(64));
            }
        }
        return random.nextInt(3) == 0 ? Arrays.copyOf(bytes, random.nextInt(bytes.length)) : bytes;
    }

    private static void use(GuestImage image, SplittableRandom random) throws ImageException {
        PhysicalMemory memory = image.memory();
        long[] page = new long[512];
        for (int i = 0; i < 40; i++) {
            long at = (i < 20 ? i : random.nextLong(1L << 20)) * 4096;
            if (memory.presence(at).isReadable() && memory.presence(at + 4088).isReadable()) {
                memory.readPage(at, page);
            }
        }
        image.findRoot();
        OptionalLong root = OptionalLong.of(Images.ROOT);
        OptionalLong none = OptionalLong.empty();
        ImageContext context = ImageContext.of(
                image, new RegisterChoice(0, none, root, none, none, OptionalInt.empty(), Optional.empty()));
        // A damaged note may say that paging is off: then there is nothing to go through.
        if (context.state().mode() != PagingMode.NONE) {
            Mappings.of(WalkPlan.of(context.state()), memory)
                    .mostTables(MOST_TABLES)
                    .forEach((_, _, _, _, _) -> {});
        }
    }
}
