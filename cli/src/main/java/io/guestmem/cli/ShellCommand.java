package io.guestmem.cli;

import io.guestmem.abi.Kernel;
import io.guestmem.linux.Terminal;
import io.guestmem.shell.Shell;
import io.guestmem.shell.ShellSettings;
import io.guestmem.soft.SeededSchedule;
import io.guestmem.soft.SoftKernel;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.Reader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.concurrent.Callable;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;

/** {@code guestmem shell}: any request by its name. */
final class ShellCommand implements Callable<Integer>, Verb {
    private final CommandSpec spec = Verb.spec(
            this,
            "shell",
            "Create VMs, issue any ioctl by its name, run guest programs and look at what happened.",
            "",
            "Commands come from the terminal, a file, a pipe or -c. 'help' lists them. From a file, a pipe or -c the exit status"
                    + " is 1 if a command failed.",
            "",
            "Examples:",
            "  guestmem shell",
            "  guestmem shell --kernel soft -c 'create_vm; show slots'",
            "");

    private final OutputOptions output = new OutputOptions(spec);

    private final AnyKernelOption kernelOption = new AnyKernelOption(spec);

    private final Argument<String> commands =
            Argument.option(spec, "-c", "COMMANDS", Values.TEXT, "Commands, a line each or with ';' between them.");

    private final Argument<Long> seed = Argument.option(
            spec,
            "--seed",
            "N",
            Values.LONG,
            "1",
            "Of random content, and on the software kernel of how races go (default: ${DEFAULT-VALUE}).");

    private final Argument<Path> script = Argument.parameter(spec, "FILE", Values.PATH, "A file with commands.");

    @Override
    public Integer call() throws IOException {
        if (output.json()) {
            throw new ParameterException(spec.commandLine(), "--json: the shell answers in text");
        }
        SeededSchedule schedule = new SeededSchedule(seed.value());
        Kernel kernel = kernelOption.kernel(schedule);
        if (commands.isPresent()) {
            return run(kernel, schedule, new ShellSettings.Input.Commands(commands.value()));
        }
        if (script.isPresent()) {
            try (Reader reader = Files.newBufferedReader(script.value())) {
                return run(kernel, schedule, new ShellSettings.Input.Script(reader));
            }
        }
        if (Terminal.isStandardInput()) {
            return run(kernel, schedule, new ShellSettings.Input.Interactive(ShellSettings.history(System.getenv())));
        }
        return run(
                kernel,
                schedule,
                new ShellSettings.Input.Script(new InputStreamReader(System.in, StandardCharsets.UTF_8)));
    }

    private int run(Kernel kernel, SeededSchedule schedule, ShellSettings.Input input) {
        return Shell.run(new ShellSettings(
                kernel,
                input,
                spec.commandLine().getOut(),
                spec.commandLine().getErr(),
                seed.value(),
                kernel instanceof SoftKernel ? Optional.of(schedule) : Optional.empty()));
    }

    @Override
    public CommandSpec spec() {
        return spec;
    }
}
