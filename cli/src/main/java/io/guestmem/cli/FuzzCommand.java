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
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;
import tools.jackson.core.JsonGenerator;

/** {@code guestmem fuzz}: random calls, and what must never come of them. */
final class FuzzCommand implements Callable<Integer>, Verb {
    private final CommandSpec spec = Verb.spec(
            this,
            "fuzz",
            "Call a kernel at random and look for what it must never do.",
            "",
            "The software kernel gets any bytes and guests of random code; the real kernel gets requests whose worst answer is an"
                    + " errno. A failure is printed as the shortest sequence that shows it again; the exit status is 1 then.",
            "",
            "Examples:",
            "  guestmem fuzz --kernel soft --seconds 60 --threads 2",
            "");

    private final OutputOptions output = new OutputOptions(spec);

    private final AnyKernelOption kernelOption = new AnyKernelOption(spec);

    private final Argument<Long> seed =
            Argument.option(spec, "--seed", "N", Values.LONG, "1", "Of the first round (default: ${DEFAULT-VALUE}).");

    private final Argument<Long> seconds =
            Argument.option(spec, "--seconds", "N", Values.LONG, "10", "How long (default: ${DEFAULT-VALUE}).");

    private final Argument<Long> calls =
            Argument.option(spec, "--calls", "N", Values.LONG, "1000000000", "How many calls at most.");

    private final Argument<Integer> threads = Argument.option(
            spec, "--threads", "N", Values.INT, "1", "Threads that call at once (default: ${DEFAULT-VALUE}).");

    private final Argument<Boolean> deterministic = Argument.flag(
            spec,
            "--deterministic",
            "Of the software kernel: one thread at a time, in an order that the seed decides; no guest runs.");

    @Override
    public Integer call() {
        if (seconds.value() < 1 || threads.value() < 1 || calls.value() < 1) {
            throw new ParameterException(spec.commandLine(), "--seconds, --calls and --threads are positive numbers");
        }
        if (deterministic.value() && kernelOption.soft().isEmpty()) {
            throw new ParameterException(
                    spec.commandLine(), "--deterministic: only the software kernel can be scheduled");
        }
        SeededSchedule schedule = new SeededSchedule(seed.value());
        Kernel kernel = deterministic.value() ? kernelOption.kernel(schedule) : kernelOption.kernel();
        FuzzSettings free = FuzzSettings.of(
                kernel, seed.value(), calls.value(), Duration.ofSeconds(seconds.value()), threads.value());
        FuzzSettings settings = deterministic.value() ? free.scheduledBy(schedule) : free;
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

    @Override
    public CommandSpec spec() {
        return spec;
    }
}
