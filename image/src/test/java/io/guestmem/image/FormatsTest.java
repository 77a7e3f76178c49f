package io.guestmem.image;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.guestmem.paging.CheckOrder;
import io.guestmem.paging.PhysicalMemory;
import io.guestmem.paging.PhysicalMemory.Presence;
import io.guestmem.paging.SetBits;
import io.guestmem.paging.Translation.Translated;
import io.guestmem.paging.WalkPlan;
import io.guestmem.paging.Walker;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
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
import org.junit.jupiter.params.provider.ValueSource;

/** The same memory in every format. */
class FormatsTest {
    private static final RegisterChoice BY_CR3 = new RegisterChoice(
            0,
            OptionalLong.empty(),
            OptionalLong.of(Images.ROOT),
            OptionalLong.empty(),
            OptionalLong.empty(),
            OptionalInt.empty(),
            Optional.empty());

    @TempDir
    private Path directory;

    static Stream<Arguments> images() {
        return Stream.of(
                Arguments.of(ImageFormat.RAW, Images.memory()),
                Arguments.of(ImageFormat.ELF, Images.elf()),
                Arguments.of(ImageFormat.LIME, Images.lime()),
                Arguments.of(ImageFormat.AVML, Images.avml()),
                Arguments.of(ImageFormat.KDUMP, Images.kdump(31)),
                Arguments.of(ImageFormat.KDUMP_FLATTENED, Images.flattened(Images.kdump(31))));
    }

    private GuestImage open(byte[] bytes) throws IOException {
        return open(bytes, ImageOptions.NONE);
    }

    private GuestImage open(byte[] bytes, ImageOptions options) throws IOException {
        Path file = directory.resolve("image");
        Files.write(file, bytes);
        return GuestImage.open(file, options);
    }

    private static Translated translate(GuestImage image, ImageContext context) {
        Walker walker = new Walker(WalkPlan.of(context.state()), image.memory());
        return (Translated) walker.translate(Images.LINEAR, 0, SetBits.NONE, CheckOrder.PER_LEVEL);
    }

    @ParameterizedTest
    @MethodSource("images")
    void everyFormatIsRecognisedAndWalked(ImageFormat format, byte[] bytes) throws IOException {
        GuestImage image = open(bytes);

        assertThat(image.format()).isEqualTo(format);
        Translated page = translate(image, ImageContext.of(image, BY_CR3));
        assertThat(page.address()).isEqualTo(Images.MAPPED);
        assertThat(page.backed()).isTrue();
    }

    @ParameterizedTest
    @MethodSource("images")
    void everyWordIsWhereItWasAndNowhereElse(ImageFormat format, byte[] bytes) throws IOException {
        PhysicalMemory memory = open(bytes).memory();
        ByteBuffer expected = ByteBuffer.wrap(Images.memory()).order(ByteOrder.LITTLE_ENDIAN);

        for (int at = 0; at < Images.PAGES * 4096; at += 8) {
            boolean gap = format != ImageFormat.RAW && at / 4096 == Images.ABSENT;
            boolean leftOut = format.toString().startsWith("kdump") && at / 4096 == 12;
            assertThat(memory.presence(at).isReadable())
                    .as("0x" + Integer.toHexString(at))
                    .isEqualTo(!gap && !leftOut);
            if (!gap && !leftOut) {
                assertThat(memory.read64(at)).isEqualTo(expected.getLong(at));
                assertThat(memory.read32(at + 4)).isEqualTo(expected.getInt(at + 4));
            }
        }
        assertThat(memory.presence(Images.PAGES * 4096L)).isEqualTo(Presence.NONE);
        assertThat(memory.presence(-8)).isEqualTo(Presence.NONE);
    }

    @Test
    void aPageThatADumpLeftOutIsExcludedAndNotZero() throws IOException {
        assertThat(open(Images.kdump(31)).memory().presence(12 * 4096)).isEqualTo(Presence.EXCLUDED);
    }

