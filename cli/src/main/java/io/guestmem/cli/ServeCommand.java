package io.guestmem.cli;

import io.guestmem.pager.ControlEndpoint;
import io.guestmem.pager.FailurePolicy;
import io.guestmem.pager.MetricsEndpoint;
import io.guestmem.pager.PageServer;
import io.guestmem.pager.ServerEvent;
import io.guestmem.pager.ServerOptions;
import io.guestmem.pager.ServingOptions;
import io.guestmem.pager.WorkingSetOptions;
import java.io.IOException;
import java.io.PrintWriter;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.URISyntaxException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;

/** {@code guestmem serve}: the page server. */
final class ServeCommand implements Callable<Integer>, Verb {
    private static final Duration PATIENCE = Duration.ofSeconds(10);
    private static final long LONGEST_MILLIS = Duration.ofDays(1).toMillis();
    private static final int MOST_PORT = 65535;
    private static final int MOST_PERCENT = 100;

    private final CommandSpec spec = Verb.spec(
            this,
            "serve",
            "Give resuming microVMs their memory from a snapshot, through userfaultfd.",
            "",
            "Speaks Firecracker's handshake: name the socket as the VM's backend of type Uffd. One server serves one"
                    + " snapshot to every VM that connects. It prints 'ready PATH' on standard error when VMs may connect."
                    + " With --state a server that is started after one that died takes its VMs back. SIGTERM gives every"
                    + " VM the rest of its memory, lets it go, and ends the server with status 0.",
            "",
            "Examples:",
            "  guestmem serve --socket vm.sock --snapshot memory.img",
            "  guestmem serve --socket vm.sock --snapshot diff.img --base memory.img --events",
            "  guestmem serve --socket vm.sock --snapshot memory.img --state state --take-over",
            "  guestmem serve --socket vm.sock --snapshot memory.img --working-set merged.ws",
            "");

    private final OutputOptions output = new OutputOptions(spec);

    private final Argument<Path> socket =
            Argument.required(spec, "--socket", "PATH", Values.PATH, "Where VMs connect.");

    private final SnapshotOptions snapshot = new SnapshotOptions(spec);

    private final Argument<Path> state = Argument.option(
            spec,
            "--state",
            "DIR",
            Values.PATH,
            "Journal and page states: a server started on those of a dead one takes its VMs back.");

    private final Argument<Boolean> takeOver =
            Argument.flag(spec, "--take-over", "Take the VMs of the living server on --state over.");

    private final Argument<FailurePolicy> onFailure = Argument.option(
            spec,
            "--on-failure",
            "WHAT",
            Choices.of(FailurePolicy.class),
            "kill",
            "When a page cannot be had: poison the page, kill the VM, or let the vCPU hang"
                    + " (default: ${DEFAULT-VALUE}).");

    private final Argument<Prefetch> prefetch = Argument.option(
            spec,
            "--prefetch",
            "WHAT",
            Choices.of(Prefetch.class),
            "none",
            "What is installed before it is asked for: none or all (default: ${DEFAULT-VALUE}).");

    private final Argument<Boolean> collapse = Argument.flag(
            spec, "--collapse", "Make huge pages of a VM's memory when all of it was prefetched (--prefetch all).");

    private final Argument<Long> blockedAfter = Argument.option(
            spec,
            "--blocked-after",
            "MILLIS",
            Values.LONG,
            "5000",
            "Say so when threads of a VM wait for so long and none of its faults is resolved"
                    + " (default: ${DEFAULT-VALUE}).");

    private final Argument<Long> retrySource = Argument.option(
            spec,
            "--retry-source",
            "MILLIS",
            Values.LONG,
            "1000",
            "For so long content that cannot be read is tried again before --on-failure holds; 0 for not again"
                    + " (default: ${DEFAULT-VALUE}).");

    private final Argument<Integer> aheadLimit = Argument.option(
            spec,
            "--ahead-limit",
            "PERCENT",
            Values.INT,
            "" + ServingOptions.AHEAD_PERCENT,
            "Install nothing ahead of demand when so much of the memory that the control groups of a VM allow it is in"
                    + " use (default: ${DEFAULT-VALUE}).");

