package io.guestmem.linux;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.Callable;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicReferenceArray;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

@ExtendWith(OpenDescriptors.class)
class FileDescriptorTest {
    private static final int FALLOC_FL_KEEP_SIZE = 1;
    private static final int FALLOC_FL_PUNCH_HOLE = 2;
    private static final int FIONREAD = 0x541B;

    @TempDir
    private Path directory;

    private static MemorySegment text(Arena arena, String text) {
        MemorySegment withEnd = arena.allocateFrom(text);
        return withEnd.asSlice(0, withEnd.byteSize() - 1);
    }

    @Test
    void readsAndWritesWhereItIsTold() throws Exception {
        Path path = Files.writeString(directory.resolve("file"), "0123456789");
        try (Arena arena = Arena.ofConfined();
                FileDescriptor file = FileDescriptor.open(path, OpenMode.READ_WRITE)) {
            assertThat(file.writeAt(4, text(arena, "abcd"))).isEqualTo(4);
            MemorySegment into = arena.allocate(5);
            assertThat(file.readAt(3, into)).isEqualTo(5);
            assertThat(into.toArray(ValueLayout.JAVA_BYTE)).isEqualTo("3abcd".getBytes(StandardCharsets.US_ASCII));
            assertThat(file.readAt(8, into.address(), 5)).isEqualTo(2);
            assertThat(file.readAt(10, into)).isZero();
            assertThat(file.read(into)).isEqualTo(5);
            assertThat(file.write(text(arena, "xy"))).isEqualTo(2);
            assertThat(Files.readString(path)).isEqualTo("0123axyd89");
        }
    }

    @Test
    void statusTruncationAndHoles() {
        try (Arena arena = Arena.ofConfined();
                FileDescriptor file = Memfd.create("status", 3 * 4096)) {
            assertThat(file.allocate(0, 0, 2 * 4096)).isZero();
            assertThat(file.status().size()).isEqualTo(3 * 4096);
            assertThat(file.status().allocated()).isEqualTo(2 * 4096);
            assertThat(file.allocate(FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096))
                    .isZero();
            assertThat(file.status().allocated()).isEqualTo(4096);
            assertThat(file.status().isRegular()).isTrue();
            assertThat(file.status().isDirectory()).isFalse();
            file.truncate(10);
            assertThat(file.status().size()).isEqualTo(10);
            assertThat(file.allocate(0, -1, 1)).isEqualTo(-Errno.EINVAL.number());
            assertThat(file.readAt(0, arena.allocate(20))).isEqualTo(10);
        }
        try (FileDescriptor itself = FileDescriptor.open(directory, OpenMode.READ)) {
            assertThat(itself.status().isDirectory()).isTrue();
            assertThat(itself.status().blockSize()).isPositive();
        }
    }

    @Test
    void ioctlTakesAPointerOrAValue() {
        try (Arena arena = Arena.ofConfined();
                UnixSocket.Pair sockets = UnixSocket.pair()) {
            sockets.first().send(text(arena, "seven b"));
            MemorySegment count = arena.allocate(ValueLayout.JAVA_INT);
            FileDescriptor second = sockets.second().descriptor();
            assertThat(second.ioctl(FIONREAD, count)).isZero();
            assertThat(count.get(ValueLayout.JAVA_INT, 0)).isEqualTo(7);
            assertThat(second.ioctl(FIONREAD, 0)).isEqualTo(-Errno.EFAULT.number());
            assertThat(second.ioctl(0x7FFF_0000, 0)).isEqualTo(-Errno.ENOTTY.number());
        }
    }

    @Test
    void failuresNameTheCallTheErrnoAndTheArguments() {
        Path missing = directory.resolve("missing");
        assertThatThrownBy(() -> FileDescriptor.open(missing, OpenMode.READ))
                .isInstanceOfSatisfying(LinuxException.class, failure -> {
                    assertThat(failure.call()).isEqualTo("openat");
                    assertThat(failure.errno()).isEqualTo(Errno.ENOENT);
                    assertThat(failure.arguments()).isEqualTo(missing.toString());
                })
                .hasMessage("openat: ENOENT (2): " + missing);
        assertThat(FileDescriptor.tryOpen(directory, OpenMode.READ_WRITE)).isEqualTo(-Errno.EISDIR.number());
    }

    @Test
    void descriptorsAreNotInherited() {
        try (FileDescriptor file = FileDescriptor.open(Path.of("/dev/null"), OpenMode.READ);
                FileDescriptor copy = file.duplicate();
                FileDescriptor memory = Memfd.create("inherited", 0)) {
            assertThat(file.isCloseOnExec()).isTrue();
            assertThat(copy.isCloseOnExec()).isTrue();
            assertThat(copy.number()).isNotEqualTo(file.number());
            assertThat(memory.closeOnExec().isCloseOnExec()).isTrue();
        }
    }

