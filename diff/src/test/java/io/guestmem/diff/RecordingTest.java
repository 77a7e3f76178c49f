package io.guestmem.diff;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.guestmem.abi.ErrorNumber;
import io.guestmem.abi.Kernel;
import io.guestmem.abi.KernelException;
import io.guestmem.abi.VmType;
import io.guestmem.soft.KernelVersion;
import io.guestmem.soft.SoftKernel;
import io.guestmem.soft.SoftKernelOptions;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What a kernel answered is compared later, and a file that is not whole is refused. */
class RecordingTest {
    private static final Scope EVERYTHING = new Scope(true, true, 3, 3, 46, false);
    private static final SoftKernelOptions OPTIONS = SoftKernelOptions.defaults();
    private static final DiffSettings SETTINGS = new DiffSettings(1, 3_000, Duration.ofMinutes(5));
    private static final RecordingHeader HEADER = new RecordingHeader("7.2", OPTIONS, EVERYTHING, 7, 2, 0);

    @TempDir
    private Path directory;

    private Path file() {
        return directory.resolve("recording");
    }

    private DiffOutcome record(Kernel kernel, DiffSettings settings) throws IOException {
        return Recorder.record(kernel, OPTIONS, EVERYTHING, settings, file());
    }

    @Test
    void whatAKernelAnsweredAgreesWithItsTwin() throws IOException {
        DiffOutcome outcome;
        try (SoftKernel kernel = new SoftKernel(OPTIONS)) {
            outcome = record(kernel, SETTINGS);
        }

        RecordedDiff.Compared compared = RecordedDiff.run(Recording.read(file()));

        assertThat(compared.differences()).isEmpty();
        assertThat(compared.explained()).isEmpty();
        assertThat(compared.calls()).isEqualTo(outcome.calls()).isGreaterThanOrEqualTo(3_000);
        assertThat(compared.sequences()).isEqualTo(outcome.sequences());
    }

    @Test
    void aDifferenceIsTheOneThatIsFoundLive() throws IOException {
        BrokenKernel.Defect defect =
                (_, _, result) -> result == -ErrorNumber.EEXIST.number() ? -ErrorNumber.EINVAL.number() : result;
        try (SoftKernel soft = new SoftKernel(OPTIONS)) {
            record(new BrokenKernel(soft, defect), SETTINGS);
        }

        Difference found =
                RecordedDiff.run(Recording.read(file())).differences().getFirst();

        try (SoftKernel first = new SoftKernel(OPTIONS);
                SoftKernel second = new SoftKernel(OPTIONS);
                Comparison live = new Comparison(first, new BrokenKernel(second, defect), EVERYTHING)) {
            assertThat(live.compare(found.sequence())).contains(found);
            assertThat(found.what()).isEqualTo("result EEXIST EINVAL");
        }
    }

    @Test
    void memoryAtTheEndIsCompared() throws IOException {
        Sequence stored = new Generator(EVERYTHING).sequence(8);
        try (SoftKernel soft = new SoftKernel(OPTIONS);
                Performer performer = new Performer(soft, EVERYTHING)) {
            stored.calls().forEach(performer::perform);

            assertThat(stored.comparesMemory()).isTrue();
            assertThat(performer.memory().values()).isNotEmpty();
        }
        try (SoftKernel kernel = new SoftKernel(OPTIONS)) {
            record(kernel, new DiffSettings(8, 1_000, Duration.ofMinutes(5)));
        }
        Recording recording = Recording.read(file());
        long regressions = Regressions.in(EVERYTHING).count();
        for (long i = 0; i < regressions; i++) {
            recording.next();
        }

        Recording.Recorded recorded = recording.next().orElseThrow();

        assertThat(recorded.seed()).isEqualTo(8);
        assertThat(recorded.outcomes()).hasSize(stored.calls().size() + 1);
        assertThat(recorded.outcomes().getLast().value("ANONYMOUS")).isPresent();
    }

    @Test
    void everyNumberAndNameComesBack() throws IOException {
        List<Outcome> outcomes = List.of(
                new Outcome(0, List.of()),
                Outcome.nothing(),
                new Outcome(-14, List.of(new Outcome.Value("gpa", -1), new Outcome.Value("left", Long.MAX_VALUE))),
                new Outcome(1, List.of(new Outcome.Value("left", Long.MIN_VALUE), new Outcome.Value("Ünicode", 64))),
                new Outcome(Long.MAX_VALUE, List.of(new Outcome.Value("gpa", 127), new Outcome.Value("gpa", 128))));
        write(outcomes);

        Recording recording = Recording.read(file());

        assertThat(recording.header()).isEqualTo(HEADER);
        assertThat(recording.next()).hasValueSatisfying(recorded -> {
            assertThat(recorded.seed()).isEqualTo(-5);
            assertThat(recorded.outcomes()).isEqualTo(outcomes);
        });
        assertThat(recording.next()).isEmpty();
        assertThat(recording.next()).isEmpty();
    }

