package io.guestmem.cli;

import io.guestmem.pager.ServerEvent;
import io.guestmem.pager.ServerOptions;
import io.guestmem.pager.SingleRecording;
import io.guestmem.pager.WorkingSetOptions;
import io.guestmem.pager.workingset.WorkingSetFile;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.Locale;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import picocli.CommandLine.Model.CommandSpec;

/** {@code guestmem workingset record}. */
final class WorkingSetRecordCommand implements Callable<Integer>, Verb {
    private final CommandSpec spec = Verb.spec(
            this,
            "record",
            "Serve one VM, record what it touches, give it the rest of its memory, and end.",
            "",
            "The recording ends when nothing new is touched for a while, when the VM ends, or at SIGTERM or SIGINT. The exit"
                    + " status is 1 if nothing was touched, or if a VM could not get all of its memory.",
            "");

    private final OutputOptions output = new OutputOptions(spec);

    private final Argument<Path> socket =
            Argument.required(spec, "--socket", "PATH", Values.PATH, "Where the VM connects.");

    private final SnapshotOptions snapshot = new SnapshotOptions(spec);

    private final Argument<Path> file =
            Argument.required(spec, "--output", "FILE", Values.PATH, "Where the working set goes.");

    private final Argument<Seconds> settle = Argument.option(
            spec,
            "--settle",
            "SECONDS",
            Seconds::parse,
            "5",
            "End it when for so long nothing new was touched; 0 for never (default: ${DEFAULT-VALUE}).");

    private final Argument<Seconds> limit = Argument.option(
            spec,
            "--limit",
            "SECONDS",
            Seconds::parse,
            "0",
            "End it so long after the VM has connected; 0 for never (default: ${DEFAULT-VALUE}).");

    @Override
    public Integer call() throws IOException {
        ServerOptions options = ServerOptions.of(socket.value(), snapshot.snapshot())
                .over(snapshot.bases())
                .workingSet(WorkingSetOptions.NONE.recording(
                        file.value(), settle.value().duration(), limit.value().duration()));
        CompletableFuture<Integer> status = new CompletableFuture<>();
        try (SingleRecording recording = SingleRecording.open(options, this::warn)) {
            Thread hook = Thread.ofPlatform().name("stop").unstarted(() -> {
                recording.stop();
                Main.halt(status.join());
            });
            Runtime.getRuntime().addShutdownHook(hook);
            spec.commandLine().getErr().println("ready " + socket.value());
            try {
                status.complete(result(recording.await()));
            } finally {
                status.complete(ExitStatus.IO);
                withdraw(hook);
            }
        }
        return status.join();
    }

    /** No signal has come, or the hook ends the process. */
    private static void withdraw(Thread hook) {
        try {
            Runtime.getRuntime().removeShutdownHook(hook);
        } catch (IllegalStateException _) {
            ServeCommand.ended(hook);
        }
    }

    private int result(SingleRecording.Outcome outcome) throws IOException {
        PrintWriter out = spec.commandLine().getOut();
        ServerEvent recording = outcome.recording().orElse(null);
        if (recording == null || recording.kind() == ServerEvent.Kind.NOT_RECORDED) {
            String why = recording == null ? "no VM has connected" : recording.text();
            spec.commandLine().getErr().println("guestmem: " + file.value() + " is not written: " + why);
            return recording != null && recording.numbers().getOrDefault("pages", 0L) > 0
                    ? ExitStatus.IO
                    : ExitStatus.NO;
        }
        WorkingSetSummary summary = new WorkingSetSummary(
                file.value(), WorkingSetFile.read(file.value()).set());
        if (output.json()) {
            JsonResult.print(out, "workingset record", summary::fields);
        } else {
            summary.print(out);
        }
        out.flush();
        return outcome.released() ? ExitStatus.DONE : ExitStatus.NO;
    }

    private void warn(ServerEvent event) {
        switch (event.kind()) {
            case REFUSED, FAILED, WARNING ->
                spec.commandLine()
                        .getErr()
                        .println("guestmem: " + event.kind().name().toLowerCase(Locale.ROOT) + ": VM " + event.vm()
                                + ": " + event.text());
            default -> {}
        }
    }

    @Override
    public CommandSpec spec() {
        return spec;
    }
}
