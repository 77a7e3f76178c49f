package io.guestmem.vmm.demo;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.catchThrowable;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.guestmem.abi.Kernel;
import io.guestmem.abi.VmType;
import io.guestmem.linux.LinuxException;
import io.guestmem.vmm.Checksum;
import java.io.IOException;
import java.io.InputStream;
import java.io.RandomAccessFile;
import java.io.UncheckedIOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

/** The demonstration end to end, on any kernel. */
abstract class DemonstrationContract {
    static final long MIB = 1 << 20;
    static final Set<PopulationWay> ALL = PopulationWay.forReading();
    static final Demonstration.Progress SILENT = (_, _, _) -> {};

    @TempDir
    Path directory;

    /** The kernel; aborts the test with the reason if it is not here. */
    abstract Kernel kernel();

    /** The type of the VMs. */
    VmType type() {
        return VmType.DEFAULT;
    }

    /** The ways that this kernel does not have, found in another way than the demonstration's. */
    abstract Set<PopulationWay> lacking();

    /** Checks that the kernel has nothing open or mapped. */
    void assertNothingIsLeftInTheKernel() {}

    Demonstration demonstration(Path image, long memory) {
        return new Demonstration(kernel(), type(), image, memory);
    }

    Path file(int length) {
        long seed = System.nanoTime();
        System.out.println(getClass().getSimpleName() + ": random file of seed " + seed);
        byte[] bytes = new byte[length];
        new Random(seed).nextBytes(bytes);
        Path path = directory.resolve("image");
        try {
            return Files.write(path, bytes);
        } catch (IOException failed) {
            throw new UncheckedIOException(failed);
        }
    }

    /** What the guest must find: the file's first bytes, and zeroes behind them. */
    private static String expected(Path image, long memory) {
        try (InputStream stream = Files.newInputStream(image)) {
            byte[] bytes = Arrays.copyOf(stream.readNBytes((int) memory), (int) memory);
            return Checksum.EMPTY.and(MemorySegment.ofArray(bytes)).toString();
        } catch (IOException failed) {
            throw new UncheckedIOException(failed);
        }
    }

    List<DemoRun> assertAllRun(Path image, long memory) {
        Kernel kernel = kernel();
        Leftovers before = Leftovers.now();

        DemoResult result = demonstration(image, memory).run(ALL, SILENT);

        before.assertNone();
        assertNothingIsLeftInTheKernel();
        assertThat(result)
                .isEqualTo(new DemoResult(
                        kernel.name(),
                        kernel.name().equals("soft"),
                        type(),
                        new DemoSubject.Image(image),
                        memory,
                        result.runs()));
        assertThat(result.ok()).isTrue();
        List<DemoRun> runs = result.runs();
        assertThat(runs).extracting(DemoRun::way).containsExactlyElementsOf(ALL);
        for (DemoRun run : runs) {
            switch (run) {
                case DemoRun.Skipped skipped -> {
                    System.out.println(kernel.name() + ": " + skipped.way() + " skipped: " + skipped.reason());
                    assertThat(skipped.reason()).isNotBlank();
                    assertThat(lacking()).contains(skipped.way());
                }
                case DemoRun.Completed completed -> {
                    assertThat(lacking()).doesNotContain(completed.way());
                    assertThat(completed.checksum()).as(completed.way().id()).isEqualTo(expected(image, memory));
                    assertThat(completed.ok()).as(completed.way().id()).isTrue();
                    assertThat(completed.pages()).isEqualTo(memory / 4096);
                }
            }
        }
        return runs;
    }

    static DemoRun.Completed completed(List<DemoRun> runs, PopulationWay way) {
        DemoRun run = run(runs, way);
        return run.completed().orElseThrow(() -> new AssertionError(run.toString()));
    }

    private static DemoRun run(List<DemoRun> runs, PopulationWay way) {
        return runs.stream().filter(run -> run.way() == way).findFirst().orElseThrow();
    }

    @Test
    void theModulesOfTheJdkCutTo16Mib() {
        Path image = Path.of(System.getProperty("java.home"), "lib", "modules");
        assertThat(image).exists();

        List<DemoRun> runs = assertAllRun(image, 16 * MIB);

        DemoRun.Completed cold = completed(runs, PopulationWay.NONE);
        assertThat(cold.pictures())
                .extracting(MemoryPicture::moment)
                .containsExactly("before", "populated", "after the guest");
        assertThat(cold.pictures().get(1).present()).isZero();
        assertThat(cold.pictures().get(2).present()).isEqualTo(1);
        assertThat(completed(runs, PopulationWay.POPULATE).pictures().get(1).present())
                .isEqualTo(1);
        assertThat(completed(runs, PopulationWay.POPULATE).uffdFaults()).isZero();
    }

