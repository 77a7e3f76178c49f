package io.guestmem.cli;

import io.guestmem.measure.LoggedStep;
import io.guestmem.measure.Measurement;
import io.guestmem.measure.StepLog;
import io.guestmem.measure.Technology;
import io.guestmem.measure.firmware.FirmwareFile;
import io.guestmem.measure.firmware.IgvmFile;
import io.guestmem.measure.firmware.MalformedFirmwareException;
import io.guestmem.measure.firmware.OvmfFirmware;
import io.guestmem.measure.launch.IgvmLaunch;
import io.guestmem.measure.launch.LaunchPlan;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;
import tools.jackson.core.JsonGenerator;

/** What every measurement takes and prints. */
final class MeasureOptions {
    private final CommandSpec spec;
    private final OutputOptions output;
    private final Argument<Path> firmware;
    private final Argument<String> expect;
    private final Argument<Boolean> log;
    private final Argument<Boolean> normalZeroes;

    MeasureOptions(CommandSpec spec) {
        this.spec = spec;
        output = new OutputOptions(spec);
        firmware = Argument.required(spec, "--firmware", "FILE", Values.PATH, "OVMF, TDVF or an IGVM file.");
        expect = Argument.option(spec, "--expect", "HEX", Values.TEXT, "Compare with this digest.");
        log = Argument.flag(
                spec, "--log", "Print each step: type, address, size, digest of the contents, state after it.");
        normalZeroes = Argument.flag(
                spec,
                "--igvm-normal-zeroes",
                "Pages without data in an IGVM file are NORMAL pages of zeroes, not ZERO pages.");
    }

    /** Makes the plan of a launch with OVMF or TDVF. */
    interface Planning {
        LaunchPlan plan(OvmfFirmware firmware) throws IOException;
    }

    /** The file. */
    FirmwareFile firmware() throws IOException {
        return FirmwareFile.read(firmware.value());
    }

    /** Whether pages without data in an IGVM file are ZERO pages. */
    boolean nativeZero() {
        return !normalZeroes.value();
    }

    /** A plan of the firmware; a broken one is never launched. */
    static LaunchPlan plan(Technology technology, FirmwareFile file, boolean nativeZero, Planning planning)
            throws IOException {
        try {
            return IgvmFile.is(file)
                    ? IgvmLaunch.plan(technology, IgvmFile.of(file), nativeZero)
                    : planning.plan(OvmfFirmware.of(file));
        } catch (MalformedFirmwareException broken) {
            return new LaunchPlan.Refused(technology, String.valueOf(broken.getMessage()));
        }
    }

    /** What follows from a digest. */
    interface Following {
        /**
         * More of the result.
         *
         * @throws IOException if a file cannot be read or written
         */
        Rows of(byte[] digest) throws IOException;
    }

    /**
     * More rows of a result.
     *
     * @param rows by their JSON names
     * @param match whether a measurement that was given is the right one
     */
    record Rows(Map<String, String> rows, Optional<Boolean> match) {
        static final Rows NONE = new Rows(Map.of(), Optional.empty());
    }

    /**
     * Measures a plan and prints the result.
     *
     * @param start what is measured already
     * @param more rows of the result, by their JSON names
     */
    int print(LaunchPlan plan, Measurement start, Map<String, String> more) throws IOException {
        return print(plan, start, _ -> new Rows(more, Optional.empty()));
    }

    /**
     * Measures a plan and prints the result.
     *
     * @param start what is measured already
     * @param more follows from the digest
     */
    int print(LaunchPlan plan, Measurement start, Following more) throws IOException {
        return plan instanceof LaunchPlan.Launches launches
                ? measured(launches, start, more)
                : refused((LaunchPlan.Refused) plan);
    }

    private int refused(LaunchPlan.Refused refused) {
        if (output.json()) {
            JsonResult.print(spec.commandLine().getOut(), "measure", json -> {
                json.writeStringProperty("technology", refused.technology().label());
                json.writeBooleanProperty("launches", false);
                json.writeStringProperty("reason", refused.reason());
            });
        } else {
            PrintWriter err = spec.commandLine().getErr();
            err.println("guestmem: never launches: " + refused.reason());
            err.println("guestmem: there is no digest to expect; use other firmware or other options");
        }
        return ExitStatus.NO;
    }

    private int measured(LaunchPlan.Launches launches, Measurement start, Following following) throws IOException {
        Optional<byte[]> expected =
                expect.optional().map(hex -> digest(hex, launches.technology().digestSize()));
        List<LoggedStep> steps = new ArrayList<>();
        if (log.value()) {
            start.logTo(steps::add);
        }
        launches.steps().forEach(start::apply);
        String digest = HexFormat.of().formatHex(start.digest());
        Rows more = following.of(start.digest());
        Optional<Boolean> match =
                expected.map(bytes -> HexFormat.of().formatHex(bytes).equals(digest));
        PrintWriter out = spec.commandLine().getOut();
        if (output.json()) {
            JsonResult.print(out, "measure", json -> {
                json.writeStringProperty("technology", launches.technology().label());
                json.writeBooleanProperty("launches", true);
                json.writeStringProperty("digest", digest);
                json.writeNumberProperty("steps", start.steps());
                more.rows().forEach(json::writeStringProperty);
                more.match().ifPresent(same -> json.writeBooleanProperty("measurement_match", same));
                match.ifPresent(same -> json.writeBooleanProperty("match", same));
                if (log.value()) {
                    fields(json, steps);
                }
            });
        } else {
            steps.forEach(step -> out.println(StepLog.line(step)));
            Map<String, String> rows = new LinkedHashMap<>();
            rows.put("technology", launches.technology().label());
            rows.put("digest", digest);
            rows.put("steps", String.valueOf(start.steps()));
            rows.putAll(more.rows());
            more.match().ifPresent(same -> rows.put("measurement_match", same ? "yes" : "no"));
            match.ifPresent(
                    same -> rows.put("match", same ? "yes" : "no; 'guestmem measure explain' searches for the reason"));
            int width = rows.keySet().stream().mapToInt(String::length).max().orElse(0);
            rows.forEach((name, value) -> out.println(name + " ".repeat(width - name.length() + 2) + value));
        }
        return match.orElse(true) && more.match().orElse(true) ? ExitStatus.DONE : ExitStatus.NO;
    }

    private static void fields(JsonGenerator json, List<LoggedStep> steps) {
        json.writeArrayPropertyStart("log");
        for (LoggedStep step : steps) {
            json.writeStartObject();
            step(json, step);
            json.writeEndObject();
        }
        json.writeEndArray();
    }

    /** The fields of a step. */
    static void step(JsonGenerator json, LoggedStep step) {
        json.writeStringProperty("type", step.type());
        json.writeStringProperty("gpa", "0x" + Long.toHexString(step.gpa()));
        json.writeNumberProperty("size", step.size());
        json.writeStringProperty("contents", step.contents());
        json.writeStringProperty("state", step.state());
        json.writeStringProperty("what", step.what());
    }

    private byte[] digest(String hex, int size) {
        return digest(spec, "--expect", hex, size);
    }

    /** A digest on the command line. */
    static byte[] digest(CommandSpec spec, String option, String hex, int size) {
        String digits = hex.toLowerCase(Locale.ROOT);
        if (digits.length() != 2 * size || !digits.matches("[0-9a-f]*")) {
            throw new ParameterException(
                    spec.commandLine(), option + ": '" + hex + "' is no digest of " + 2 * size + " hexadecimal digits");
        }
        return HexFormat.of().parseHex(digits);
    }
}
