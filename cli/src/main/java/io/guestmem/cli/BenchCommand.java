package io.guestmem.cli;

import io.guestmem.bench.Benchmark;
import io.guestmem.bench.BenchmarkResult;
import io.guestmem.bench.BenchmarkSettings;
import io.guestmem.bench.Benchmarks;
import io.guestmem.bench.Bound;
import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;
import tools.jackson.core.JsonGenerator;

/** {@code guestmem bench}: what guestmem costs, side by side with the same thing done bare. */
final class BenchCommand implements Callable<Integer>, Verb {
    private final CommandSpec spec = Verb.spec(
            this,
            "bench",
            "Measure guestmem side by side with the same thing done bare, and print the ratios.",
            "",
            "Both sides take turns in one run, so that a busy machine slows both. The exit status is 1 if a bound is missed.",
            "",
            "Examples:",
            "  guestmem bench",
            "  guestmem bench uffd-copy --rounds 50",
            "");

    private final OutputOptions output = new OutputOptions(spec);

    private final Argument<List<String>> names =
            Argument.parameters(spec, "0..*", "NAME", Values.TEXT, "Which ones (default: all).");

    private final Argument<Integer> rounds =
            Argument.option(spec, "--rounds", "N", Values.INT, "Turns of each side that count.");

    /** What came of a benchmark: a result, or the reason why there is none. */
    private record Outcome(Benchmark benchmark, Optional<BenchmarkResult> result, String skipped) {}

    @Override
    public Integer call() {
        List<Benchmark> chosen = chosen();
        BenchmarkSettings settings = settings();
        PrintWriter out = spec.commandLine().getOut();
        List<Outcome> outcomes = new ArrayList<>();
        try (ProgressBar bar = new ProgressBar(spec.commandLine().getErr(), output.progressWanted())) {
            for (Benchmark benchmark : chosen) {
                bar.step(outcomes.size(), chosen.size(), benchmark.name());
                Optional<String> lacking = benchmark.unavailable(settings);
                outcomes.add(new Outcome(
                        benchmark,
                        lacking.isPresent() ? Optional.empty() : Optional.of(benchmark.run(settings)),
                        lacking.orElse("")));
            }
        }
        if (output.json()) {
            JsonResult.print(out, "bench", json -> fields(json, outcomes));
        } else {
            print(out, outcomes);
        }
        boolean met = outcomes.stream().flatMap(each -> each.result.stream()).allMatch(BenchmarkResult::met);
        return met ? ExitStatus.DONE : ExitStatus.NO;
    }

    private List<Benchmark> chosen() {
        List<Benchmark> all = Benchmarks.all();
        List<String> known = all.stream().map(Benchmark::name).toList();
        for (String name : names.value()) {
            if (!known.contains(name)) {
                throw new ParameterException(
                        spec.commandLine(), "no benchmark '" + name + "': one of " + String.join(", ", known));
            }
        }
        return names.value().isEmpty()
                ? all
                : all.stream()
                        .filter(each -> names.value().contains(each.name()))
                        .toList();
    }

    private BenchmarkSettings settings() {
        BenchmarkSettings standard = BenchmarkSettings.standard();
        if (!rounds.isPresent()) {
            return standard;
        }
        if (rounds.value() < 1) {
            throw new ParameterException(spec.commandLine(), "--rounds: " + rounds.value() + " is not positive");
        }
        return standard.withRounds(rounds.value());
    }

    private static void fields(JsonGenerator json, List<Outcome> outcomes) {
        json.writeArrayPropertyStart("results");
        for (Outcome outcome : outcomes) {
            json.writeStartObject();
            json.writeStringProperty("name", outcome.benchmark.name());
            if (outcome.result.isPresent()) {
                BenchmarkResult result = outcome.result.get();
                json.writeNumberProperty("value", result.value());
                json.writeStringProperty("unit", result.unit());
                json.writeNumberProperty("baseline", result.baseline());
                json.writeNumberProperty("ratio", result.ratio());
                json.writeStringProperty("bound", bounds(result));
                json.writeBooleanProperty("met", result.met());
                json.writeStringProperty("note", result.note());
            } else {
                json.writeStringProperty("skipped", outcome.skipped);
            }
            json.writeEndObject();
        }
        json.writeEndArray();
    }

    private static void print(PrintWriter out, List<Outcome> outcomes) {
        TextTable table = new TextTable(
                TextTable.Column.left("benchmark"),
                TextTable.Column.right("guestmem"),
                TextTable.Column.right("bare"),
                TextTable.Column.left("unit"),
                TextTable.Column.right("ratio"),
                TextTable.Column.left("bound"),
                TextTable.Column.left("met"));
        for (Outcome outcome : outcomes) {
            if (outcome.result.isEmpty()) {
                table.add(outcome.benchmark.name(), "-", "skipped: " + outcome.skipped);
                continue;
            }
            BenchmarkResult result = outcome.result.get();
            table.add(
                    result.name(),
                    figure(result.value()),
                    figure(result.baseline()),
                    result.unit(),
                    String.format(Locale.ROOT, "%.3f", result.ratio()),
                    bounds(result),
                    result.met() ? "yes" : "NO");
        }
        table.print(out);
        out.println();
        for (Outcome outcome : outcomes) {
            out.println(outcome.benchmark.name() + ": " + outcome.benchmark.what());
            outcome.result.ifPresent(result -> out.println("  " + result.note()));
        }
    }

    private static String bounds(BenchmarkResult result) {
        return result.bounds().stream().map(Bound::toString).collect(Collectors.joining(", "));
    }

    private static String figure(double value) {
        return String.format(Locale.ROOT, "%.4g", value);
    }

    @Override
    public CommandSpec spec() {
        return spec;
    }
}
