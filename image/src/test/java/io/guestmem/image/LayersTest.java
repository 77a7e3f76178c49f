package io.guestmem.image;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.guestmem.linux.Errno;
import io.guestmem.linux.FileDescriptor;
import io.guestmem.linux.OpenMode;
import io.guestmem.paging.Access;
import io.guestmem.paging.CheckOrder;
import io.guestmem.paging.SetBits;
import io.guestmem.paging.WalkPlan;
import io.guestmem.paging.WalkResult;
import io.guestmem.paging.Walker;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.OptionalLong;
import java.util.SplittableRandom;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Memory files over memory files: holes show what lies below, as Firecracker's diff snapshots have them. */
class LayersTest {
    private static final int PAGE = 4096;

    @TempDir
    private Path directory;

    @BeforeEach
    void needsHoles() throws IOException {
        Path probe = layer("probe", 2, 1, 1);
        try (FileDescriptor file = FileDescriptor.open(probe, OpenMode.READ)) {
            assumeTrue(file.seekData(0) == PAGE, "the file system of " + directory + " has no holes");
        }
    }

    /** A file of so many pages: each of those named is full of {@code mark}, the others are holes. */
    private Path layer(String name, int pages, int mark, int... data) throws IOException {
        Path path = directory.resolve(name);
        try (FileChannel file = sparse(path, (long) pages * PAGE)) {
            for (int page : data) {
                byte[] bytes = new byte[PAGE];
                Arrays.fill(bytes, (byte) mark);
                file.write(ByteBuffer.wrap(bytes), (long) page * PAGE);
            }
        }
        return path;
    }

    private static FileChannel sparse(Path path, long size) throws IOException {
        FileChannel file = FileChannel.open(
                path, StandardOpenOption.CREATE_NEW, StandardOpenOption.SPARSE, StandardOpenOption.WRITE);
        // The last byte makes the length, and the hole behind it is punched by cutting it off.
        file.write(ByteBuffer.wrap(new byte[1]), size);
        return file.truncate(size);
    }

    private static GuestImage open(Path top, Path... bases) throws IOException {
        return GuestImage.open(top, new ImageOptions(false, 0, Optional.empty(), List.of(bases)));
    }

    /** The pages' marks, in order. */
    private static String marks(GuestImage image) {
        StringBuilder marks = new StringBuilder();
        for (long at = 0; at < image.end(); at += PAGE) {
            int first = image.memory().read32(at) & 0xFF;
            assertThat(image.memory().read32(at + PAGE - 4) & 0xFF).isEqualTo(first);
            marks.append(first);
        }
        return marks.toString();
    }

    @Test
    void aHoleShowsTheNewestBelowThatHasNone() throws IOException {
        Path base = layer("base", 6, 1, 0, 1, 2, 3);
        Path first = layer("first", 6, 2, 1, 2, 4);
        Path second = layer("second", 6, 3, 2);

        assertThat(marks(open(first, base))).isEqualTo("122120");
        assertThat(marks(open(second, base, first))).isEqualTo("123120");
        assertThat(marks(open(second, base))).isEqualTo("113100");
        assertThat(marks(open(second, first, base))).as("the order counts").isEqualTo("113120");
    }

    @Test
    void aDifferenceThatIsAllHoleIsTheBase() throws IOException {
        Path base = layer("base", 3, 1, 0, 2);
        Path nothing = layer("nothing", 3, 2);

        assertThat(marks(open(nothing, base))).isEqualTo("101");
        assertThat(open(nothing, base).end()).isEqualTo(3 * PAGE);
    }

