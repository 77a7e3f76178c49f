package io.guestmem.lab;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.OutputStream;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** What the lab says where it cannot be had, and where it keeps its things. Nothing is fetched here. */
class LabTest {
    @TempDir
    Path directory;

    @ParameterizedTest
    @EnumSource(
            value = LabKernel.class,
            names = {"TRIXIE", "SID"})
    void withoutAptItIsUnavailableAndLeavesNothing(LabKernel kernel) throws Exception {
        Path cache = directory.resolve("cache");
        Lab lab = new Lab(cache, Map.of("PATH", "/nonexistent"), LabProgress.SILENT);

        assertThat(lab.availability(kernel))
                .isEqualTo(new LabAvailability(
                        LabAvailability.State.UNAVAILABLE, "the lab needs apt-get and dpkg, not found on PATH"));
        assertThatThrownBy(() -> lab.prepare(kernel))
                .isInstanceOf(LabUnavailableException.class)
                .hasMessage("the lab needs apt-get and dpkg, not found on PATH")
                .extracting(thrown -> ((LabUnavailableException) thrown).remedy())
                .asString()
                .startsWith("run the lab on Debian");
        try (Stream<Path> all = Files.walk(cache)) {
            assertThat(all.filter(Files::isRegularFile))
                    .allMatch(file -> file.toString().endsWith(".lock"));
        }
    }

    @Test
    void aGivenKernelThatIsNotThereIsSaid() {
        Lab lab = new Lab(directory, Map.of("GUESTMEM_LAB_KERNEL", "/nonexistent/bzImage"), LabProgress.SILENT);

        assertThat(lab.availability(LabKernel.PRIVATE).explanation())
                .isEqualTo("GUESTMEM_LAB_KERNEL names /nonexistent/bzImage, which cannot be read");
        assertThatThrownBy(() -> lab.prepare(LabKernel.PRIVATE))
                .isInstanceOf(LabUnavailableException.class)
                .hasMessage("GUESTMEM_LAB_KERNEL names /nonexistent/bzImage, which cannot be read");
    }

    @Test
    void withEverythingInTheCacheItIsReadyThoughThereIsNoApt() throws Exception {
        for (String entry : List.of("qemu", "busybox", "kernel-sid")) {
            new LabCache(directory).obtain(entry, 0, _ -> {});
        }
        Lab lab = new Lab(directory, Map.of(), LabProgress.SILENT);

        assertThat(lab.availability(LabKernel.SID).state()).isEqualTo(LabAvailability.State.READY);
        assertThat(lab.availability(LabKernel.TRIXIE).state()).isEqualTo(LabAvailability.State.UNAVAILABLE);
    }

    @Test
    void filesThatFillTheGuestAreRefused() throws Exception {
        Path large = directory.resolve("large");
        try (RandomAccessFile file = new RandomAccessFile(large.toFile(), "rw")) {
            file.setLength(2L << 30);
        }
        LabRequest request = LabRequest.of(directory, "m").withFiles(List.of(new LabFile(large, "/large")));
        Lab lab = new Lab(directory.resolve("cache"), Map.of(), LabProgress.SILENT);

        assertThatThrownBy(() -> lab.run(request, OutputStream.nullOutputStream(), OutputStream.nullOutputStream()))
                .isInstanceOf(LabUnavailableException.class)
                .hasMessageContaining("2048 MiB");
    }

    @Test
    void theCacheLiesWhereTheEnvironmentSays() {
        assertThat(Lab.defaultCacheDirectory(Map.of("GUESTMEM_CACHE", "/c", "XDG_CACHE_HOME", "/x", "HOME", "/h")))
                .isEqualTo(Path.of("/c"));
        assertThat(Lab.defaultCacheDirectory(Map.of("XDG_CACHE_HOME", "/x", "HOME", "/h")))
                .isEqualTo(Path.of("/x/guestmem"));
        assertThat(Lab.defaultCacheDirectory(Map.of("HOME", "/h"))).isEqualTo(Path.of("/h/.cache/guestmem"));
    }

    @Test
    void aProgramThatNeedsALoaderIsNotStatic() throws Exception {
        Path noLoader = Files.write(directory.resolve("static"), new byte[100_000]);

        assertThat(DebianTools.isStatic(noLoader)).isTrue();
        assertThat(DebianTools.isStatic(Path.of(System.getProperty("java.home"), "bin/java")))
                .isFalse();
    }
}
