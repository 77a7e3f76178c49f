package io.guestmem.image;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.guestmem.paging.Access;
import io.guestmem.paging.CheckOrder;
import io.guestmem.paging.MappingTotals;
import io.guestmem.paging.Mappings;
import io.guestmem.paging.PhysicalMemory;
import io.guestmem.paging.PhysicalMemory.Presence;
import io.guestmem.paging.SetBits;
import io.guestmem.paging.Translation;
import io.guestmem.paging.Translation.Fault;
import io.guestmem.paging.Translation.Reason;
import io.guestmem.paging.Translation.Translated;
import io.guestmem.paging.WalkPlan;
import io.guestmem.paging.Walker;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
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

/** However a file lies or was cut off: never a wrong address. What {@link DamagedImagesTest} shows is that nothing breaks. */
class HostileImagesTest {
    private static final int CUTS = 300;
    private static final int FLIPS = 300;
    private static final int PAGE = 4096;

    @TempDir
    private Path directory;

    private GuestImage open(byte[] bytes) throws IOException {
        Path file = directory.resolve("image");
        Files.write(file, bytes);
        return GuestImage.open(file, ImageOptions.NONE);
    }

    private static ByteBuffer little(byte[] bytes) {
        return ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    }

    private static ImageContext byCr3(GuestImage image, long cr3) throws ImageException {
        OptionalLong none = OptionalLong.empty();
        return ImageContext.of(
                image,
                new RegisterChoice(0, none, OptionalLong.of(cr3), none, none, OptionalInt.empty(), Optional.empty()));
    }

    private static Translation translate(GuestImage image, ImageContext context) {
        return new Walker(WalkPlan.of(context.state()), image.memory())
                .translate(Images.LINEAR, Access.READ, SetBits.NONE, CheckOrder.ARCHITECTURAL);
    }

    static Stream<Arguments> images() {
        return FormatsTest.images();
    }

    /**
     * Of a file that is cut off anywhere, every page that can be read is the page that it was, and an address translates to what it
     * did or not at all.
     */
    @ParameterizedTest
    @MethodSource("images")
    void whatIsLeftOfAFileIsAsItWas(ImageFormat format, byte[] bytes) throws IOException {
        long seed = System.nanoTime();
        System.out.println("HostileImagesTest " + format + " seed " + seed);
        SplittableRandom random = new SplittableRandom(seed);
        int opened = 0;
        for (int cut = 0; cut < CUTS; cut++) {
            int length = cut == 0 ? bytes.length : random.nextInt(cut % 2 == 0 ? bytes.length : bytes.length / 4) + 1;
            String question = "seed " + seed + ", cut to " + length + " of " + bytes.length;
            try {
                GuestImage image = open(Arrays.copyOf(bytes, length));
                // What is cut off so early that it is no file of its format any more is raw memory, of other bytes.
                if (image.format() == format) {
                    opened++;
                    assertPagesAreAsTheyWere(image, question);
                    Translation found = translate(image, byCr3(image, Images.ROOT));
                    if (found instanceof Translated page) {
                        assertThat(page.address()).as(question).isEqualTo(Images.MAPPED);
                    } else {
                        assertThat(((Fault) found).reason()).as(question).isEqualTo(Reason.INVALID_GPA);
                    }
                }
            } catch (ImageException refused) {
                assertThat(refused.offset()).as(question).isBetween(0L, (long) bytes.length);
            }
        }
        assertThat(opened).as("cuts that open").isPositive();
    }

    private static void assertPagesAreAsTheyWere(GuestImage image, String question) {
        PhysicalMemory memory = image.memory();
        ByteBuffer expected = little(Images.memory());
        long[] page = new long[PAGE / Long.BYTES];
        for (int at = 0; at < Images.PAGES * PAGE; at += PAGE) {
            if (memory.presence(at).isReadable()
                    && memory.presence(at + PAGE - Long.BYTES).isReadable()) {
                memory.readPage(at, page);
                for (int i = 0; i < page.length; i++) {
                    assertThat(page[i]).as(question).isEqualTo(expected.getLong(at + i * Long.BYTES));
                }
            }
        }
    }

    /** Compressed data has a checksum, in frames of Snappy and in streams of zlib: a page is what it was, or cannot be read. */
    @ParameterizedTest
    @MethodSource("compressed")
    void aBitThatFlipsInCompressedDataMakesNoOtherPage(byte[] bytes, int from, int to) throws IOException {
        long seed = System.nanoTime();
        System.out.println("HostileImagesTest flips seed " + seed);
        SplittableRandom random = new SplittableRandom(seed);
        int noticed = 0;
        for (int i = 0; i < FLIPS; i++) {
            byte[] damaged = bytes.clone();
            int at = random.nextInt(from, to);
            damaged[at] ^= (byte) (1 << random.nextInt(8));
            String question = "seed " + seed + ", bit of byte " + at;
            try {
                GuestImage image = open(damaged);
                assertPagesAreAsTheyWere(image, question);
                noticed += image.damage().isPresent() ? 1 : 0;
            } catch (ImageException refused) {
                assertThat(refused.offset()).as(question).isBetween(0L, (long) bytes.length);
                noticed++;
            }
        }
        // Some say the same in other words: a copy of zeros from elsewhere.
        assertThat(noticed).as("flips that were noticed").isGreaterThan(FLIPS / 2);
    }

    static Stream<Arguments> compressed() {
        byte[] avml = Images.avml();
        int first = 32 + 10 + 4;
        int firstLength = (little(avml).getInt(32 + 10) >>> 8);
        byte[] dump = Images.kdump(31);
        int data = (int) little(dump).getLong(4 * PAGE);
        int length = little(dump).getInt(4 * PAGE + 8);
        return Stream.of(Arguments.of(avml, first, first + firstLength), Arguments.of(dump, data, data + length));
    }