    /** The guest's tables are in the base; the difference has one more page of them, which maps another page. */
    @Test
    void aWalkGoesThroughTablesOfAllLayers() throws IOException {
        Path base = directory.resolve("base");
        Files.write(base, Images.memory());
        Path diff = directory.resolve("diff");
        try (FileChannel file = sparse(diff, Images.PAGES * PAGE)) {
            byte[] table = Arrays.copyOfRange(Images.memory(), 0x4000, 0x5000);
            ByteBuffer.wrap(table).order(ByteOrder.LITTLE_ENDIAN).putLong(7 * 8, 0x6000 | 7);
            file.write(ByteBuffer.wrap(table), 0x4000);
        }

        assertThat(walk(GuestImage.open(base, ImageOptions.NONE))).isEqualTo(Images.MAPPED);
        assertThat(walk(open(diff, base))).isEqualTo(0x6000);
    }

    private static long walk(GuestImage image) throws ImageException {
        OptionalLong none = OptionalLong.empty();
        ImageContext context = ImageContext.of(
                image,
                new RegisterChoice(
                        0, none, OptionalLong.of(Images.ROOT), none, none, OptionalInt.empty(), Optional.empty()));
        long result = new Walker(WalkPlan.of(context.state()), image.memory())
                .walk(Images.LINEAR, Access.READ, SetBits.NONE, CheckOrder.ARCHITECTURAL);
        assertThat(WalkResult.isPage(result)).isTrue();
        return WalkResult.address(result);
    }

    @Test
    void theStateFileGivesTheRegisters() throws IOException {
        Path base = directory.resolve("base");
        Files.write(base, Images.memory());
        Path diff = layer("diff", Images.PAGES, 1, 15);
        byte[] state = new byte[4096];
        ByteBuffer.wrap(state).order(ByteOrder.LITTLE_ENDIAN).putLong(0, 0x0710_1984_8664_0000L);
        System.arraycopy(Images.sregs(Images.ROOT), 0, state, 1001, 312);
        Path vmstate = directory.resolve("vmstate");
        Files.write(vmstate, state);

        GuestImage image = GuestImage.open(diff, new ImageOptions(false, 0, Optional.of(vmstate), List.of(base)));

        assertThat(image.format()).isEqualTo(ImageFormat.FIRECRACKER);
        assertThat(image.cpus()).extracting(CpuState::cr3).containsExactly(Images.ROOT);
        assertThat(walk(image)).isEqualTo(Images.MAPPED);
    }

    @Test
    void aHoleBelowFourGibibytesLiesAcrossTheLayers() throws IOException {
        Path base = layer("base", 6, 1, 0, 1, 2, 3, 4, 5);
        Path diff = layer("diff", 6, 2, 1, 2, 3);

        GuestImage image = GuestImage.open(diff, new ImageOptions(true, 2 * PAGE, Optional.empty(), List.of(base)));

        assertThat(image.memory().presence(2 * PAGE).isReadable()).isFalse();
        assertThat(image.memory().read32(PAGE)).isEqualTo(0x0202_0202);
        assertThat(image.memory().read32((1L << 32) + PAGE)).isEqualTo(0x0202_0202);
        assertThat(image.memory().read32((1L << 32) + 2 * PAGE)).isEqualTo(0x0101_0101);
    }

    @ParameterizedTest
    @CsvSource({"4, 0x4000", "8, 0x6000"})
    void filesOfDifferentLengthsAreNotOfOneGuest(int pages, String offset) throws IOException {
        Path base = layer("base", 6, 1, 0);
        Path diff = layer("diff", pages, 2, 1);

        assertRefused(Integer.decode(offset), "has " + pages * PAGE + " bytes and", diff, base);
        assertRefused(Integer.decode(offset), "has " + 6 * PAGE + " bytes and", base, diff);
    }

    @Test
    void aLayerInBetweenIsLookedAtToo() throws IOException {
        Path base = layer("base", 6, 1, 0);
        Path shorter = layer("shorter", 5, 2, 1);
        Path diff = layer("diff", 6, 3, 1);

        assertRefused(5 * PAGE, shorter + " has 20480 bytes", diff, base, shorter);
    }

