package io.guestmem.cli;

import io.guestmem.abi.Kernel;
import io.guestmem.shell.FuzzOutcome;
import io.guestmem.shell.FuzzSettings;
import io.guestmem.shell.Fuzzer;
import io.guestmem.soft.SeededSchedule;
import java.io.PrintWriter;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;
import tools.jackson.core.JsonGenerator;

/** {@code guestmem fuzz}: random calls, and what must never come of them. */
@Command(
        name = "fuzz",
        header = "Call a kernel at random and look for what it must never do.",
        description = {
            "",
            "The software kernel gets any bytes and guests of random code; the real kernel gets requests whose worst answer is an"
                    + " errno. A failure is printed as the shortest sequence that shows it again; the exit status is 1 then.",
            "",
            "Examples:",
            "  guestmem fuzz --kernel soft --seconds 60 --threads 2",
            ""
        })
final class FuzzCommand implements Callable<Integer> {
    @Spec
    private CommandSpec spec;

    @Mixin
    private OutputOptions output;

    @Mixin
    private AnyKernelOption kernelOption;

    @Option(
            names = "--seed",
            paramLabel = "N",
            defaultValue = "1",
            description = "Of the first round (default: ${DEFAULT-VALUE}).")
    private long seed;

    @Option(
            names = "--seconds",
            paramLabel = "N",
            defaultValue = "10",
            description = "How long (default: ${DEFAULT-VALUE}).")
    private long seconds;

    @Option(names = "--calls", paramLabel = "N", defaultValue = "1000000000", description = "How many calls at most.")
    private long calls;

    @Option(
            names = "--threads",
            paramLabel = "N",
            defaultValue = "1",
            description = "Threads that call at once (default: ${DEFAULT-VALUE}).")
    private int threads;

    @Option(
            names = "--deterministic",
            description =
                    "Of the software kernel: one thread at a time, in an order that the seed decides; no guest runs.")
    private boolean deterministic;

    @Override
    public Integer call() {
        if (seconds < 1 || threads < 1 || calls < 1) {
            throw new ParameterException(spec.commandLine(), "--seconds, --calls and --threads are positive numbers");
        }
        if (deterministic && kernelOption.soft().isEmpty()) {
            throw new ParameterException(
                    spec.commandLine(), "--deterministic: only the software kernel can be scheduled");
        }
        SeededSchedule schedule = new SeededSchedule(seed);
        Kernel kernel = deterministic ? kernelOption.kernel(schedule) : kernelOption.kernel();
        FuzzSettings free = FuzzSettings.of(kernel, seed, calls, Duration.ofSeconds(seconds), threads);
        FuzzSettings settings = deterministic ? free.scheduledBy(schedule) : free;
        FuzzOutcome outcome = Fuzzer.run(kernel, settings);
        PrintWriter out = spec.commandLine().getOut();
        if (output.json()) {
            JsonResult.print(out, "fuzz", json -> fields(json, kernel, outcome));
        } else {
            out.println("kernel " + kernel.name());
            out.println(outcome.text());
        }
        return outcome.failure().isPresent() ? ExitStatus.NO : ExitStatus.DONE;
    }

    private static void fields(JsonGenerator json, Kernel kernel, FuzzOutcome outcome) {
        json.writeStringProperty("kernel", kernel.name());
        json.writeNumberProperty("seed", outcome.seed());
        json.writeNumberProperty("calls", outcome.calls());
        json.writeNumberProperty("seconds", outcome.time().toNanos() / 1e9);
        if (outcome.failure().isPresent()) {
            FuzzOutcome.Failure failure = outcome.failure().get();
            json.writeObjectPropertyStart("failure");
            json.writeNumberProperty("seed", failure.seed());
            json.writeStringProperty("what", failure.what());
            json.writeBooleanProperty("reproduced", failure.reproduced());
            json.writeArrayPropertyStart("calls");
            List<String> sequence = failure.calls();
            sequence.forEach(json::writeString);
            json.writeEndArray();
            json.writeEndObject();
        }
    }
}