    @Test
    void aFrameWhoseChecksumIsWrongCannotBeRead() throws IOException {
        byte[] avml = Images.avml();
        avml[32 + 10 + 4] ^= 1;

        GuestImage image = open(avml);

        assertThat(image.memory().presence(0x1000)).isEqualTo(Presence.EXCLUDED);
        assertThat(image.memory().presence(15 * PAGE)).isEqualTo(Presence.READ_ONLY);
        assertThat(image.damage()).hasValueSatisfying(damage -> {
            assertThat(damage.offset()).isEqualTo(32 + 10 + 4);
            assertThat(damage).hasMessageContaining("checksum");
        });
    }

    /** The second range is moved into the first. */
    @Test
    void rangesThatOverlapAreRefused() {
        byte[] lime = Images.lime();
        int second = 32 + Images.ABSENT * PAGE;
        little(lime).putLong(second + 8, 0x3000).putLong(second + 16, 0x3FFF);
        assertRefused(lime, "two parts overlap at address 0x3000", second);

        byte[] avml = Images.avml();
        int next = avml.length - 8 - PAGE - 8 - 10 - 32;
        little(avml).putLong(next + 8, 0x3000).putLong(next + 16, 0x3FFF);
        assertRefused(avml, "two parts overlap at address 0x3000", next + 32 + 10 + 8);
    }

    private void assertRefused(byte[] bytes, String message, long offset) {
        assertThatExceptionOfType(ImageException.class)
                .isThrownBy(() -> open(bytes))
                .withMessageContaining(message)
                .satisfies(e -> assertThat(e.offset()).isEqualTo(offset));
    }

    @Test
    void aRootOutsideOfMemoryIsAFaultAtItsEntry() throws IOException {
        GuestImage image = open(Images.memory());
        long outside = 0x7FFF_F000L;
        ImageContext context = byCr3(image, outside);

        assertThat(translate(image, context)).isInstanceOfSatisfying(Fault.class, fault -> {
            assertThat(fault.reason()).isEqualTo(Reason.INVALID_GPA);
            assertThat(fault.level()).isEqualTo(4);
            assertThat(fault.entryAddress()).isEqualTo(outside);
        });
        MappingTotals totals =
                Mappings.of(WalkPlan.of(context.state()), image.memory()).forEach((_, _, _, _, _) -> {});
        assertThat(totals).isEqualTo(new MappingTotals(0, 0, 0, 0, 0, 1, -1));
    }

    /** The registers that the image carries may lie, too. */
    @Test
    void aRootOutsideOfMemoryInANoteIsTheSameFault() throws IOException {
        byte[] elf = Images.elf();
        int note = 192 + 3 * 56;
        little(elf).putLong(note + 20 + 416, 0x000F_FFFF_FFFF_F000L);
        GuestImage image = open(elf);

        assertThat(translate(image, ImageContext.of(image, RegisterChoice.NONE)))
                .isInstanceOfSatisfying(
                        Fault.class, fault -> assertThat(fault.reason()).isEqualTo(Reason.INVALID_GPA));
    }

    /** Every address of such a space is one of the root's own page, at every level; the list and the search end. */
    @Test
    void aTableThatPointsToItselfEnds() throws IOException {
        byte[] bytes = Images.memory();
        ByteBuffer memory = little(bytes);
        for (int i = 0; i < 512; i++) {
            memory.putLong((int) Images.ROOT + 8 * i, Images.ROOT | 7);
        }
        GuestImage image = open(bytes);
        ImageContext context = byCr3(image, Images.ROOT);

        assertThat(translate(image, context))
                .isInstanceOfSatisfying(
                        Translated.class, page -> assertThat(page.address()).isEqualTo(Images.ROOT));
        MappingTotals totals = Mappings.of(WalkPlan.of(context.state()), image.memory())
                .mostTables(1000)
                .forEach((_, _, _, _, _) -> {});
        assertThat(totals.isComplete()).isFalse();
        assertThat(totals.repeated()).isEqualTo(totals.tables() - 1);
        assertThat(image.findRoot()).isEmpty();
    }

    /** Registers or an {@link ImageException}, whatever is in the state file; and none that cannot be. */
    @Test
    void aStateFileThatLiesHasNoRegistersOrPossibleOnes() throws IOException {
        long seed = System.nanoTime();
        System.out.println("HostileImagesTest state seed " + seed);
        SplittableRandom random = new SplittableRandom(seed);
        Path memory = directory.resolve("memory");
        Files.write(memory, Images.memory());
        Path file = directory.resolve("state");
        int found = 0;
        for (int round = 0; round < 300; round++) {
            byte[] state = new byte[4096];
            random.nextBytes(state);
            little(state).putLong(0, 0x0710_1984_8664_0000L);
            System.arraycopy(Images.sregs(Images.ROOT), 0, state, 1000, 312);
            for (int changes = random.nextInt(3); changes > 0; changes--) {
                state[random.nextInt(8, state.length)] = (byte) random.nextInt();
                state[1000 + random.nextInt(312)] ^= (byte) (1 << random.nextInt(8));
            }
            Files.write(file, random.nextInt(4) == 0 ? Arrays.copyOf(state, random.nextInt(state.length)) : state);
            try {
                GuestImage image = GuestImage.open(memory, new ImageOptions(false, 0, Optional.of(file), List.of()));
                translate(image, ImageContext.of(image, RegisterChoice.NONE));
                found += image.cpus().size();
            } catch (ImageException refused) {
                assertThat(refused.offset())
                        .as("seed " + seed + ", round " + round)
                        .isBetween(-1L, 4096L);
            }
        }
        assertThat(found).as("processors").isBetween(50, 300);
    }
}
