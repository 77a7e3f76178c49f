package io.guestmem.cli;

import io.guestmem.abi.VmType;
import io.guestmem.measure.launch.LaunchPlan;
import io.guestmem.vmm.demo.LaunchResult;
import java.io.PrintWriter;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.stream.Collectors;
import picocli.CommandLine;
import tools.jackson.core.JsonGenerator;

/**
 * Prints what came of the launch of a confidential guest.
 *
 * @param line of the command
 * @param json as one object
 * @param instead why the kernel is a simulated one, if the real one was tried
 */
record LaunchPrinter(CommandLine line, boolean json, Optional<String> instead) {
    private static final int PAGE = 4096;

    /** Prints it and answers the exit status. */
    int print(LaunchResult result) {
        PrintWriter out = line.getOut();
        if (json) {
            JsonResult.print(out, "demo", generator -> fields(generator, result));
        } else {
            text(out, result);
        }
        return result.ok() ? ExitStatus.DONE : ExitStatus.NO;
    }

    /** Says that nothing is launched, and answers the exit status. */
    int refused(LaunchPlan.Refused refused) {
        line.getErr().println("guestmem: never launches: " + refused.reason());
        line.getErr().println("guestmem: use other firmware, or --image");
        return ExitStatus.NO;
    }

    private void text(PrintWriter out, LaunchResult result) {
        out.println("kernel " + result.kernel() + (result.simulated() ? " (simulated)" : "") + ", VM type "
                + name(result) + ", guest memory is " + result.source());
        instead.ifPresent(reason -> out.println("simulated because of " + reason));
        out.println();
        steps(out, result);
        out.println();
        moments(out, result);
        out.println();
        result.refused().ifPresent(reason -> out.println("refused     " + reason));
        LaunchResult.Verdict verdict = result.verdict();
        verdict.measurement().ifPresent(measurement -> out.println("hmac        " + measurement));
        out.println("digest      " + verdict.digest().orElse("- (the host cannot read it)"));
        out.println("predicted   " + verdict.predicted());
        out.println("match       " + match(verdict));
        out.println("            " + verdict.words());
        if (result.simulated()) {
            out.println();
            out.println(
                    "Kernel, processor and firmware are simulated: no hardware has encrypted or measured anything.");
        }
    }

    private static void steps(PrintWriter out, LaunchResult result) {
        TextTable table = new TextTable(
                TextTable.Column.left("command"),
                TextTable.Column.left("what"),
                TextTable.Column.right("gpa"),
                TextTable.Column.right("pages"),
                TextTable.Column.left("measured"),
                TextTable.Column.left("outcome"));
        for (LaunchResult.Step step : result.steps()) {
            table.add(
                    step.command(),
                    step.what(),
                    "0x" + Long.toHexString(step.gpa()),
                    String.valueOf(step.size() / PAGE),
                    step.measured(),
                    step.refusal()
                            .map(reason -> step.done() / PAGE + " pages, then " + reason)
                            .orElse("done"));
        }
        table.print(out);
    }

    private static void moments(PrintWriter out, LaunchResult result) {
        TextTable table = new TextTable(
                TextTable.Column.left("moment"),
                TextTable.Column.left("pages" + table(result.vmType())),
                TextTable.Column.left("pre-fault"));
        for (LaunchResult.Moment moment : result.moments()) {
            table.add(
                    moment.when(),
                    result.simulated() ? pages(moment.pages()) : "the host does not see them",
                    moment.preFaulted() / PAGE + " mapped"
                            + moment.refusal().map(reason -> ", then " + reason).orElse(""));
        }
        table.print(out);
    }

    /** Where the states of pages are written down. */
    private static String table(VmType type) {
        return switch (type) {
            case SNP -> " (RMP)";
            case TDX -> " (secure EPT)";
            default -> "";
        };
    }

    private static String pages(Map<String, Long> states) {
        return states.isEmpty()
                ? "none"
                : new TreeMap<>(states)
                        .entrySet().stream()
                                .map(state -> state.getValue() + " " + state.getKey())
                                .collect(Collectors.joining(", "));
    }

    private static String match(LaunchResult.Verdict verdict) {
        if (!verdict.matches()) {
            return "NO";
        }
        return verdict.digest().isPresent() || verdict.confirmed().isPresent() ? "yes" : "unknown";
    }

    private static String name(LaunchResult result) {
        return result.vmType().name().toLowerCase(Locale.ROOT);
    }

    private void fields(JsonGenerator out, LaunchResult result) {
        out.writeStringProperty("kernel", result.kernel());
        out.writeBooleanProperty("simulated", result.simulated());
        instead.ifPresent(reason -> out.writeStringProperty("simulated_because", reason));
        out.writeStringProperty("vm_type", name(result));
        out.writeStringProperty("source", result.source());
        out.writeArrayPropertyStart("steps");
        result.steps().forEach(step -> step(out, step));
        out.writeEndArray();
        out.writeArrayPropertyStart("moments");
        result.moments().forEach(moment -> moment(out, moment));
        out.writeEndArray();
        result.refused().ifPresent(reason -> out.writeStringProperty("refused", reason));
        LaunchResult.Verdict verdict = result.verdict();
        verdict.measurement().ifPresent(measurement -> out.writeStringProperty("hmac", measurement));
        verdict.digest().ifPresent(digest -> out.writeStringProperty("digest", digest));
        out.writeStringProperty("predicted", verdict.predicted());
        verdict.confirmed().ifPresent(confirmed -> out.writeBooleanProperty("confirmed", confirmed));
        out.writeBooleanProperty("match", verdict.matches());
        out.writeNumberProperty("launch_seconds", result.seconds());
        out.writeBooleanProperty("ok", result.ok());
    }

    private static void step(JsonGenerator out, LaunchResult.Step step) {
        out.writeStartObject();
        out.writeStringProperty("command", step.command());
        out.writeStringProperty("what", step.what());
        out.writeStringProperty("gpa", "0x" + Long.toHexString(step.gpa()));
        out.writeNumberProperty("size", step.size());
        out.writeNumberProperty("done", step.done());
        out.writeStringProperty("measured", step.measured());
        step.refusal().ifPresent(reason -> out.writeStringProperty("refused", reason));
        out.writeEndObject();
    }

    private static void moment(JsonGenerator out, LaunchResult.Moment moment) {
        out.writeStartObject();
        out.writeStringProperty("when", moment.when());
        out.writeObjectPropertyStart("pages");
        for (Map.Entry<String, Long> state : new TreeMap<>(moment.pages()).entrySet()) {
            out.writeNumberProperty(state.getKey().toLowerCase(Locale.ROOT), state.getValue());
        }
        out.writeEndObject();
        out.writeNumberProperty("pre_faulted", moment.preFaulted());
        moment.refusal().ifPresent(reason -> out.writeStringProperty("refused", reason));
        out.writeEndObject();
    }
}
