package io.guestmem.pager.workingset;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.SplittableRandom;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The format on disk, and what is refused. */
class WorkingSetFileTest {
    private static final WorkingSet SET = Sets.recorded(
            Sets.touched(3, 2, Touch.READ, 10),
            Sets.touched(40, 1, Touch.WRITE, 15),
            Sets.touched(0, 1, Touch.READ, 12_000),
            Sets.touched(70, 2, Touch.AHEAD, 12_000));

    @TempDir
    private Path directory;

    private Path file() {
        return directory.resolve("set");
    }

    @Test
    void whatIsWrittenIsRead() throws IOException {
        WorkingSetFile.write(file(), SET);

        assertThat(WorkingSetFile.read(file()).set()).isEqualTo(SET);
        assertThat(WorkingSetFile.read(file()).contents()).isEmpty();
    }

    /** The bytes of docs/formats.md; they must not change as long as the version is 1. */
    @Test
    void theBytesAreThoseOfTheDescription() throws IOException {
        WorkingSetFile.write(file(), SET);

        String bytes = HexFormat.of().formatHex(Files.readAllBytes(file()));

        assertThat(bytes.substring(0, 24)).isEqualTo("474d575345540d0a" + "01000000");
        assertThat(bytes.substring(192))
                .isEqualTo("0000000000000000" + "0000020000000000" // region at 0, 128 KiB
                        + "0080020000000000" + "0000020000000000" // region at 160 KiB, 128 KiB
                        + "0080040000000000" + "15cd853dfe9c9717" // 288 KiB, the time
                        + "06" + "08" + "14" + "8002" + "00" // page 0 + 3, 2 read, after 10 us, in 256 of 256
                        + "46" + "05" + "0a" + "8002" + "00" // page 5 + 35, 1 written, 5 us later
                        + "51" + "04" + "a2bb01" + "8002" + "00" // page 41 - 41, 1 read, 11985 us later
                        + "8a01" + "0a" + "00" + "00" + "00"); // page 1 + 69, 2 ahead, known of no run
    }

    @Test
    void aFileIsReplacedAsAWholeOrNotAtAll() throws IOException {
        WorkingSetFile.write(file(), SET);
        WorkingSetFile.write(file(), Sets.pages(1));
        assertThatThrownBy(() -> WorkingSetFile.write(file(), SET, _ -> {
                    throw new IOException("the disk is full");
                }))
                .hasMessage(file() + ": the disk is full");

        assertThat(WorkingSetFile.read(file()).set()).isEqualTo(Sets.pages(1));
        try (Stream<Path> left = Files.list(directory)) {
            assertThat(left).containsExactly(file());
        }
    }

    @Test
    void whatIsNoFileIsSaid() {
        assertThatThrownBy(() -> WorkingSetFile.read(directory))
                .isInstanceOf(WorkingSetException.class)
                .hasMessage(directory + ": not a regular file");
        assertThatThrownBy(() -> WorkingSetFile.read(file())).isInstanceOf(NoSuchFileException.class);
    }

    @Test
    void aFileThatIsCutOffAnywhereIsRefused() throws IOException {
        WorkingSetFile.write(file(), SET);
        byte[] whole = Files.readAllBytes(file());

        for (int length = 0; length < whole.length; length++) {
            Files.write(file(), Arrays.copyOf(whole, length));
            String message = length < 8 ? "no working set" : length < 96 ? "ends within its head" : "says that it has";
            assertThatThrownBy(() -> WorkingSetFile.read(file()))
                    .as("%d bytes", length)
                    .isInstanceOf(WorkingSetException.class)
                    .hasMessageContaining(message);
        }
    }

    @Test
    void damageAnywhereIsRefused() throws IOException {
        WorkingSetFile.write(file(), SET);
        byte[] whole = Files.readAllBytes(file());

        for (int at = 0; at < whole.length; at++) {
            byte[] damaged = whole.clone();
            damaged[at] ^= 0x10;
            Files.write(file(), damaged);
            assertThatThrownBy(() -> WorkingSetFile.read(file()))
                    .as("byte %d", at)
                    .isInstanceOf(WorkingSetException.class)
                    .hasMessageMatching(".*set: byte (0|8|12|16|24): .*");
        }
    }

