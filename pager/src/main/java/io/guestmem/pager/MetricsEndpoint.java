package io.guestmem.pager;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.io.OutputStream;
import java.net.BindException;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.time.Duration;

/**
 * Answers {@code GET /metrics} with {@link ServerControl#metrics}, and everything else with 404. Whoever can connect can read: there
 * is nothing of a guest's memory in it.
 */
public final class MetricsEndpoint implements AutoCloseable {
    private static final int OK = 200;
    private static final int NOT_FOUND = 404;
    private static final int METHOD_NOT_ALLOWED = 405;

    private final PageServer server;
    private final HttpServer http;

    private MetricsEndpoint(PageServer server, HttpServer http) {
        this.server = server;
        this.http = http;
    }

    /**
     * Listens.
     *
     * @param address port 0 is any that is free
     * @param patience how long to wait for whoever listens there, as a server that was taken over
     * @throws IOException if nobody can listen there
     */
    public static MetricsEndpoint listen(PageServer server, InetSocketAddress address, Duration patience)
            throws IOException {
        HttpServer http;
        try {
            http = Patience.whileInUse(patience, () -> HttpServer.create(address, 0));
        } catch (BindException refused) {
            throw new IOException("cannot listen at " + address + ": " + refused.getMessage(), refused);
        }
        MetricsEndpoint endpoint = new MetricsEndpoint(server, http);
        http.createContext("/", endpoint::answer);
        http.start();
        return endpoint;
    }

    /** Where it listens. */
    public InetSocketAddress address() {
        return http.getAddress();
    }

    private void answer(HttpExchange exchange) throws IOException {
        try (exchange) {
            if (!exchange.getRequestURI().getPath().equals("/metrics")) {
                exchange.sendResponseHeaders(NOT_FOUND, -1);
            } else if (!exchange.getRequestMethod().equals("GET")) {
                exchange.sendResponseHeaders(METHOD_NOT_ALLOWED, -1);
            } else {
                byte[] text = server.control().metrics().getBytes(StandardCharsets.UTF_8);
                exchange.getResponseHeaders().set("Content-Type", "text/plain; version=0.0.4; charset=utf-8");
                exchange.sendResponseHeaders(OK, text.length);
                try (OutputStream body = exchange.getResponseBody()) {
                    body.write(text);
                }
            }
        }
    }

    @Override
    public void close() {
        http.stop(0);
    }
}
