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
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** {@code guestmem serve}: the page server. */
@Command(
        name = "serve",
        header = "Give resuming microVMs their memory from a snapshot, through userfaultfd.",
        description = {
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
            ""
        })
final class ServeCommand implements Callable<Integer> {
    private static final Duration PATIENCE = Duration.ofSeconds(10);
    private static final long LONGEST_MILLIS = Duration.ofDays(1).toMillis();
    private static final int MOST_PORT = 65535;
    private static final int MOST_PERCENT = 100;

    @Spec
    private CommandSpec spec;

    @Mixin
    private OutputOptions output;

    @Option(names = "--socket", required = true, paramLabel = "PATH", description = "Where VMs connect.")
    private Path socket;

    @Mixin
    private SnapshotOptions snapshot;

    @Option(
            names = "--state",
            paramLabel = "DIR",
            description = "Journal and page states: a server started on those of a dead one takes its VMs back.")
    private @Nullable Path state;

    @Option(names = "--take-over", description = "Take the VMs of the living server on --state over.")
    private boolean takeOver;

    @Option(
            names = "--on-failure",
            paramLabel = "WHAT",
            defaultValue = "kill",
            description = "When a page cannot be had: poison the page, kill the VM, or let the vCPU hang"
                    + " (default: ${DEFAULT-VALUE}).")
    private FailurePolicy onFailure;

    @Option(
            names = "--prefetch",
            paramLabel = "WHAT",
            defaultValue = "none",
            description = "What is installed before it is asked for: none or all (default: ${DEFAULT-VALUE}).")
    private Prefetch prefetch;

    @Option(
            names = "--collapse",
            description = "Make huge pages of a VM's memory when all of it was prefetched (--prefetch all).")
    private boolean collapse;

    @Option(
            names = "--blocked-after",
            paramLabel = "MILLIS",
            defaultValue = "5000",
            description = "Say so when threads of a VM wait for so long and none of its faults is resolved"
                    + " (default: ${DEFAULT-VALUE}).")
    private long blockedAfter;

    @Option(
            names = "--retry-source",
            paramLabel = "MILLIS",
            defaultValue = "1000",
            description = "For so long content that cannot be read is tried again before --on-failure holds; 0 for not"
                    + " again (default: ${DEFAULT-VALUE}).")
    private long retrySource;

    @Option(
            names = "--ahead-limit",
            paramLabel = "PERCENT",
            defaultValue = "" + ServingOptions.AHEAD_PERCENT,
            description = "Install nothing ahead of demand when so much of the memory that the control groups of a VM"
                    + " allow it is in use (default: ${DEFAULT-VALUE}).")
    private int aheadLimit;

    @Option(
            names = "--control",
            paramLabel = "PATH",
            description =
                    "A socket for commands, one a line: list, diff VM FILE, collapse VM, prefetch VM, end-recording VM,"
                            + " release VM, drain.")
    private @Nullable Path control;

    @Option(
            names = "--metrics",
            paramLabel = "HOST:PORT",
            description = "Where http://HOST:PORT/metrics answers in the text format of Prometheus; port 0 is any.")
    private @Nullable String metrics;

    @Option(
            names = "--track-dirty",
            description = "Track the pages that VMs write, for diffs that are written while they run (see --control).")
    private boolean trackDirty;

    @Option(
            names = "--working-set",
            paramLabel = "FILE",
            description = "Install the pages of this working set before they are asked for.")
    private @Nullable Path workingSet;

    @Option(
            names = "--hold-back",
            paramLabel = "N",
            defaultValue = "" + WorkingSetOptions.SAMPLE,
            description =
                    "Of N pages of the working set hold one back, to learn how many of the others are used; 0 for none"
                            + " (default: ${DEFAULT-VALUE}).")
    private int holdBack;

    @Option(
            names = "--record",
            paramLabel = "FILE",
            description = "Record what the first VM touches; for VM N a dot and N are appended.")
    private @Nullable Path record;

    @Option(
            names = "--record-settle",
            paramLabel = "SECONDS",
            defaultValue = "0",
            description = "End a recording when for so long nothing new was touched; 0 for never (default:"
                    + " ${DEFAULT-VALUE}).")
    private Seconds settle;

    @Option(
            names = "--record-limit",
            paramLabel = "SECONDS",
            defaultValue = "0",
            description =
                    "End a recording so long after its VM has connected; 0 for never (default: ${DEFAULT-VALUE}).")
    private Seconds limit;

    @Option(
            names = "--peer-uid",
            paramLabel = "UID",
            split = ",",
            description =
                    "Users whose VMs are served, beside one's own; everybody may connect then, and others are refused.")
    private Set<Integer> peers = Set.of();

    @Option(
            names = "--events",
            description = "Print every event as a line of JSON on standard output; --json is the same.")
    private boolean events;

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
                socket,
                snapshot.snapshot(),
                snapshot.bases(),
                Optional.ofNullable(state),
                takeOver,
                onFailure,
                prefetch == Prefetch.ALL,
                new WorkingSetOptions(
                        Optional.ofNullable(workingSet),
                        holdBack,
                        Optional.ofNullable(record),
                        settle.duration(),
                        limit.duration()),
                peers,
                new ServingOptions(
                        trackDirty,
                        collapse,
                        Duration.ofMillis(blockedAfter),
                        Duration.ofMillis(retrySource),
                        aheadLimit));
        InetSocketAddress metricsAddress = metrics == null ? null : address(metrics);
        Duration patience = takeOver ? PATIENCE : Duration.ZERO;
        try (PageServer server = PageServer.open(options, this::print);
                ControlEndpoint commands = control == null ? null : ControlEndpoint.listen(server, control, patience);
                MetricsEndpoint answering =
                        metricsAddress == null ? null : MetricsEndpoint.listen(server, metricsAddress, patience)) {
            return serve(server, commands, answering);
        }
    }

    private void check() {
        if (takeOver && state == null) {
            throw new ParameterException(spec.commandLine(), "--take-over needs the --state of the living server");
        }
        if (record != null && prefetch == Prefetch.ALL) {
            throw new ParameterException(
                    spec.commandLine(), "--record: with --prefetch all nothing is left that a VM could ask for");
        }
        if (holdBack < 0) {
            throw new ParameterException(spec.commandLine(), "--hold-back: " + holdBack + " is negative");
        }
        if (collapse && prefetch != Prefetch.ALL) {
            throw new ParameterException(spec.commandLine(), "--collapse needs --prefetch all");
        }
        if (collapse && trackDirty) {
            throw new ParameterException(spec.commandLine(), "--collapse and --track-dirty exclude each other");
        }
        if (blockedAfter <= 0 || blockedAfter > LONGEST_MILLIS) {
            throw new ParameterException(spec.commandLine(), "--blocked-after takes 1 to " + LONGEST_MILLIS);
        }
        if (retrySource < 0 || retrySource > LONGEST_MILLIS) {
            throw new ParameterException(spec.commandLine(), "--retry-source takes 0 to " + LONGEST_MILLIS);
        }
        if (aheadLimit < 1 || aheadLimit > MOST_PERCENT) {
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
        err.println("ready " + socket);
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
        if (events || output.json()) {
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
}
