package io.guestmem.cli;

import io.guestmem.conform.Check;
import io.guestmem.conform.CheckResult;
import io.guestmem.conform.CheckResult.Outcome;
import io.guestmem.conform.Conformance;
import io.guestmem.conform.ConformanceKernel;
import java.io.PrintWriter;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;

/** {@code guestmem conform}: the conformance suite on a kernel. */
final class ConformCommand implements Callable<Integer>, Verb {
    private final CommandSpec spec = Verb.spec(
            this,
            "conform",
            "Check what a kernel answers to KVM's memory requests, rule by rule.",
            "",
            "Each check has an id of docs/conformance.md. A check that this kernel cannot show is skipped with the reason."
                    + " The exit status is 1 if any fails. --json prints a line for each check and a last one with the summary."
                    + " What the software kernel does is simulated, and the summary says so.",
            "",
            "Examples:",
            "  guestmem conform",
            "  guestmem conform --kernel soft --kernel-version 6.12",
            "  guestmem conform --only SLOT-14,PF-08 --json",
            "  guestmem lab --suite sid -- conform",
            "");

    private final OutputOptions output = new OutputOptions(spec);

    private final AnyKernelOption kernelOption = new AnyKernelOption(spec);

    private final Argument<List<String>> only = Argument.list(spec, "--only", "ID", Values.TEXT, "Only these checks.");

    @Override
    public Integer call() {
        List<String> known = Conformance.checks().stream().map(Check::id).toList();
        for (String id : only.value()) {
            if (!known.contains(id)) {
                throw new ParameterException(
                        spec.commandLine(), "no check '" + id + "': ids look like " + known.getFirst());
            }
        }
        PrintWriter out = spec.commandLine().getOut();
        Map<Outcome, Integer> counts = new EnumMap<>(Outcome.class);
        try (ConformanceKernel kernel =
                kernelOption.soft().map(ConformanceKernel::soft).orElseGet(ConformanceKernel::linux)) {
            Conformance.run(kernel, Set.copyOf(only.value()), result -> {
                counts.merge(result.outcome(), 1, Integer::sum);
                print(out, result);
                out.flush();
            });
            summary(out, kernel, counts);
        }
        return counts.containsKey(Outcome.FAIL) ? ExitStatus.NO : ExitStatus.DONE;
    }

    private void print(PrintWriter out, CheckResult result) {
        if (output.json()) {
            JsonResult.line(out, json -> {
                json.writeStringProperty("id", result.id());
                json.writeStringProperty("result", result.outcome().text());
                json.writeStringProperty("expected", result.expected());
                json.writeStringProperty("actual", result.actual());
                json.writeStringProperty("reason", result.reason());
            });
        } else {
            out.println(result);
        }
    }

    private void summary(PrintWriter out, ConformanceKernel kernel, Map<Outcome, Integer> counts) {
        if (output.json()) {
            JsonResult.print(out, "conform", json -> {
                json.writeStringProperty("kernel", kernel.kernel().name());
                json.writeStringProperty("release", kernel.release().toString());
                json.writeBooleanProperty("simulated", kernel.isSimulated());
                json.writeObjectPropertyStart("summary");
                for (Outcome outcome : Outcome.values()) {
                    json.writeNumberProperty(outcome.text(), counts.getOrDefault(outcome, 0));
                }
                json.writeEndObject();
            });
        } else {
            out.println(kernel
                    + (kernel.isSimulated() ? " (simulated): " : ": ")
                    + List.of(Outcome.values()).stream()
                            .map(outcome -> counts.getOrDefault(outcome, 0) + " " + outcome.text())
                            .collect(Collectors.joining(", ")));
        }
    }

    @Override
    public CommandSpec spec() {
        return spec;
    }
}
