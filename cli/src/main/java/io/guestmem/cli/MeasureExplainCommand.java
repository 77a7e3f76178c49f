package io.guestmem.cli;

import io.guestmem.measure.Technology;
import io.guestmem.measure.explain.Explanation;
import io.guestmem.measure.explain.SevSearch;
import io.guestmem.measure.explain.SevSuspects;
import io.guestmem.measure.explain.TdxSearch;
import io.guestmem.measure.firmware.FirmwareFile;
import io.guestmem.measure.firmware.MalformedFirmwareException;
import io.guestmem.measure.firmware.OvmfFirmware;
import io.guestmem.measure.launch.SevSettings;
import io.guestmem.measure.launch.TdxVmm;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.Callable;
import picocli.CommandLine.Model.CommandSpec;

/** {@code guestmem measure explain}. */
final class MeasureExplainCommand implements Callable<Integer>, Verb {
    private final CommandSpec spec = Verb.spec(
            this,
            "explain",
            "Search the settings that usually differ for those that give a digest.",
            "",
            "Guest features and DebugSwap, number and type of vCPUs, VMM, MXCSR, kernel hashes; order and memory of TDX. The fewest"
                    + " changes win. The exit status is 1 if nothing was found.",
            "");

    private final OutputOptions output = new OutputOptions(spec);

    private final Argument<Technology> technology = Argument.parameter(
            spec, "TECHNOLOGY", Choices.of(Technology.class), "snp, sev, sev-es or tdx (default: all that fit).");

    private final Argument<Path> file = Argument.required(spec, "--firmware", "FILE", Values.PATH, "OVMF or TDVF.");

    private final Argument<String> expect =
            Argument.required(spec, "--expect", "HEX", Values.TEXT, "The digest that a guest reported.");

    private final MeasureSevOptions sev = new MeasureSevOptions(spec);

    private final MeasureTdxOptions tdx = new MeasureTdxOptions(spec);

    /** What was found. */
    private record Found(Technology technology, Explanation explanation) {}

    @Override
    public Integer call() throws IOException {
        Optional<Found> found = Optional.empty();
        List<Technology> candidates = technology.optional().map(List::of).orElse(List.of(Technology.values())).stream()
                .filter(each -> technology.isPresent()
                        || 2 * each.digestSize() == expect.value().length())
                .toList();
        if (candidates.isEmpty()) {
            candidates = List.of(Technology.SNP);
        }
        for (Technology each : candidates) {
            byte[] digest = MeasureOptions.digest(spec, "--expect", expect.value(), each.digestSize());
            Optional<Explanation> explanation = explain(each, digest);
            if (found.isEmpty() && explanation.isPresent()) {
                found = Optional.of(new Found(each, explanation.get()));
            }
        }
        print(found);
        return found.isPresent() ? ExitStatus.DONE : ExitStatus.NO;
    }

    private Optional<Explanation> explain(Technology each, byte[] digest) throws IOException {
        try {
            OvmfFirmware firmware = OvmfFirmware.of(FirmwareFile.read(file.value()));
            if (each == Technology.TDX) {
                return TdxSearch.explain(firmware, tdx.settings(TdxVmm.QEMU, sev.boot()), tdx.boot(sev.boot()), digest);
            }
            long features = each == Technology.SNP ? SevSettings.STANDARD.features() : 0;
            return SevSearch.explain(
                    each, firmware, sev.settings(features), new SevSuspects(sev.otherHashes()), digest);
        } catch (MalformedFirmwareException broken) {
            throw new IOException(file.value() + ": " + broken.getMessage(), broken);
        }
    }

    private void print(Optional<Found> found) {
        PrintWriter out = spec.commandLine().getOut();
        if (output.json()) {
            JsonResult.print(out, "measure explain", json -> {
                json.writeBooleanProperty("found", found.isPresent());
                if (found.isPresent()) {
                    json.writeStringProperty(
                            "technology", found.get().technology.label());
                    json.writeStringProperty("register", found.get().explanation.register());
                    json.writeArrayPropertyStart("changes");
                    found.get().explanation.changes().forEach(json::writeString);
                    json.writeEndArray();
                }
            });
        } else if (found.isEmpty()) {
            out.println("nothing that was tried gives " + expect.value().toLowerCase(Locale.ROOT));
        } else {
            Explanation explanation = found.get().explanation;
            out.println("this is the " + explanation.register() + " of "
                    + found.get().technology.label()
                    + (explanation.changes().isEmpty() ? " with these settings" : " with"));
            explanation.changes().forEach(change -> out.println("  " + change));
        }
    }

    @Override
    public CommandSpec spec() {
        return spec;
    }
}
