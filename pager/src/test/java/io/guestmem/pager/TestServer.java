package io.guestmem.pager;

import static org.assertj.core.api.Assertions.assertThat;

import io.guestmem.linux.FaultScope;
import io.guestmem.linux.LinuxException;
import io.guestmem.linux.Userfaultfd;
import io.guestmem.pager.ServerEvent.Kind;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.junit.jupiter.api.Assumptions;

/** A page server in this process, with its events. */
final class TestServer implements AutoCloseable {
    private static final long LIMIT_NANOS = TimeUnit.SECONDS.toNanos(60);

    private final List<ServerEvent> events = new ArrayList<>();
    private final Consumer<ServerEvent> more;
    private final PageServer server;
    private final Thread thread;

    private TestServer(ServerOptions options, Consumer<ServerEvent> more) throws IOException {
        this.more = more;
        server = PageServer.open(options, this::add);
        thread = Thread.ofPlatform().name("server").daemon().start(server::serve);
    }

    static TestServer start(ServerOptions options) throws IOException {
        return start(options, _ -> {});
    }

    /** With something that is done with each event, on the thread that it comes from. */
    static TestServer start(ServerOptions options, Consumer<ServerEvent> more) throws IOException {
        try {
            Userfaultfd.open(FaultScope.USER_AND_KERNEL).close();
        } catch (LinuxException refused) {
            Assumptions.abort("no userfaultfd on this machine: " + refused.getMessage());
        }
        return new TestServer(options, more);
    }

    private void add(ServerEvent event) {
        synchronized (this) {
            events.add(event);
            notifyAll();
        }
        more.accept(event);
    }

    PageServer server() {
        return server;
    }

    /** Waits for an event about a VM. */
    ServerEvent await(Kind kind, int vm) throws InterruptedException {
        return await(kind, vm, "");
    }

    /** Waits for one whose text begins so. */
    synchronized ServerEvent await(Kind kind, int vm, String beginning) throws InterruptedException {
        long deadline = System.nanoTime() + LIMIT_NANOS;
        while (true) {
            for (ServerEvent event : events) {
                if (event.kind() == kind && event.vm() == vm && event.text().startsWith(beginning)) {
                    return event;
                }
            }
            long left = TimeUnit.NANOSECONDS.toMillis(deadline - System.nanoTime());
            assertThat(left).as(kind + " of VM " + vm + " among " + events).isPositive();
            wait(left);
        }
    }

    synchronized List<ServerEvent> events() {
        return List.copyOf(events);
    }

    /** Waits until the server accepts no more. */
    void awaitEnd() throws InterruptedException {
        thread.join(TimeUnit.NANOSECONDS.toMillis(LIMIT_NANOS));
        assertThat(thread.isAlive()).as("still accepts").isFalse();
    }

    @Override
    public void close() throws IOException {
        server.close();
    }
}