    @Test
    void aFileThatLiesIsRefusedWithThePlaceAndTheReason() throws IOException {
        assertRefused(index -> index.putInt(8, 2), "byte 8: version 2, not 1");
        assertRefused(index -> index.putLong(16, 7), "byte 16: the file has 170 bytes, and says that it has 7");
        assertRefused(index -> index.putLong(24, 1L << 40), "byte 24: an index of 1099511627776 bytes");
        assertRefused(index -> index.putLong(24, 95), "byte 24: an index of 95 bytes");
        assertRefused(index -> index.putLong(32, 4095), "byte 96: a page size of 4095 bytes");
        assertRefused(index -> index.putLong(40, 7), "byte 40: it says that it has 7 pages, and has 6");
        assertRefused(index -> index.putInt(48, 0), "byte 144: page 3 was observed in more runs than there were");
        assertRefused(index -> index.putInt(52, -1), "byte 24: the tables do not fill the index");
        assertRefused(index -> index.putInt(60, -1), "byte 60: 4294967295 entries in 26 bytes");
        assertRefused(index -> index.putInt(60, 3), "something stands behind the last entry");
        assertRefused(index -> index.putLong(64, -1), "byte 64: 18446744073709551615 are more than");
        assertRefused(index -> index.putLong(72, 1), "byte 24: the tables do not fill the index");
        assertRefused(index -> index.putLong(80, 4096), "byte 80: contents that do not reach");
        assertRefused(index -> index.putLong(88, 4096), "byte 80: contents that are nowhere");
        assertRefused(index -> index.putLong(104, 0), "byte 96: a region of 0 bytes at 0x0");
        assertRefused(index -> index.put(145, (byte) 0x0b), "byte 144: a touch of kind 3");
        assertRefused(index -> index.put(146, (byte) 0x13), "byte 144: a touch before the VM was attached");
        assertRefused(
                index -> index.put(156, (byte) 0x49).put(164, (byte) 0x82), "byte 144: page 4 stands in it twice");
        assertRefused(index -> index.put(144, (byte) 0x40), "byte 144: 2 pages from page 32, which do not lie in one");
    }

    private void assertRefused(Consumer<ByteBuffer> lie, String reason) throws IOException {
        WorkingSetFile.write(file(), SET);
        ByteBuffer index = ByteBuffer.wrap(Files.readAllBytes(file())).order(ByteOrder.LITTLE_ENDIAN);
        lie.accept(index);
        index.putInt(WorkingSetHead.CHECKSUM, WorkingSetFile.checksum(index));
        Files.write(file(), index.array());

        assertThatThrownBy(() -> WorkingSetFile.read(file()))
                .isInstanceOf(WorkingSetException.class)
                .hasMessageMatching("(?s).*" + reason.replace("(", "\\(") + ".*");
    }

    @Test
    void whateverStandsInAFileItIsASetOrRefused() throws IOException {
        long seed = System.nanoTime();
        System.out.println("seed " + seed);
        SplittableRandom random = new SplittableRandom(seed);
        WorkingSetFile.write(file(), SET);
        byte[] whole = Files.readAllBytes(file());
        int read = 0;
        for (int round = 0; round < 3_000; round++) {
            ByteBuffer index = ByteBuffer.wrap(whole.clone()).order(ByteOrder.LITTLE_ENDIAN);
            for (int change = random.nextInt(1, 5); change > 0; change--) {
                int at = random.nextInt(16, whole.length);
                index.put(at, (byte) (random.nextBoolean() ? random.nextInt() : index.get(at) + random.nextInt(-2, 3)));
            }
            index.putInt(WorkingSetHead.CHECKSUM, WorkingSetFile.checksum(index));
            Files.write(file(), index.array());
            try {
                WorkingSet set = WorkingSetFile.read(file()).set();
                WorkingSetFile.write(file(), set);
                assertThat(WorkingSetFile.read(file()).set())
                        .as("seed %d, round %d", seed, round)
                        .isEqualTo(set);
                read++;
            } catch (WorkingSetException refused) {
                assertThat(refused).hasMessageMatching("(?s).*set: byte \\d+: .*");
            } catch (RuntimeException unexpected) {
                throw new AssertionError("seed " + seed + ", round " + round, unexpected);
            }
        }
        assertThat(read).as("some changes make another set").isPositive();
    }
}