    private final Argument<Path> control = Argument.option(
            spec,
            "--control",
            "PATH",
            Values.PATH,
            "A socket for commands, one a line: list, diff VM FILE, collapse VM, prefetch VM, end-recording VM,"
                    + " release VM, drain.");

    private final Argument<String> metrics = Argument.option(
            spec,
            "--metrics",
            "HOST:PORT",
            Values.TEXT,
            "Where http://HOST:PORT/metrics answers in the text format of Prometheus; port 0 is any.");

    private final Argument<Boolean> trackDirty = Argument.flag(
            spec,
            "--track-dirty",
            "Track the pages that VMs write, for diffs that are written while they run (see --control).");

    private final Argument<Path> workingSet = Argument.option(
            spec,
            "--working-set",
            "FILE",
            Values.PATH,
            "Install the pages of this working set before they are asked for.");

    private final Argument<Integer> holdBack = Argument.option(
            spec,
            "--hold-back",
            "N",
            Values.INT,
            "" + WorkingSetOptions.SAMPLE,
            "Of N pages of the working set hold one back, to learn how many of the others are used; 0 for none"
                    + " (default: ${DEFAULT-VALUE}).");

    private final Argument<Path> record = Argument.option(
            spec,
            "--record",
            "FILE",
            Values.PATH,
            "Record what the first VM touches; for VM N a dot and N are appended.");

    private final Argument<Seconds> settle = Argument.option(
            spec,
            "--record-settle",
            "SECONDS",
            Seconds::parse,
            "0",
            "End a recording when for so long nothing new was touched; 0 for never (default:" + " ${DEFAULT-VALUE}).");

    private final Argument<Seconds> limit = Argument.option(
            spec,
            "--record-limit",
            "SECONDS",
            Seconds::parse,
            "0",
            "End a recording so long after its VM has connected; 0 for never (default: ${DEFAULT-VALUE}).");

    private final Argument<List<Integer>> peers = Argument.list(
            spec,
            "--peer-uid",
            "UID",
            Values.INT,
            "Users whose VMs are served, beside one's own; everybody may connect then, and others are refused.");

    private final Argument<Boolean> events = Argument.flag(
            spec, "--events", "Print every event as a line of JSON on standard output; --json is the same.");

    /** What is installed ahead. */
    enum Prefetch {
        /** Nothing: pages come when they are touched. */
        NONE,
        /** Everything, in the order of the file. */
        ALL
    }

    @Override
    public Integer call() throws IOException {
        check();
        ServerOptions options = new ServerOptions(
                socket.value(),
                snapshot.snapshot(),
                snapshot.bases(),
                state.optional(),
                takeOver.value(),
                onFailure.value(),
                prefetch.value() == Prefetch.ALL,
                new WorkingSetOptions(
                        workingSet.optional(),
                        holdBack.value(),
                        record.optional(),
                        settle.value().duration(),
                        limit.value().duration()),
                Set.copyOf(peers.value()),
                new ServingOptions(
                        trackDirty.value(),
                        collapse.value(),
                        Duration.ofMillis(blockedAfter.value()),
                        Duration.ofMillis(retrySource.value()),
                        aheadLimit.value()));
        InetSocketAddress metricsAddress = !metrics.isPresent() ? null : address(metrics.value());
        Duration patience = takeOver.value() ? PATIENCE : Duration.ZERO;
        try (PageServer server = PageServer.open(options, this::print);
                ControlEndpoint commands =
                        !control.isPresent() ? null : ControlEndpoint.listen(server, control.value(), patience);
                MetricsEndpoint answering =
                        metricsAddress == null ? null : MetricsEndpoint.listen(server, metricsAddress, patience)) {
            return serve(server, commands, answering);
        }
    }

