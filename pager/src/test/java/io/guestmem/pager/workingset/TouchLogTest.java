package io.guestmem.pager.workingset;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.guestmem.pager.handshake.GuestMap;
import io.guestmem.pager.handshake.Region;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What is left of a recording whose process has died: what was counted, in whatever moment that was. */
class TouchLogTest {
    private static final int PAGES = 200_000;
    private static final GuestMap MAP = new GuestMap(List.of(new Region(1 << 20, PAGES * 4096L, 0, 4096)));

    /** Where the count stands, and the marks. */
    private static final long COUNT = 24;

    private static final long MARKS = 4096;

    @TempDir
    private Path directory;

    private Path log;

    @BeforeEach
    void nameLog() {
        log = directory.resolve("touches");
    }

    private Recorder create() throws IOException {
        RecordingGoal goal = new RecordingGoal(Path.of("/sets/é 1"), Duration.ofSeconds(3), Duration.ofSeconds(70));
        return Recorder.create(log, MAP, 1000, goal);
    }

    private static List<String> touches(Recorder recorder) {
        return recorder.set(Sets.SNAPSHOT, _ -> false).order().stream()
                .map(run -> run.touch() + " " + run.page() + "+" + run.pages() + " at " + run.micros())
                .toList();
    }

    @Test
    void whoComesAfterwardsGoesOn() throws Exception {
        try (Recorder first = create()) {
            first.demanded(7, false, 2_000_000);
            first.forget(9);
        }

        try (Recorder second = Recorder.reopen(log, MAP)) {
            assertThat(second.goal())
                    .isEqualTo(new RecordingGoal(Path.of("/sets/é 1"), Duration.ofSeconds(3), Duration.ofSeconds(70)));
            assertThat(second.began()).isEqualTo(1000);
            assertThat(second.last()).isEqualTo(2_000_000);
            assertThat(second.isStopped()).isFalse();
            second.demanded(7, true, 3_000_000);
            second.demanded(9, true, 3_000_000);
            second.demanded(8, true, 4_001_000);

            assertThat(touches(second)).containsExactly("READ 7+1 at 1999", "WRITE 8+1 at 4000");
        }
    }

    @Test
    void anEntryThatIsNotCountedIsNoneAndOneThatIsNotMarkedIsNotRepeated() throws Exception {
        try (Recorder first = create()) {
            first.demanded(70, false, 2_000_000);
            first.demanded(71, false, 3_000_000);
        }
        put(COUNT, 1);
        put(MARKS + Long.BYTES, 0);

        try (Recorder second = Recorder.reopen(log, MAP)) {
            second.demanded(70, true, 5_000_000);
            second.demanded(71, true, 6_001_000);

            assertThat(touches(second)).containsExactly("READ 70+1 at 1999", "WRITE 71+1 at 6000");
        }
    }

    private void put(long offset, long value) throws IOException {
        try (FileChannel file = FileChannel.open(log, StandardOpenOption.WRITE)) {
            ByteBuffer bytes = ByteBuffer.allocate(Long.BYTES).order(ByteOrder.LITTLE_ENDIAN);
            file.write(bytes.putLong(value).flip(), offset);
        }
    }

    /** As in a hand-over, where the next server opens everything while the VM is served. */
    @Test
    void whoHasOpenedItBeforeTheOtherHadEndedGoesOnFromThere() throws Exception {
        try (Recorder first = create();
                Recorder second = Recorder.reopen(log, MAP)) {
            for (int page = 0; page < 70_000; page++) {
                first.demanded(page, false, 2_001_000);
            }
            second.goOn();
            second.demanded(5, true, 3_001_000);
            second.demanded(70_000, true, 4_001_000);

            assertThat(second.count()).isEqualTo(70_001);
            assertThat(second.last()).isEqualTo(4_001_000);
            assertThat(touches(second)).containsExactly("READ 0+70000 at 2000", "WRITE 70000+1 at 4000");
            second.stop();
            first.goOn();
            assertThat(first.isStopped()).isTrue();
        }
    }

    @Test
    void whatHasEndedHasEndedForAll() throws Exception {
        try (Recorder first = create()) {
            first.demanded(7, false, 2_000_000);
            first.stop();
        }

        try (Recorder second = Recorder.reopen(log, MAP)) {
            second.demanded(8, false, 3_000_000);

            assertThat(second.isStopped()).isTrue();
            assertThat(second.count()).isEqualTo(1);
        }
    }

    @Test
    void theFileGrowsWithWhatItHas() throws Exception {
        try (Recorder first = create()) {
            long before = space();
            first.demanded(1, false, 2_000_000);
            long one = space();
            for (int page = 0; page < 70_000; page++) {
                first.demanded(page, false, 2_000_000);
            }

            assertThat(before).as("marks only").isLessThan(64 << 10);
            assertThat(one - before).isEqualTo(1 << 20);
            assertThat(space() - before).isEqualTo(2 << 20);
        }
        try (Recorder second = Recorder.reopen(log, MAP)) {
            for (int page = 70_000; page < PAGES; page++) {
                second.demanded(page, false, 2_000_000);
            }
            assertThat(second.count()).isEqualTo(PAGES);
            assertThat(second.isFull()).isFalse();
        }
    }

    /** What it takes of the disk. */
    private long space() throws IOException {
        Process du = new ProcessBuilder("du", "--block-size=1", log.toString()).start();
        return Long.parseLong(du.inputReader().readAllAsString().split("\\s", 2)[0]);
    }

    @Test
    void whatIsNoneOrOfAnotherMemoryIsRefused() throws Exception {
        create().close();
        GuestMap other = new GuestMap(List.of(new Region(1 << 20, PAGES * 4096L + 4096, 0, 4096)));
        assertThatThrownBy(() -> Recorder.reopen(log, other)).hasMessageContaining("no touches of 200001 pages");
        put(0, 5);
        assertThatThrownBy(() -> Recorder.reopen(log, MAP)).hasMessageContaining("or another version");
        assertThatThrownBy(this::create).isInstanceOf(IOException.class);
    }
}
