package io.guestmem.vmm.trace;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.guestmem.vmm.trace.FirstTouchTrace.Run;
import io.guestmem.vmm.trace.FirstTouchTrace.Sample;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The file of a trace: what is written is read, and what is wrong is said with its offset. */
class TraceFileTest {
    private static final String TEXT = """
            guestmem first-touch trace 1
            kernel 6.12-cloud
            memory 65536
            page 4096
            loaded
            0x1 2
            sample 10
            0xf 1
            sample 12
            0x0 1
            0x3 2
            end 6
            """;

    @TempDir
    private Path directory;

    private Path file(String text) throws IOException {
        return Files.writeString(directory.resolve("trace"), text, StandardCharsets.ISO_8859_1);
    }

    private void assertMalformed(String text, String message) throws IOException {
        Path file = file(text);
        assertThatExceptionOfType(MalformedTraceException.class)
                .as(text)
                .isThrownBy(() -> TraceFile.read(file))
                .withMessage(file + ": " + message);
    }

    @Test
    void theFormat() throws IOException {
        FirstTouchTrace trace = new FirstTouchTrace(
                "6.12-cloud",
                65536,
                List.of(new Run(1, 2)),
                List.of(
                        new Sample(10, List.of(new Run(15, 1))),
                        new Sample(12, List.of(new Run(0, 1), new Run(3, 2)))));

        assertThat(TraceFile.text(trace)).isEqualTo(TEXT);
        assertThat(TraceFile.read(file(TEXT))).isEqualTo(trace);
    }

    @ParameterizedTest
    @ValueSource(strings = {"boot.trace", "boot.trace.gz"})
    void whatIsWrittenIsRead(String name) throws IOException {
        long seed = System.nanoTime();
        System.out.println("TraceFileTest: seed " + seed);
        FirstTouchTrace trace = random(new Random(seed));
        Path file = directory.resolve(name);

        TraceFile.write(trace, file);

        assertThat(TraceFile.read(file)).isEqualTo(trace);
        assertThat(Files.readAllBytes(file)[0]).isEqualTo((byte) (name.endsWith(".gz") ? 0x1F : 'g'));
    }

    private static FirstTouchTrace random(Random random) {
        int pages = 5000;
        int[] owner = random.ints(pages, 0, 40).toArray();
        List<Sample> samples = new ArrayList<>();
        List<Run> loaded = List.of();
        long micros = 0;
        for (int part = 0; part < 30; part++) {
            BitSet mine = new BitSet();
            for (int page = 0; page < pages; page++) {
                mine.set(page, owner[page] == part);
            }
            if (part == 0) {
                loaded = Run.of(mine);
            } else {
                micros += random.nextInt(3);
                samples.add(new Sample(micros, Run.of(mine)));
            }
        }
        return new FirstTouchTrace("7.2", pages * 4096L, loaded, samples);
    }

    @Test
    void aFileThatEndsEarlyIsNoTraceWhereverItEnds() throws IOException {
        for (int length = 0; length < TEXT.length(); length++) {
            assertMalformed(
                    TEXT.substring(0, length), "at byte " + length + ": the file ends here, without a line 'end'");
        }
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "guestmem | qemu     | at byte 0: not a first-touch trace",
                "trace 1  | trace 2  | at byte 0: version 2 of the format, not 1",
                "trace 1  | trace 1x | at byte 0: version 1x of the format, not 1",
                "6.12-cl  | 6.12 cl  | at byte 29: not the release of a kernel",
                "memory   | memory 0 | at byte 47: not a number: '0 65536'",
                "65536    | 65535    | at byte 47: not a size for memory, which is a multiple of 4096 up to 68719476736",
                "65536    | 99999999999999999999 | at byte 47: not a number: '99999999999999999999'",
                "page 4   | page 8   | at byte 60: pages are not of 4096 bytes",
                "loaded   | lost     | at byte 70: no line 'loaded'",
                "0x1 2    | 0x10 2   | at byte 77: gfn 0x10 and 2 pages are outside of memory, which has 0x10",
                "0x1 2    | 0xf 2    | at byte 77: gfn 0xf and 2 pages are outside of memory, which has 0x10",
                "0x1 2    | 0x1 0    | at byte 77: a run of 0 pages",
                "0x1 2    | 0x1 -2   | at byte 77: not a number: '-2'",
                "0x1 2    | 0x1      | at byte 77: not a run: '0x1'",
                "0x1 2    | 1 2      | at byte 77: not a run: '1 2'",
                "0x1 2    | 0xX 2    | at byte 77: not a number: 'X'",
                "0xf 1    | 0x2 1    | at byte 93: gfn 0x2 twice",
                "sample 12 | sample 9 | at byte 99: earlier than the sample before",
                "sample 12 | sample   | at byte 99: not a run: 'sample'",
                "end 6    | end 7    | at byte 121: the runs have 6 pages",
                "end 6    | end 6 6  | at byte 121: not a number: '6 6'",
            })
    void whatIsWrongIsSaidWithItsOffset(String right, String wrong, String message) throws IOException {
        assertMalformed(TEXT.replaceFirst(right, wrong), message);
    }

    @Test
    void aTraceHasPages() throws IOException {
        String none = TEXT.replaceFirst("(?s)0x1 2.*", "end 0\n");

        assertMalformed(none, "at byte 77: a trace without a page");
    }

    @Test
    void nothingMayFollowTheEnd() throws IOException {
        assertMalformed(TEXT + "\n", "at byte 127: something after the end");
    }

    @Test
    void whatIsNoTextIsRefusedBeforeItIsRead() throws IOException {
        assertMalformed("\u00FFabc", "at byte 0: not a line of text");
        assertMalformed("a".repeat(1 << 20), "at byte 0: not a line of text");
        assertMalformed(TEXT.replace("\n", "\r\n"), "at byte 0: not a line of text");
    }

    @Test
    void aCompressedFileThatIsCutIsNoTrace() throws IOException {
        Path whole = directory.resolve("whole.gz");
        TraceFile.write(TraceFile.read(file(TEXT)), whole);
        byte[] bytes = Files.readAllBytes(whole);
        for (int length = 1; length < bytes.length; length++) {
            Path cut = Files.write(directory.resolve("cut.gz"), Arrays.copyOf(bytes, length));
            assertThatExceptionOfType(MalformedTraceException.class)
                    .as("%d bytes", length)
                    .isThrownBy(() -> TraceFile.read(cut))
                    .withMessageMatching("\\Q" + cut + "\\E: at byte [0-9]+: .*");
        }
    }

    @Test
    void aFileThatIsNotThereIsAnError() {
        assertThatExceptionOfType(NoSuchFileException.class)
                .isThrownBy(() -> TraceFile.read(directory.resolve("absent")));
    }

    @Test
    void theBuiltInTraceIsABootOfDebiansKernel() {
        FirstTouchTrace trace = TraceFile.builtIn();

        assertThat(trace.kernelRelease()).endsWith("-cloud-amd64");
        assertThat(trace.memoryBytes()).isEqualTo(256 << 20);
        assertThat(trace.loaded()).as("the kernel, where a VMM puts it").anySatisfy(run -> {
            assertThat(run.gfn()).isLessThanOrEqualTo(0x100);
            assertThat(run.gfn() + run.count()).isGreaterThan(0x100 + 10 * 256);
        });
        assertThat(trace.touchedPages()).isBetween(10_000L, 60_000L);
        assertThat(trace.samples()).hasSizeGreaterThan(100);
    }
}