    private void check() {
        if (takeOver.value() && !state.isPresent()) {
            throw new ParameterException(spec.commandLine(), "--take-over needs the --state of the living server");
        }
        if (record.isPresent() && prefetch.value() == Prefetch.ALL) {
            throw new ParameterException(
                    spec.commandLine(), "--record: with --prefetch all nothing is left that a VM could ask for");
        }
        if (holdBack.value() < 0) {
            throw new ParameterException(spec.commandLine(), "--hold-back: " + holdBack.value() + " is negative");
        }
        if (collapse.value() && prefetch.value() != Prefetch.ALL) {
            throw new ParameterException(spec.commandLine(), "--collapse needs --prefetch all");
        }
        if (collapse.value() && trackDirty.value()) {
            throw new ParameterException(spec.commandLine(), "--collapse and --track-dirty exclude each other");
        }
        if (blockedAfter.value() <= 0 || blockedAfter.value() > LONGEST_MILLIS) {
            throw new ParameterException(spec.commandLine(), "--blocked-after takes 1 to " + LONGEST_MILLIS);
        }
        if (retrySource.value() < 0 || retrySource.value() > LONGEST_MILLIS) {
            throw new ParameterException(spec.commandLine(), "--retry-source takes 0 to " + LONGEST_MILLIS);
        }
        if (aheadLimit.value() < 1 || aheadLimit.value() > MOST_PERCENT) {
            throw new ParameterException(spec.commandLine(), "--ahead-limit takes 1 to " + MOST_PERCENT);
        }
    }

    private InetSocketAddress address(String text) {
        try {
            URI uri = new URI("http://" + text);
            if (uri.getHost() != null && uri.getPort() >= 0 && uri.getPort() <= MOST_PORT) {
                return new InetSocketAddress(uri.getHost(), uri.getPort());
            }
        } catch (URISyntaxException _) {
            // As below.
        }
        throw new ParameterException(spec.commandLine(), "--metrics takes HOST:PORT, not '" + text + "'");
    }

    private int serve(PageServer server, @Nullable ControlEndpoint commands, @Nullable MetricsEndpoint answering) {
        Thread drain = Thread.ofPlatform().name("drain").unstarted(() -> {
            int status = drain(server);
            if (commands != null) {
                commands.close();
            }
            spec.commandLine().getOut().flush();
            Main.halt(status);
        });
        Runtime.getRuntime().addShutdownHook(drain);
        PrintWriter err = spec.commandLine().getErr();
        if (answering != null) {
            InetSocketAddress address = answering.address();
            err.println("metrics http://" + address.getHostString() + ":" + address.getPort() + "/metrics");
        }
        err.println("ready " + socket.value());
        server.serve();
        try {
            Runtime.getRuntime().removeShutdownHook(drain);
        } catch (IllegalStateException signal) {
            ended(drain);
        }
        return server.leavesVms() ? ExitStatus.NO : ExitStatus.DONE;
    }

    private int drain(PageServer server) {
        try {
            return server.drain() ? ExitStatus.DONE : ExitStatus.NO;
        } catch (IOException failed) {
            spec.commandLine().getErr().println("guestmem: " + failed);
            return ExitStatus.IO;
        }
    }

    /** A signal has come, and the hook ends the process. */
    static void ended(Thread drain) {
        try {
            drain.join();
        } catch (InterruptedException _) {
            Thread.currentThread().interrupt();
        }
    }

    private void print(ServerEvent event) {
        PrintWriter out = spec.commandLine().getOut();
        String kind = event.kind().name().toLowerCase(Locale.ROOT);
        if (events.value() || output.json()) {
            synchronized (out) {
                JsonResult.line(out, json -> {
                    json.writeStringProperty("event", kind);
                    json.writeNumberProperty("vm", event.vm());
                    if (!event.text().isEmpty()) {
                        json.writeStringProperty("text", event.text());
                    }
                    new TreeMap<>(event.numbers()).forEach(json::writeNumberProperty);
                });
                out.flush();
            }
        } else {
            switch (event.kind()) {
                case REFUSED, FAILED, WARNING, BLOCKED, NOT_RECORDED ->
                    spec.commandLine()
                            .getErr()
                            .println("guestmem: " + kind + ": VM " + event.vm() + ": " + event.text());
                default -> {}
            }
        }
    }

    @Override
    public CommandSpec spec() {
        return spec;
    }
}