    @Test
    void wholePagesAndSomeOfThem() throws IOException {
        Path base = directory.resolve("base");
        Path diff = directory.resolve("diff");
        sparse(base, 5000).close();
        sparse(diff, 5000).close();
        Path empty = Files.createFile(directory.resolve("empty"));
        Path emptyToo = Files.createFile(directory.resolve("empty-too"));

        assertRefused(PAGE, "5000 bytes are no positive number of pages", diff, base);
        assertRefused(0, "0 bytes are no positive number of pages", empty, emptyToo);
    }

    /** A copy without holes has zeros for what was not changed: it would hide everything, and walks would end in them. */
    @Test
    void aDifferenceThatLostItsHolesIsRefused() throws IOException {
        Path base = layer("base", 2, 1, 0, 1);
        Path full = layer("full", 2, 2, 0, 1);

        assertRefused(0, full + " has no holes", full, base);
    }

    @Test
    void onlyMemoryFilesAreDifferencesOrHaveThem() throws IOException {
        Path elf = directory.resolve("elf");
        Files.write(elf, Arrays.copyOf(Images.elf(), 20 * PAGE));
        Path diff = layer("diff", 20, 2, 1);

        assertRefused(0, elf + " is no memory file", diff, elf);
    }

    @Test
    void filesThatAreNotThere() throws IOException {
        Path base = layer("base", 2, 1, 0);

        assertThatExceptionOfType(NoSuchFileException.class)
                .isThrownBy(() -> open(directory.resolve("none"), base))
                .withMessageContaining("none");
        assertThatExceptionOfType(ImageException.class)
                .isThrownBy(() -> open(base, directory))
                .withMessageContaining("a directory");
    }

    private static void assertRefused(long offset, String message, Path top, Path... bases) {
        assertThatExceptionOfType(ImageException.class)
                .isThrownBy(() -> open(top, bases))
                .withMessageContaining(message)
                .satisfies(e -> assertThat(e.offset()).isEqualTo(offset));
    }

    /** Random layers, and the same put together by hand; data that begins or ends inside a page makes the page data. */
    @Test
    void randomLayersAreWhatTheyAreWhenCopiedOverEachOther() throws IOException {
        long seed = System.nanoTime();
        System.out.println("LayersTest seed " + seed);
        SplittableRandom random = new SplittableRandom(seed);
        int size = 64 * PAGE;
        for (int round = 0; round < 20; round++) {
            byte[] expected = new byte[size];
            int count = 2 + random.nextInt(3);
            Path[] layers = new Path[count];
            for (int i = 0; i < count; i++) {
                layers[i] = directory.resolve("layer-" + round + "-" + i);
                try (FileChannel file = sparse(layers[i], size)) {
                    for (int extent = random.nextInt(6); extent > 0; extent--) {
                        byte[] data = new byte[1 + random.nextInt(6 * PAGE)];
                        random.nextBytes(data);
                        file.write(ByteBuffer.wrap(data), random.nextInt(size - data.length));
                    }
                }
                layOver(expected, layers[i]);
            }
            GuestImage image = open(layers[count - 1], Arrays.copyOf(layers, count - 1));
            ByteBuffer memory = ByteBuffer.wrap(expected).order(ByteOrder.LITTLE_ENDIAN);
            for (int at = 0; at < size; at += Long.BYTES) {
                assertThat(image.memory().read64(at))
                        .as("seed " + seed + ", round " + round + ", 0x" + Integer.toHexString(at))
                        .isEqualTo(memory.getLong(at));
            }
        }
    }

    /** Page by page: one that has any data counts as a whole. */
    private static void layOver(byte[] memory, Path layer) throws IOException {
        byte[] bytes = Files.readAllBytes(layer);
        try (FileDescriptor file = FileDescriptor.open(layer, OpenMode.READ)) {
            for (int at = 0; at < memory.length; at += PAGE) {
                long data = file.seekData(at);
                if (data != -Errno.ENXIO.number() && data < at + PAGE) {
                    System.arraycopy(bytes, at, memory, at, PAGE);
                }
            }
        }
    }
}