    @Test
    void aDumpThatLeavesOutOnlyZerosHasThem() throws IOException {
        PhysicalMemory memory = open(Images.kdump(1)).memory();

        assertThat(memory.presence(12 * 4096)).isEqualTo(Presence.READ_ONLY);
        assertThat(memory.read64(12 * 4096)).isZero();
        assertThat(memory.presence(Images.ABSENT * 4096)).isEqualTo(Presence.NONE);
    }

    @ParameterizedTest
    @MethodSource("images")
    void registersComeFromTheNotesOfQemu(ImageFormat format, byte[] bytes) throws IOException {
        GuestImage image = open(bytes);
        boolean carries = format == ImageFormat.ELF || format.toString().startsWith("kdump");

        assertThat(image.cpus()).hasSize(carries ? 1 : 0);
        if (carries) {
            ImageContext context = ImageContext.of(image, RegisterChoice.NONE);
            assertThat(context.state().cr3()).isEqualTo(Images.ROOT);
            assertThat(context.longCode()).isTrue();
            assertThat(context.alignmentCheck()).isTrue();
            assertThat(context.source()).startsWith("QEMU's note of processor 0 at offset 0x");
            assertThat(image.findRoot())
                    .contains(new PageTableRoot(Images.ROOT, false, "VMCOREINFO in the image's notes"));
        }
    }

    @Test
    void memoryAboveTheHoleBeginsAtFourGibibytes() throws IOException {
        GuestImage image = open(Images.memory(), new ImageOptions(true, 0x6000, Optional.empty(), List.of()));

        assertThat(image.memory().presence(0x6000)).isEqualTo(Presence.NONE);
        assertThat(image.memory().read64(1L << 32)).isEqualTo(0x6000);
        assertThat(image.end()).isEqualTo((1L << 32) + Images.PAGES * 4096 - 0x6000);
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1})
    void theStateFileOfASnapshotHasTheRegistersAmongNoise(int magicAt) throws IOException {
        long seed = System.nanoTime();
        System.out.println("FormatsTest seed " + seed);
        SplittableRandom random = new SplittableRandom(seed);
        byte[] state = new byte[200_000];
        random.nextBytes(state);
        ByteBuffer.wrap(state).order(ByteOrder.LITTLE_ENDIAN).putLong(magicAt, 0x0710_1984_8664_0000L);
        System.arraycopy(Images.sregs(Images.ROOT), 0, state, 77_777, 312);
        System.arraycopy(Images.sregs(0x9000), 0, state, 77_777 + 312, 312);
        Path file = directory.resolve("state");
        Files.write(file, state);

        GuestImage image = open(Images.memory(), new ImageOptions(false, 0, Optional.of(file), List.of()));

        assertThat(image.format()).isEqualTo(ImageFormat.FIRECRACKER);
        assertThat(image.cpus()).extracting(CpuState::cr3).containsExactly(Images.ROOT, 0x9000L);
        assertThat(translate(image, ImageContext.of(image, RegisterChoice.NONE)).address())
                .isEqualTo(Images.MAPPED);
    }

    @Test
    void withoutRegistersAndWithoutALinuxKernelThereIsNothingToWalk() throws IOException {
        GuestImage image = open(Images.lime());

        assertThatExceptionOfType(ImageException.class)
                .isThrownBy(() -> ImageContext.of(image, RegisterChoice.NONE))
                .withMessageStartingWith("no registers in this image, and no page tables of a Linux kernel");
    }

    @Test
    void aProcessorThatTheImageDoesNotHaveIsNamed() throws IOException {
        GuestImage image = open(Images.elf());
        RegisterChoice second = new RegisterChoice(
                1,
                OptionalLong.empty(),
                OptionalLong.empty(),
                OptionalLong.empty(),
                OptionalLong.empty(),
                OptionalInt.empty(),
                Optional.empty());

        assertThatExceptionOfType(ImageException.class)
                .isThrownBy(() -> ImageContext.of(image, second))
                .withMessageStartingWith("no registers of processor 1: the image has those of 1");
    }
}