    @Test
    void aServerServesEachPageOnceOrPopulatesAllBefore() {
        List<DemoRun> runs = assertAllRun(file((int) MIB), 2 * MIB);
        for (PopulationWay way : List.of(PopulationWay.UFFD, PopulationWay.UFFD_DEMAND)) {
            DemoRun run = run(runs, way);
            assumeTrue(run instanceof DemoRun.Completed, run::toString);
        }

        DemoRun.Completed before = completed(runs, PopulationWay.UFFD);
        assertThat(before.uffdFaults()).isZero();
        assertThat(before.pictures().get(1).present()).isEqualTo(1);
        DemoRun.Completed onDemand = completed(runs, PopulationWay.UFFD_DEMAND);
        assertThat(onDemand.uffdFaults()).isBetween(1L, 512L);
        assertThat(onDemand.pictures().get(1).present()).isZero();
        assertThat(onDemand.pictures().get(2).present()).isEqualTo(1);
    }

    @ParameterizedTest
    @CsvSource({"1, 4096", "4095, 16384", "4097, 16384", "1048583, 1572864", "8192, 4096"})
    void filesOfAnySizeArePaddedOrCut(int length, long memory) {
        assertAllRun(file(length), memory);
    }

    @Test
    void everyStepIsAnnounced() {
        List<String> steps = new ArrayList<>();

        demonstration(file(4096), 4096).run(ALL, (step, count, what) -> steps.add(step + "/" + count + " " + what));

        assertThat(steps)
                .containsExactly(
                        "0/9 checksum of the file",
                        "1/9 none",
                        "2/9 populate",
                        "3/9 pre_fault",
                        "4/9 map_memory",
                        "5/9 uffd",
                        "6/9 uffd_demand",
                        "7/9 guest_memfd",
                        "8/9 gmem_populate");
    }

    @Test
    void whatIsNoFileOrEmptyIsUnusable() throws IOException {
        kernel();
        Path empty = Files.createFile(directory.resolve("empty"));
        Leftovers before = Leftovers.now();

        assertThatExceptionOfType(UnusableImageException.class)
                .isThrownBy(() -> demonstration(directory, MIB).run(ALL, SILENT))
                .withMessage(directory + ": not a regular file");
        assertThatExceptionOfType(UnusableImageException.class)
                .isThrownBy(() -> demonstration(empty, MIB).run(ALL, SILENT))
                .withMessage(empty + ": the file is empty");
        assertThatExceptionOfType(LinuxException.class)
                .isThrownBy(
                        () -> demonstration(directory.resolve("absent"), MIB).run(ALL, SILENT))
                .withMessageContaining("ENOENT");
        before.assertNone();
    }

    static Set<PopulationWay> waysForReading() {
        return PopulationWay.forReading();
    }

    /** The file loses all but its first page, or the last bytes of its last page, when a way begins. */
    @ParameterizedTest
    @MethodSource("waysForReading")
    void aFileThatShrinksIsSaidToHaveShrunk(PopulationWay way) {
        assumeTrue(!lacking().contains(way), () -> way + " is skipped by this kernel");
        for (long left : new long[] {4096, MIB + 100}) {
            assertShrinks(way, file((int) MIB + 4000), left);
        }
    }

    private void assertShrinks(PopulationWay way, Path image, long left) {
        kernel();
        Leftovers before = Leftovers.now();
        List<String> steps = new ArrayList<>();

        Throwable thrown = catchThrowable(() -> demonstration(image, 2 * MIB).run(ALL, (_, _, what) -> {
            steps.add(what);
            if (what.equals(way.id())) {
                shrink(image, left);
            }
        }));

        before.assertNone();
        assertNothingIsLeftInTheKernel();
        assertThat(steps).last().isEqualTo(way.id());
        assertThat(thrown)
                .isInstanceOf(UnusableImageException.class)
                .hasMessageContaining(image.toString())
                .hasMessageMatching("(?s).*(shorter|ends at).*");
    }

    private static void shrink(Path image, long length) {
        try (RandomAccessFile file = new RandomAccessFile(image.toFile(), "rw")) {
            file.setLength(length);
        } catch (IOException failed) {
            throw new UncheckedIOException(failed);
        }
    }
}
