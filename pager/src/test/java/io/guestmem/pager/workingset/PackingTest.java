package io.guestmem.pager.workingset;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.guestmem.pager.mock.Pattern;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Working sets with the contents of their pages. */
class PackingTest {
    /** In the order in which they are installed: 1 to 3, 9 (a hole), 10 to 12, 40. */
    private static final WorkingSet SET = Sets.pages(40, 10, 11, 1, 2, 3, 12, 9);

    @TempDir
    private Path directory;

    private Path snapshot;
    private Path packed;

    @BeforeEach
    void makeSnapshot() throws IOException {
        snapshot = directory.resolve("memory");
        packed = directory.resolve("packed");
        Pattern.write(snapshot, 72, page -> page != 9);
    }

    private WorkingSetFile pack() throws IOException {
        return Packing.write(packed, SET, snapshot, List.of());
    }

    @Test
    void theContentsStandInTheOrderInWhichTheyAreInstalled() throws IOException {
        WorkingSetFile file = pack();

        Contents contents = file.contents().orElseThrow();
        assertThat(file.set().order()).isEqualTo(SET.order());
        assertThat(file.set().snapshot()).isEqualTo(SnapshotIdentity.of(snapshot, List.of()));
        assertThat(contents.offset()).isEqualTo(4096);
        assertThat(contents.length()).isEqualTo(7 * 4096);
        assertThat(contents.pieces())
                .extracting(piece -> piece.page() + "+" + piece.pages() + " at " + piece.offset())
                .containsExactly("1+3 at 4096", "9+1 at 0", "10+3 at 16384", "40+1 at 28672");
        assertThat(Arrays.copyOfRange(Files.readAllBytes(packed), 28672, 32768))
                .isEqualTo(Arrays.copyOfRange(Files.readAllBytes(snapshot), 40 * 4096, 41 * 4096));
        PackedContents.read(packed, contents, 4096).close();
    }

    @Test
    void aDiffIsPackedWithItsBases() throws IOException {
        Path base = directory.resolve("base");
        Pattern.write(base, 72, page -> page < 10);
        Pattern.write(snapshot, 72, page -> page >= 10);

        Contents contents =
                Packing.write(packed, SET, snapshot, List.of(base)).contents().orElseThrow();

        assertThat(contents.length()).as("the base has page 9").isEqualTo(8 * 4096);
        assertThat(contents.pieces()).noneMatch(Contents.Piece::isZero);
    }

    @Test
    void damagedContentsAreNamed() throws IOException {
        Contents contents = pack().contents().orElseThrow();
        byte[] bytes = Files.readAllBytes(packed);
        bytes[20_000] ^= 1;
        Files.write(packed, bytes);

        assertThatThrownBy(() -> PackedContents.read(packed, contents, 4096))
                .isInstanceOf(WorkingSetException.class)
                .hasMessage(packed + ": byte 16384: the checksum of the content of 3 pages from page 10 is wrong:"
                        + " the file is damaged");
        Files.write(packed, Arrays.copyOf(bytes, 30_000));
        assertThatThrownBy(() -> PackedContents.read(packed, contents, 4096))
                .hasMessage(packed + ": byte 30000: the file has become shorter");
    }

    @Test
    void aSnapshotThatIsTooShortIsRefused() throws IOException {
        Pattern.write(snapshot, 71, page -> true);

        assertThatThrownBy(this::pack)
                .isInstanceOf(WorkingSetException.class)
                .hasMessage(snapshot + ": the snapshot has 290816 bytes, the memory of the set reaches to 294912");
        assertThat(packed).doesNotExist();
    }

    @Test
    void contentsThatLieAreRefused() throws IOException {
        pack();
        byte[] whole = Files.readAllBytes(packed);
        int table = (int) ByteBuffer.wrap(whole).order(ByteOrder.LITTLE_ENDIAN).getLong(24) - 4 * 24;

        assertLie(
                whole,
                table,
                2,
                "byte " + WorkingSetHead.PIECES + ": the contents are of other pages than the entries");
        assertLie(whole, table, 31, "byte " + table + ": content of pages that do not lie in one region");
        assertLie(whole, table + 16, 8192, "byte " + table + ": content that does not follow the piece before");
        assertLie(whole, table + 24 + 16, 16384, "byte " + (table + 48) + ": content that does not follow");
        assertLie(
                whole,
                WorkingSetHead.CONTENTS_OFFSET,
                64,
                "byte 80: contents that do not reach to the end of the file");
        assertLie(whole, WorkingSetHead.CONTENTS_OFFSET, 0, "byte 80: contents that are nowhere");
    }

    private void assertLie(byte[] whole, int at, long value, String reason) throws IOException {
        ByteBuffer bytes = ByteBuffer.wrap(whole.clone()).order(ByteOrder.LITTLE_ENDIAN);
        bytes.putLong(at, value);
        write(bytes);

        assertThatThrownBy(() -> WorkingSetFile.read(packed))
                .isInstanceOf(WorkingSetException.class)
                .hasMessageContaining(reason);
    }

    private void write(ByteBuffer bytes) throws IOException {
        ByteBuffer index = bytes.slice(0, (int) bytes.getLong(WorkingSetHead.INDEX_LENGTH));
        bytes.putInt(WorkingSetHead.CHECKSUM, WorkingSetFile.checksum(index));
        byte[] all = new byte[bytes.limit()];
        bytes.get(0, all);
        Files.write(packed, all);
    }

    @Test
    void whateverStandsInTheIndexTheContentsAreOfItsPagesOrRefused() throws IOException {
        long seed = System.nanoTime();
        System.out.println("seed " + seed);
        SplittableRandom random = new SplittableRandom(seed);
        pack();
        byte[] whole = Files.readAllBytes(packed);
        int index = (int) ByteBuffer.wrap(whole).order(ByteOrder.LITTLE_ENDIAN).getLong(WorkingSetHead.INDEX_LENGTH);
        for (int round = 0; round < 1_000; round++) {
            ByteBuffer bytes = ByteBuffer.wrap(whole.clone()).order(ByteOrder.LITTLE_ENDIAN);
            for (int change = random.nextInt(1, 4); change > 0; change--) {
                int at = random.nextInt(32, index);
                bytes.put(at, (byte) (bytes.get(at) + random.nextInt(-3, 4)));
            }
            write(bytes);
            try {
                WorkingSetFile file = WorkingSetFile.read(packed);
                if (file.contents().isPresent()) {
                    long size = file.set().memory().pageSize();
                    PackedContents.read(packed, file.contents().get(), size).close();
                }
            } catch (WorkingSetException refused) {
                assertThat(refused).hasMessageMatching("(?s).*packed: byte \\d+: .*");
            } catch (RuntimeException unexpected) {
                throw new AssertionError("seed " + seed + ", round " + round, unexpected);
            }
        }
    }
}
