package io.guestmem.lab;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.abort;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.BitSet;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Boots real kernels with a small program inside: what it says, what it leaves and how it ends comes out unchanged. */
@Tag("lab")
class LabBootTest {
    @TempDir
    static Path jars;

    @TempDir
    Path directory;

    private final ByteArrayOutputStream output = new ByteArrayOutputStream();
    private final ByteArrayOutputStream errors = new ByteArrayOutputStream();
    private final Lab lab = Lab.open(stage -> System.err.println("lab: " + stage));

    @BeforeAll
    static void compile() throws Exception {
        ProbeJar.make(jars);
    }

    @ParameterizedTest
    @EnumSource(LabKernel.class)
    void aProgramOpensKvmAndAllItSaysComesOut(LabKernel kernel) throws Exception {
        Path carried = Files.writeString(directory.resolve("input"), "text\n");
        Path left = directory.resolve("left");
        LabRequest request = request(kernel, "report", "a b", "it's", "", "line\nbreak", "ü")
                .withEnvironment(Map.of("X", "y 'z'"))
                .withFiles(List.of(new LabFile(carried, "/carried/in put")))
                .withOutputDirectory(left);

        int status = run(request);

        assertThat(output.toString(StandardCharsets.UTF_8)).isEqualTo("""
                [report]
                [a b]
                [it's]
                []
                [line
                break]
                [ü]
                in lab 1, X=y 'z'
                terminal false
                carried text

                /dev/kvm opens""");
        assertThat(errors.toString(StandardCharsets.UTF_8)).isEqualTo("the errors\r\n");
        assertThat(status).isEqualTo(7);
        assertThat(left.resolve("sub/report.html")).hasContent("<p>\n");
    }

    @Test
    void everyByteCrossesUnchanged() throws Exception {
        long seed = System.nanoTime();
        System.err.println("seed " + seed);
        byte[] expected = new byte[100_000];
        new Random(seed).nextBytes(expected);
        Path left = directory.resolve("left");
        LabRequest request = request(LabKernel.TRIXIE, "bytes", Long.toString(seed), "100000");

        int status = run(request.withOutputDirectory(left));

        assertThat(status).isZero();
        assertThat(output.toByteArray()).isEqualTo(expected);
        assertThat(left.resolve("bytes")).hasBinaryContent(expected);
    }

    @Test
    void aPanicIsAFailureThatShowsTheConsole() throws Exception {
        LabRequest request = request(LabKernel.TRIXIE, "panic");
        prepare(request.kernel());

        assertThatThrownBy(() -> lab.run(request, output, errors))
                .isInstanceOf(LabFailedException.class)
                .hasMessage("the lab's machine ended and left no exit status")
                .extracting(thrown -> ((LabFailedException) thrown).consoleTail())
                .asString()
                .contains("Kernel panic - not syncing: sysrq triggered crash");
    }

    @Test
    void aBootIsRecordedFromTheKernelsFirstInstruction() throws Exception {
        int pages = 128 << 20 >> 12;

        FirstTouchRecording recorded = record(128L << 20);

        assertThat(recorded.kernelRelease()).startsWith("6.12.");
        assertThat(recorded.loaded().nextClearBit(0x100))
                .as("the kernel is loaded from 1 MiB")
                .isGreaterThan(0x100 + 2000);
        assertThat(recorded.loaded().cardinality()).isLessThan(8000);
        BitSet seen = (BitSet) recorded.loaded().clone();
        for (FirstTouchRecording.Sample look : recorded.samples()) {
            assertThat(look.pages().isEmpty()).isFalse();
            assertThat(look.pages().intersects(seen)).as("twice").isFalse();
            seen.or(look.pages());
        }
        assertThat(recorded.samples())
                .isSortedAccordingTo(Comparator.comparingLong(FirstTouchRecording.Sample::micros));
        assertThat(seen.length()).isLessThanOrEqualTo(pages);
        assertThat(seen.cardinality()).as("not all of memory is needed").isBetween(10_000, pages - 1000);
    }

    private FirstTouchRecording record(long memoryBytes) throws Exception {
        try {
            return lab.recordFirstTouch(LabKernel.TRIXIE, memoryBytes);
        } catch (LabUnavailableException unavailable) {
            return abort("no lab here: " + unavailable.getMessage() + "; " + unavailable.remedy());
        }
    }

    private static LabRequest request(LabKernel kernel, String... arguments) {
        return LabRequest.of(jars, ProbeJar.MAIN).withKernel(kernel).withArguments(List.of(arguments));
    }

    private int run(LabRequest request) throws Exception {
        prepare(request.kernel());
        return lab.run(request, output, errors);
    }

    /** A host that cannot have the lab skips, with the reason; building a kernel for a test would take too long. */
    private void prepare(LabKernel kernel) throws Exception {
        assumeTrue(
                kernel != LabKernel.PRIVATE || lab.availability(kernel).state() == LabAvailability.State.READY,
                "the private kernel is neither in the lab's cache nor named in GUESTMEM_LAB_KERNEL");
        try {
            lab.prepare(kernel);
        } catch (LabUnavailableException unavailable) {
            abort("no lab here: " + unavailable.getMessage() + "; " + unavailable.remedy());
        }
    }
}
