package io.guestmem.cli;

import io.guestmem.abi.Kernel;
import io.guestmem.diff.translate.OracleDifference;
import io.guestmem.diff.translate.OracleTally;
import io.guestmem.diff.translate.Oracles;
import io.guestmem.paging.PagingMode;
import java.io.PrintWriter;
import java.time.Duration;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;
import tools.jackson.core.JsonGenerator;

/** {@code guestmem diff translate}: the walker and those who know better. */
final class DiffTranslateCommand implements Callable<Integer>, Verb {
    private final CommandSpec spec = Verb.spec(
            this,
            "translate",
            "Compare the translation of addresses with a kernel's and with a guest's own accesses.",
            "",
            "Random page tables, registers and accesses in every paging mode. The first difference that no rule of"
                    + " docs/translate.md explains is printed with the entries on its way; the exit status is 1 then.",
            "",
            "Examples:",
            "  guestmem diff translate --cases 1000000",
            "  guestmem lab --suite sid -- diff translate --mode level_5",
            "");

    private final OutputOptions output = new OutputOptions(spec);

    private final AnyKernelOption kernelOption = new AnyKernelOption(spec);

    private final Argument<PagingMode> mode = Argument.option(
            spec,
            "--mode",
            "MODE",
            Choices.of(PagingMode.class),
            "none, bits_32, pae, level_4 or level_5; all by default.");

    private final Argument<Oracles.Choice> oracle = Argument.option(
            spec,
            "--oracle",
            "ORACLE",
            Choices.of(Oracles.Choice.class),
            "translate (KVM_TRANSLATE) or access (a guest that makes the accesses); both by default.");

    private final Argument<Long> seed =
            Argument.option(spec, "--seed", "N", Values.LONG, "1", "Of the first round (default: ${DEFAULT-VALUE}).");

    private final Argument<Long> cases = Argument.option(
            spec,
            "--cases",
            "N",
            Values.LONG,
            "10000",
            "How many in each mode, by each oracle (default: ${DEFAULT-VALUE}).");

    private final Argument<Long> seconds = Argument.option(
            spec,
            "--seconds",
            "N",
            Values.LONG,
            "3600",
            "How long at most in each mode, by each oracle (default: ${DEFAULT-VALUE}).");

    @Override
    public Integer call() {
        if (cases.value() < 1 || seconds.value() < 1) {
            throw new ParameterException(spec.commandLine(), "--cases and --seconds are positive numbers");
        }
        Kernel kernel = kernelOption.kernel();
        List<OracleTally> tallies = Oracles.run(
                kernel,
                new Oracles.Settings(
                        seed.value(),
                        cases.value(),
                        Duration.ofSeconds(seconds.value()),
                        mode.optional().map(EnumSet::of).orElseGet(() -> EnumSet.allOf(PagingMode.class)),
                        oracle.optional().map(EnumSet::of).orElseGet(() -> EnumSet.allOf(Oracles.Choice.class))));
        PrintWriter out = spec.commandLine().getOut();
        if (output.json()) {
            JsonResult.print(out, "diff translate", json -> fields(json, kernel, tallies));
        } else {
            print(out, kernel, tallies);
        }
        boolean agreed = tallies.stream().allMatch(tally -> tally.difference().isEmpty());
        return agreed ? ExitStatus.DONE : ExitStatus.NO;
    }

    private void print(PrintWriter out, Kernel kernel, List<OracleTally> tallies) {
        out.println("kernel " + kernel.name() + ", rounds of seeds from " + seed.value());
        TextTable table = new TextTable(
                TextTable.Column.left("oracle"),
                TextTable.Column.left("mode"),
                TextTable.Column.right("cases"),
                TextTable.Column.right("faults"),
                TextTable.Column.right("a second"),
                TextTable.Column.left(""));
        for (OracleTally tally : tallies) {
            table.add(
                    tally.oracle(),
                    name(tally.mode()),
                    Long.toString(tally.cases()),
                    Long.toString(tally.faults()),
                    String.format(Locale.ROOT, "%.0f", tally.cases() / tally.seconds()),
                    remarks(tally));
        }
        table.print(out);
        for (OracleTally tally : tallies) {
            tally.difference()
                    .ifPresent(found -> out.print("DIFFERENCE by " + tally.oracle() + ", " + found.describe()));
        }
    }

    private static String remarks(OracleTally tally) {
        List<String> remarks = new ArrayList<>();
        tally.missing().ifPresent(remarks::add);
        tally.explained().forEach((deviation, count) -> remarks.add(count + " " + deviation.id()));
        return String.join(", ", remarks);
    }

    private static String name(PagingMode mode) {
        return mode.name().toLowerCase(Locale.ROOT);
    }

    private void fields(JsonGenerator json, Kernel kernel, List<OracleTally> tallies) {
        json.writeStringProperty("kernel", kernel.name());
        json.writeBooleanProperty("simulated", !kernel.name().equals("linux"));
        json.writeNumberProperty("seed", seed.value());
        json.writeArrayPropertyStart("results");
        for (OracleTally tally : tallies) {
            json.writeStartObject();
            json.writeStringProperty("oracle", tally.oracle());
            json.writeStringProperty("mode", name(tally.mode()));
            json.writeNumberProperty("cases", tally.cases());
            json.writeNumberProperty("faults", tally.faults());
            json.writeNumberProperty("seconds", tally.seconds());
            tally.missing().ifPresent(reason -> json.writeStringProperty("missing", reason));
            json.writeObjectPropertyStart("explained");
            tally.explained().forEach((deviation, count) -> json.writeNumberProperty(deviation.id(), count));
            json.writeEndObject();
            tally.difference()
                    .map(OracleDifference::describe)
                    .ifPresent(text -> json.writeStringProperty("difference", text));
            json.writeEndObject();
        }
        json.writeEndArray();
    }

    @Override
    public CommandSpec spec() {
        return spec;
    }
}