    private void write(List<Outcome> outcomes) throws IOException {
        try (RecordingWriter writer = new RecordingWriter(Files.newOutputStream(file()), HEADER)) {
            writer.begin(-5);
            outcomes.forEach(writer::add);
            writer.end();
            writer.finish();
        }
    }

    @Test
    void aHeaderComesBack() throws IOException {
        SoftKernelOptions twin = OPTIONS.with()
                .kernelVersion(KernelVersion.V6_12)
                .accessedDirtyBits(false)
                .nxHugePages(true)
                .transparentHugePages(true)
                .eagerPageSplit(false)
                .mmioCaching(false)
                .maxPhysicalAddressBits(52)
                .maxHugeLevel(2)
                .addressSpaces(1)
                .vmTypes(EnumSet.of(VmType.DEFAULT))
                .build();
        for (SoftKernelOptions each :
                List.of(twin, OPTIONS.with().pageModificationLogging(true).build())) {
            RecordingHeader header =
                    new RecordingHeader("6.12.1-cloud", each, new Scope(true, false, 0, 1, 40, true), 1L << 40, 12, -3);
            ByteArrayOutputStream bytes = new ByteArrayOutputStream();
            header.write(new DataOutputStream(bytes));

            assertThat(RecordingHeader.read(new DataInputStream(new ByteArrayInputStream(bytes.toByteArray()))))
                    .isEqualTo(header);
        }
    }

    @Test
    void aHeaderThatCannotBeIsRefused() throws IOException {
        write(List.of());
        byte[] whole = Files.readAllBytes(file());
        int end = 1 + Integer.BYTES;
        int sequence = 2;
        int fingerprint = Integer.BYTES;
        int regressions = whole.length - end - sequence - fingerprint - Integer.BYTES;
        whole[regressions] = -1;
        Files.write(file(), whole);

        assertThatThrownBy(() -> Recording.read(file()))
                .isInstanceOf(RecordingException.class)
                .hasMessageContaining("its header makes no sense");
    }

    @Test
    void aFileThatIsCutOffIsRefusedAndToldWhere() throws IOException {
        write(List.of(new Outcome(0, List.of(new Outcome.Value("gpa", 4096)))));
        byte[] whole = Files.readAllBytes(file());
        int magic = Recording.magic().length;

        for (int length = 0; length < whole.length; length++) {
            Files.write(file(), Arrays.copyOf(whole, length));

            assertThatThrownBy(() -> Recording.read(file()))
                    .as("%d of %d bytes", length, whole.length)
                    .isInstanceOf(RecordingException.class)
                    .hasMessageContaining(length < magic ? "not a recording" : "ends at byte " + length);
        }
    }

    @Test
    void aFileThatIsDamagedIsRefused() throws IOException {
        write(List.of(new Outcome(0, List.of(new Outcome.Value("gpa", 4096)))));
        byte[] whole = Files.readAllBytes(file());

        for (int at = 0; at < whole.length; at++) {
            byte[] damaged = whole.clone();
            damaged[at] ^= 0x10;
            Files.write(file(), damaged);

            assertThatThrownBy(() -> Recording.read(file())).as("byte %d", at).isInstanceOf(RecordingException.class);
        }
        Files.write(file(), Arrays.copyOf(whole, whole.length + 1));
        assertThatThrownBy(() -> Recording.read(file())).hasMessageContaining("goes on behind its end");
    }

    @Test
    void otherSequencesAreRefused() throws IOException {
        write(List.of(new Outcome(0, List.of())));

        assertThatThrownBy(() -> RecordedDiff.run(Recording.read(file())))
                .isInstanceOf(RecordingException.class)
                .hasMessageContaining("made other sequences");
    }

    @Test
    void theNumberOfOutcomesMustBeThatOfTheCalls() throws IOException {
        Generator generator = new Generator(EVERYTHING);
        RecordingHeader header = new RecordingHeader("7.2", OPTIONS, EVERYTHING, 7, 1, generator.fingerprint(1));
        Sequence first = generator.from(7, 1).next();
        try (RecordingWriter writer = new RecordingWriter(Files.newOutputStream(file()), header)) {
            writer.begin(first.seed());
            writer.add(new Outcome(0, List.of()));
            writer.end();
            writer.finish();
        }

        assertThatThrownBy(() -> RecordedDiff.run(Recording.read(file())))
                .isInstanceOf(RecordingException.class)
                .hasMessageContaining(
                        "has 1 outcomes of seed 0, not " + (first.calls().size() + 1) + " of seed 0");
    }

    @Test
    void aRecordingThatCannotBeWrittenIsAnError() {
        try (SoftKernel kernel = new SoftKernel(OPTIONS)) {
            assertThatThrownBy(() -> Recorder.record(
                            kernel, OPTIONS, EVERYTHING, SETTINGS, directory.resolve("nowhere/recording")))
                    .isInstanceOf(IOException.class)
                    .isNotInstanceOf(KernelException.class);
        }
    }
}
