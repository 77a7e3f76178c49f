package io.guestmem.lab;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Entries of the cache: complete or absent, made once. */
class LabCacheTest {
    @TempDir
    Path directory;

    private LabCache cache;

    @BeforeEach
    void open() {
        cache = new LabCache(directory);
    }

    @Test
    void anEntryIsMadeOnceAndFoundAfterwards() throws Exception {
        AtomicInteger made = new AtomicInteger();

        Path first = cache.obtain("entry", 0, empty -> write(empty, made));
        Path second = cache.obtain("entry", 0, empty -> write(empty, made));

        assertThat(first.resolve("file")).hasContent("1");
        assertThat(second).isEqualTo(first);
        assertThat(new LabCache(directory).find("entry")).hasValue(first);
    }

    @Test
    void aFailureLeavesNothingAndTheNextAttemptSucceeds() throws Exception {
        assertThatThrownBy(() -> cache.obtain("entry", 0, empty -> {
                    Files.createDirectories(empty.resolve("a/b"));
                    Files.writeString(empty.resolve("a/b/half"), "");
                    throw new IOException("no route to host");
                }))
                .hasMessage("no route to host");

        assertThat(cache.find("entry")).isEmpty();
        assertThat(names()).containsExactly("entry.lock");
        assertThat(cache.obtain("entry", 0, empty -> write(empty, new AtomicInteger())))
                .isDirectory();
    }

    @Test
    void whatAKilledProcessLeftIsDeleted() throws Exception {
        Path remains = Files.createDirectories(cache.file(".entry-123").resolve("half"));
        Path foreign = Files.createDirectories(cache.file(".entry-other-123"));

        cache.obtain("entry", 0, empty -> write(empty, new AtomicInteger()));

        assertThat(remains).doesNotExist();
        assertThat(foreign).exists();
    }

    @Test
    void twoAtOnceMakeItOnce() throws Exception {
        AtomicInteger made = new AtomicInteger();
        CountDownLatch begun = new CountDownLatch(1);
        CountDownLatch mayEnd = new CountDownLatch(1);
        try (ExecutorService threads = Executors.newFixedThreadPool(2)) {
            Callable<Path> first = () -> cache.obtain("entry", 0, empty -> {
                begun.countDown();
                mayEnd.await();
                write(empty, made);
            });
            Callable<Path> second = () -> new LabCache(directory).obtain("entry", 0, empty -> write(empty, made));
            Future<Path> one = threads.submit(first);
            begun.await();
            Future<Path> other = threads.submit(second);
            mayEnd.countDown();

            assertThat(other.get()).isEqualTo(one.get());
            assertThat(made).hasValue(1);
        }
    }

    @Test
    void anEntryMayNeedAnother() throws Exception {
        Path outer = cache.obtain("outer", 0, empty -> {
            Path inner = cache.obtain("inner", 0, deeper -> write(deeper, new AtomicInteger()));
            Files.copy(inner.resolve("file"), empty.resolve("copy"));
        });

        assertThat(outer.resolve("copy")).hasContent("1");
    }

    @Test
    void aForgottenEntryIsMadeAnew() throws Exception {
        AtomicInteger made = new AtomicInteger();
        cache.obtain("entry", 0, empty -> write(empty, made));

        cache.forget("entry");

        assertThat(cache.find("entry")).isEmpty();
        assertThat(cache.obtain("entry", 0, empty -> write(empty, made)).resolve("file"))
                .hasContent("2");
        assertThat(names()).containsExactly("entry", "entry.lock");
    }

    @Test
    void aDiskThatIsTooSmallIsSaidBefore() {
        assertThatThrownBy(() -> cache.obtain("entry", Long.MAX_VALUE, empty -> write(empty, new AtomicInteger())))
                .isInstanceOf(LabUnavailableException.class)
                .hasMessageContaining("has room for")
                .extracting(thrown -> ((LabUnavailableException) thrown).remedy())
                .isEqualTo("free some space or set GUESTMEM_CACHE to another directory");
    }

    @Test
    void aPlaceThatCannotBeADirectoryIsSaid() throws Exception {
        Path file = Files.createFile(directory.resolve("file"));

        assertThatThrownBy(() -> new LabCache(file).obtain("entry", 0, empty -> write(empty, new AtomicInteger())))
                .isInstanceOf(LabUnavailableException.class)
                .hasMessageContaining("cannot be made");
    }

    private static void write(Path empty, AtomicInteger made) throws IOException {
        Files.writeString(empty.resolve("file"), Integer.toString(made.incrementAndGet()));
    }

    private List<String> names() throws IOException {
        try (Stream<Path> all = Files.list(cache.file(""))) {
            return all.map(path -> path.getFileName().toString()).sorted().toList();
        }
    }
}
