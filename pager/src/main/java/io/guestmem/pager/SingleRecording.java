package io.guestmem.pager;

import io.guestmem.pager.ServerEvent.Kind;
import java.io.IOException;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.function.Consumer;

/**
 * A server that records one VM, gives it the rest of its memory, and ends. Thread-safe.
 *
 * <p>The options say where the recording goes and when it ends; it also ends with the VM, and at {@link #stop}.
 */
public final class SingleRecording implements AutoCloseable {
    private static final int FIRST = 1;

    private final CompletableFuture<Optional<ServerEvent>> ended = new CompletableFuture<>();
    private final PageServer server;
    private final Thread serving;

    /**
     * How it ended.
     *
     * @param recording the event RECORDED or NOT_RECORDED; empty if nobody connected
     * @param released whether no VM needs a server any more
     */
    public record Outcome(Optional<ServerEvent> recording, boolean released) {}

    private SingleRecording(ServerOptions options, Consumer<ServerEvent> events) throws IOException {
        server = PageServer.open(options, event -> {
            events.accept(event);
            if (event.vm() == FIRST && (event.kind() == Kind.RECORDED || event.kind() == Kind.NOT_RECORDED)) {
                ended.complete(Optional.of(event));
            }
        });
        serving = Thread.ofPlatform().name("server").daemon().start(server::serve);
    }

    /**
     * Listens.
     *
     * @param options with a recording
     * @param events gets every event, on any thread
     * @throws IOException and all else as {@link PageServer#open}
     */
    public static SingleRecording open(ServerOptions options, Consumer<ServerEvent> events) throws IOException {
        if (options.workingSet().record().isEmpty()) {
            throw new IllegalArgumentException("no recording is wanted");
        }
        return new SingleRecording(options, events);
    }

    /**
     * Waits for the end of the recording, then until every VM has all of its memory.
     *
     * @throws IOException if a socket cannot be removed
     */
    public Outcome await() throws IOException {
        Optional<ServerEvent> recording = ended.join();
        return new Outcome(recording, server.drain());
    }

    /** Ends the recording now. */
    public void stop() {
        server.endRecording(FIRST);
        ended.complete(Optional.empty());
    }

    @Override
    public void close() throws IOException {
        server.close();
        ServedVm.join(serving);
    }
}
