package io.guestmem.cli;

import io.guestmem.diff.translate.Oracles;
import io.guestmem.pager.FailurePolicy;
import io.guestmem.paging.PagingMode;
import io.guestmem.soft.KernelVersion;
import io.guestmem.vmm.demo.PopulationWay;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import picocli.CommandLine;

/** The entry point of the command {@code guestmem}. */
public final class Main {
    private Main() {}

    /** Runs the command and ends the process with its exit status. */
    public static void main(String[] arguments) {
        PrintWriter out = new PrintWriter(System.out, false, StandardCharsets.UTF_8);
        PrintWriter err = new PrintWriter(System.err, true, StandardCharsets.UTF_8);
        int status = run(out, err, arguments);
        out.flush();
        System.exit(status);
    }

    /** Ends the process from a shutdown hook, in which {@link System#exit} would wait for itself. */
    static void halt(int status) {
        Runtime.getRuntime().halt(status);
    }

    /** Runs the command. */
    static int run(PrintWriter out, PrintWriter err, String... arguments) {
        return commandLine(out, err, arguments).execute(arguments);
    }

    private static CommandLine commandLine(PrintWriter out, PrintWriter err, String... arguments) {
        return Verbs.commandLine(arguments)
                .setOut(out)
                .setErr(err)
                .registerConverter(Long.class, RawNumber::parse)
                .registerConverter(ByteSize.class, ByteSize::parse)
                .registerConverter(Seconds.class, Seconds::parse)
                .registerConverter(PopulationWay.class, Choices.of(PopulationWay.class))
                .registerConverter(DemoCommand.Type.class, Choices.of(DemoCommand.Type.class))
                .registerConverter(DemoCommand.Touch.class, Choices.of(DemoCommand.Touch.class))
                .registerConverter(AnyKernelOption.Choice.class, Choices.of(AnyKernelOption.Choice.class))
                .registerConverter(FailurePolicy.class, Choices.of(FailurePolicy.class))
                .registerConverter(ServeCommand.Prefetch.class, Choices.of(ServeCommand.Prefetch.class))
                .registerConverter(DiffCommand.Choice.class, Choices.of(DiffCommand.Choice.class))
                .registerConverter(PagingMode.class, Choices.of(PagingMode.class))
                .registerConverter(Oracles.Choice.class, Choices.of(Oracles.Choice.class))
                .registerConverter(KernelVersion.class, Choices.of(KernelVersion.class, KernelVersion::release))
                .registerConverter(LabCommand.Suite.class, Choices.of(LabCommand.Suite.class))
                .setParameterExceptionHandler(Errors::usage)
                .setExecutionExceptionHandler(Errors::failed);
    }
}