    @Test
    void nothingWorksAfterClose() {
        FileDescriptor file = Memfd.create("closed", 4096);
        file.close();
        file.close();
        assertThat(file.isClosed()).isTrue();
        assertThat(file.toString()).contains("memfd:closed", "closed)");
        assertThatThrownBy(file::status)
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("memfd:closed");
        assertThatThrownBy(() -> Mapping.of(file, 0, 4096, Protection.READ, Sharing.SHARED))
                .isInstanceOf(IllegalStateException.class);
    }

    @Test
    void onlyLivingNativeMemoryHasAnAddress() {
        try (FileDescriptor file = Memfd.create("segments", 4096)) {
            MemorySegment closed;
            try (Arena arena = Arena.ofConfined()) {
                closed = arena.allocate(8);
            }
            assertThatThrownBy(() -> file.readAt(0, closed)).isInstanceOf(IllegalStateException.class);
            assertThatThrownBy(() -> file.readAt(0, MemorySegment.ofArray(new byte[8])))
                    .isInstanceOf(IllegalArgumentException.class);
        }
    }

    @Test
    void aCloseDuringAReadHappensWhenTheReadHasReturned() throws Exception {
        try (Arena arena = Arena.ofShared();
                UnixSocket.Pair sockets = UnixSocket.pair()) {
            FileDescriptor reader = sockets.second().descriptor();
            MemorySegment into = arena.allocate(1);
            Background<Long> read = Background.start("reader", () -> reader.read(into));
            read.awaitBlockedIn(SystemCallNumber.READ);

            reader.close();
            assertThatThrownBy(() -> reader.read(into)).isInstanceOf(IllegalStateException.class);
            assertThat(OpenDescriptors.isOpen(reader.number())).isTrue();

            sockets.first().send(text(arena, "x"));
            assertThat(read.result()).isEqualTo(1);
            assertThat(OpenDescriptors.isOpen(reader.number())).isFalse();
        }
    }

    @Test
    void aReadThatASignalInterruptsGoesOn() throws Exception {
        try (Arena arena = Arena.ofShared();
                UnixSocket.Pair sockets = UnixSocket.pair()) {
            MemorySegment into = arena.allocate(1);
            Background<Long> read = Background.start(
                    "reader", () -> sockets.second().descriptor().read(into));
            read.interruptIn(SystemCallNumber.READ);
            sockets.first().send(text(arena, "x"));
            assertThat(read.result()).isEqualTo(1);
        }
    }

    /**
     * Threads read files while another closes them and opens new ones, which get the same numbers: each file holds the number
     * of its slot and generation, so that a late call that hit another file would read something else.
     */
    @Test
    void aReusedNumberIsNeverHitByALateCall() throws Exception {
        long seed = System.nanoTime();
        System.out.println("FileDescriptorTest seed " + seed);
        int slots = 4;
        AtomicReferenceArray<Stamped> files = new AtomicReferenceArray<>(slots);
        AtomicBoolean over = new AtomicBoolean();
        for (int slot = 0; slot < slots; slot++) {
            files.set(slot, Stamped.create(slot));
        }
        List<Background<Integer>> readers = new ArrayList<>();
        for (int reader = 0; reader < 3; reader++) {
            readers.add(Background.start("reader", readUntil(over, files, new Random(seed + reader))));
        }
        Random random = new Random(seed);
        for (int round = 0; round < 20_000; round++) {
            Stamped old = files.getAndSet(random.nextInt(slots), Stamped.create(slots + round));
            old.file.close();
        }
        over.set(true);
        for (Background<Integer> reader : readers) {
            assertThat(reader.result()).describedAs("reads that succeeded").isPositive();
        }
        for (int slot = 0; slot < slots; slot++) {
            files.get(slot).file.close();
        }
    }

    private static Callable<Integer> readUntil(AtomicBoolean over, AtomicReferenceArray<Stamped> files, Random random) {
        return () -> {
            int succeeded = 0;
            try (Arena arena = Arena.ofConfined()) {
                MemorySegment into = arena.allocate(ValueLayout.JAVA_LONG);
                while (!over.get()) {
                    Stamped stamped = files.get(random.nextInt(files.length()));
                    long read;
                    try {
                        read = stamped.file.readAt(0, into);
                    } catch (IllegalStateException closed) {
                        continue;
                    }
                    assertThat(read).isEqualTo(Long.BYTES);
                    assertThat(into.get(ValueLayout.JAVA_LONG, 0)).isEqualTo(stamped.stamp);
                    succeeded++;
                }
            }
            return succeeded;
        };
    }

    private record Stamped(FileDescriptor file, long stamp) {
        static Stamped create(long stamp) {
            FileDescriptor file = Memfd.create("stamped", Long.BYTES);
            try (Arena arena = Arena.ofConfined()) {
                assertThat(file.writeAt(0, arena.allocateFrom(ValueLayout.JAVA_LONG, stamp)))
                        .isEqualTo(Long.BYTES);
            }
            return new Stamped(file, stamp);
        }
    }
}
