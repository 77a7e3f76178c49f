package io.guestmem.cli;

import io.guestmem.abi.Kernel;
import io.guestmem.abi.KvmFile;
import io.guestmem.diff.Diff;
import io.guestmem.diff.DiffOutcome;
import io.guestmem.diff.DiffSettings;
import io.guestmem.diff.Difference;
import io.guestmem.diff.KnownDifference;
import io.guestmem.diff.RecordedDiff;
import io.guestmem.diff.Recorder;
import io.guestmem.diff.Recording;
import io.guestmem.diff.Scope;
import io.guestmem.diff.Twin;
import io.guestmem.kvm.LinuxKernel;
import io.guestmem.soft.SoftKernel;
import io.guestmem.soft.SoftKernelOptions;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import java.util.function.Supplier;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;
import tools.jackson.core.JsonGenerator;

/** {@code guestmem diff}: the same random calls on two kernels. */
final class DiffCommand implements Callable<Integer>, Verb {
    private final CommandSpec spec = Verb.spec(
            this,
            "diff",
            "Make the same random calls on two kernels and compare what they answer.",
            "",
            "Beside a real kernel, the software kernel takes its version and its options. A difference that no rule of"
                    + " docs/differences.md explains is shrunk and printed as a JUnit test; the exit status is 1 then.",
            "",
            "Examples:",
            "  guestmem diff --kernel-a soft --kernel-b linux --calls 100000",
            "  guestmem lab --suite sid -- diff --seed 7",
            "  guestmem lab --suite sid -- diff --calls 100000 --record sid.rec; guestmem diff --recorded sid.rec",
            "");

    private final OutputOptions output = new OutputOptions(spec);

    private final Argument<Choice> first = Argument.option(
            spec,
            "--kernel-a",
            "KERNEL",
            Choices.of(Choice.class),
            "soft",
            "linux or soft (default: ${DEFAULT-VALUE}).");

    private final Argument<Choice> second = Argument.option(
            spec,
            "--kernel-b",
            "KERNEL",
            Choices.of(Choice.class),
            "linux",
            "linux or soft (default: ${DEFAULT-VALUE}).");

    private final Argument<Long> seed = Argument.option(
            spec, "--seed", "N", Values.LONG, "1", "Of the first sequence (default: ${DEFAULT-VALUE}).");

    private final Argument<Long> calls = Argument.option(
            spec, "--calls", "N", Values.LONG, "10000", "How many calls on each kernel (default: ${DEFAULT-VALUE}).");

    private final Argument<Long> seconds = Argument.option(
            spec, "--seconds", "N", Values.LONG, "3600", "How long at most (default: ${DEFAULT-VALUE}).");

    private final Argument<Path> record = Argument.option(
            spec, "--record", "FILE", Values.PATH, "Make the calls on kernel B only and write what it answers.");

    private final Argument<Path> recorded = Argument.option(
            spec, "--recorded", "FILE", Values.PATH, "Compare the software kernel with what was recorded, all of it.");

    /** The kernels that there are. */
    enum Choice {
        /** {@code /dev/kvm}. */
        LINUX,
        /** The software kernel, embedded in this process. */
        SOFT
    }

    DiffCommand() {
        spec.usageMessage().synopsisSubcommandLabel("[translate]");
    }

    @Override
    public Integer call() throws IOException {
        if (recorded.isPresent()) {
            return compareRecorded(recorded.value());
        }
        if (calls.value() < 1 || seconds.value() < 1) {
            throw new ParameterException(spec.commandLine(), "--calls and --seconds are positive numbers");
        }
        boolean real = first.value() == Choice.LINUX || second.value() == Choice.LINUX;
        SoftKernelOptions options = real ? twin() : SoftKernelOptions.defaults();
        Kernel one = kernel(first.value(), options);
        Kernel other = kernel(second.value(), options);
        Scope scope = Diff.scope(one, other);
        DiffSettings settings = new DiffSettings(seed.value(), calls.value(), Duration.ofSeconds(seconds.value()));
        DiffOutcome outcome = record.isPresent()
                ? Recorder.record(other, options, scope, settings, record.value())
                : Diff.run(one, other, settings);
        PrintWriter out = spec.commandLine().getOut();
        if (output.json()) {
            JsonResult.print(out, "diff", json -> fields(json, scope, outcome));
        } else {
            print(out, scope, outcome);
        }
        return outcome.failure().isPresent() ? ExitStatus.NO : ExitStatus.DONE;
    }

