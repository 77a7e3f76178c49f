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
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code guestmem shell}: any request by its name. */
@Command(
        name = "shell",
        header = "Create VMs, issue any ioctl by its name, run guest programs and look at what happened.",
        description = {
            "",
            "Commands come from the terminal, a file, a pipe or -c. 'help' lists them. From a file, a pipe or -c the exit status"
                    + " is 1 if a command failed.",
            "",
            "Examples:",
            "  guestmem shell",
            "  guestmem shell --kernel soft -c 'create_vm; show slots'",
            ""
        })
final class ShellCommand implements Callable<Integer> {
    @Spec
    private CommandSpec spec;

    @Mixin
    private OutputOptions output;

    @Mixin
    private AnyKernelOption kernelOption;

    @Option(names = "-c", paramLabel = "COMMANDS", description = "Commands, a line each or with ';' between them.")
    private Optional<String> commands = Optional.empty();

    @Option(
            names = "--seed",
            paramLabel = "N",
            defaultValue = "1",
            description = "Of random content, and on the software kernel of how races go (default: ${DEFAULT-VALUE}).")
    private long seed;

    @Parameters(arity = "0..1", paramLabel = "FILE", description = "A file with commands.")
    private Optional<Path> script = Optional.empty();

    @Override
    public Integer call() throws IOException {
        if (output.json()) {
            throw new ParameterException(spec.commandLine(), "--json: the shell answers in text");
        }
        SeededSchedule schedule = new SeededSchedule(seed);
        Kernel kernel = kernelOption.kernel(schedule);
        if (commands.isPresent()) {
            return run(kernel, schedule, new ShellSettings.Input.Commands(commands.get()));
        }
        if (script.isPresent()) {
            try (Reader reader = Files.newBufferedReader(script.get())) {
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
                seed,
                kernel instanceof SoftKernel ? Optional.of(schedule) : Optional.empty()));
    }
}