    private int compareRecorded(Path file) throws IOException {
        List<String> mine = List.of("--kernel-b", "--seed", "--calls", "--seconds", "--record");
        if (first.value() != Choice.SOFT
                || mine.stream().anyMatch(spec.commandLine().getParseResult()::hasMatchedOption)) {
            throw new ParameterException(
                    spec.commandLine(),
                    "--recorded compares the software kernel with all of the recording: nothing else can be chosen");
        }
        Recording recording = Recording.read(file);
        RecordedDiff.Compared compared = RecordedDiff.run(recording);
        PrintWriter out = spec.commandLine().getOut();
        RecordedDiffPrinter printer = new RecordedDiffPrinter(recording.header(), compared);
        if (output.json()) {
            JsonResult.print(out, "diff", printer::fields);
        } else {
            printer.print(out);
        }
        return compared.differences().isEmpty() ? ExitStatus.DONE : ExitStatus.NO;
    }

    private static SoftKernelOptions twin() {
        try (KvmFile system = new LinuxKernel().open()) {
            return Twin.of(system);
        }
    }

    private static Kernel kernel(Choice choice, SoftKernelOptions options) {
        return switch (choice) {
            case LINUX -> new LinuxKernel();
            case SOFT -> new SoftKernel(options);
        };
    }

    private String firstName() {
        return "a " + first.value().name().toLowerCase(Locale.ROOT);
    }

    private String secondName() {
        return "b " + second.value().name().toLowerCase(Locale.ROOT);
    }

    private void print(PrintWriter out, Scope scope, DiffOutcome outcome) {
        out.println("compared: " + scope);
        out.println(String.format(
                Locale.ROOT,
                "seeds from %d, %d sequences: %d calls %s in %.1f s, %.0f a second",
                seed.value(),
                outcome.sequences(),
                outcome.calls(),
                record.isPresent() ? "recorded" : "on each kernel",
                outcome.seconds(),
                outcome.rate()));
        for (Map.Entry<KnownDifference, Long> each : outcome.explained().entrySet()) {
            out.println(
                    "explained " + each.getValue() + " times: " + each.getKey().id());
        }
        for (Difference once : outcome.once()) {
            out.print("differed once and not again: seed " + once.sequence().seed() + " "
                    + once.describe(firstName(), secondName()));
        }
        outcome.failure().ifPresent(failure -> {
            out.println("DIFFERENCE in seed " + failure.sequence().seed());
            out.println(failure.describe(firstName(), secondName()));
            out.print(failure.sequence().java());
        });
    }

    private void fields(JsonGenerator json, Scope scope, DiffOutcome outcome) {
        if (record.isPresent()) {
            json.writeStringProperty("file", record.value().toString());
        } else {
            json.writeStringProperty("kernel_a", first.value().name().toLowerCase(Locale.ROOT));
        }
        json.writeStringProperty("kernel_b", second.value().name().toLowerCase(Locale.ROOT));
        json.writeStringProperty("compared", scope.toString());
        json.writeNumberProperty("seed", seed.value());
        json.writeNumberProperty("sequences", outcome.sequences());
        json.writeNumberProperty("calls", outcome.calls());
        json.writeNumberProperty("seconds", outcome.seconds());
        if (record.isPresent()) {
            return; // nothing was compared
        }
        json.writeObjectPropertyStart("explained");
        outcome.explained().forEach((rule, count) -> json.writeNumberProperty(rule.id(), count));
        json.writeEndObject();
        json.writeNumberProperty("differed_once", outcome.once().size());
        if (outcome.failure().isPresent()) {
            Difference failure = outcome.failure().get();
            json.writeObjectPropertyStart("failure");
            json.writeNumberProperty("seed", failure.sequence().seed());
            json.writeStringProperty("what", failure.describe(firstName(), secondName()));
            json.writeStringProperty("java", failure.sequence().java());
            json.writeEndObject();
        }
    }

    @Override
    public SortedMap<String, Supplier<Verb>> verbs() {
        return new TreeMap<>(Map.of("translate", DiffTranslateCommand::new));
    }

    @Override
    public CommandSpec spec() {
        return spec;
    }
}
