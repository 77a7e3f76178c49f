package io.guestmem.lab;

import java.io.IOException;
import java.io.OutputStream;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.file.Path;
import java.util.concurrent.CompletableFuture;

/**
 * One serial port of the guest: a unix socket and a thread that copies what comes to a stream. Reading at once matters: QEMU
 * waits for a slow reader with the guest's CPU.
 */
final class GuestPort implements AutoCloseable {
    private final ServerSocketChannel listener;
    private final Thread thread;
    private final CompletableFuture<IOException> broken = new CompletableFuture<>();

    private GuestPort(ServerSocketChannel listener, OutputStream sink) {
        this.listener = listener;
        this.thread = Thread.ofPlatform().name("guestmem-lab-port").daemon().unstarted(() -> copy(sink));
    }

    /** Listens on a path that does not exist yet and copies to a stream, flushed after each piece. */
    static GuestPort listen(Path path, OutputStream sink) throws IOException {
        ServerSocketChannel listener = ServerSocketChannel.open(StandardProtocolFamily.UNIX);
        try {
            listener.bind(UnixDomainSocketAddress.of(path));
        } catch (IOException failed) {
            listener.close();
            throw failed;
        }
        GuestPort port = new GuestPort(listener, sink);
        port.thread.start();
        return port;
    }

    /** Completes when the stream can no longer be written; the rest of the port's bytes is then thrown away. */
    CompletableFuture<IOException> broken() {
        return broken;
    }

    /**
     * Waits until everything is copied. QEMU has ended: a connection it made is in the listener's queue at least.
     *
     * @throws IOException if the stream could not be written
     */
    void drain() throws IOException, InterruptedException {
        connectAndClose();
        thread.join();
        if (broken.isDone()) {
            throw new IOException("the output of the lab cannot be written", broken.join());
        }
    }

    @Override
    public void close() throws IOException {
        listener.close();
    }

    /** So that a thread still waiting for QEMU to connect sees an end; behind a connection of QEMU's it is never accepted. */
    private void connectAndClose() throws IOException {
        SocketChannel.open(listener.getLocalAddress()).close();
    }

    private void copy(OutputStream sink) {
        byte[] bytes = new byte[1 << 16];
        ByteBuffer buffer = ByteBuffer.wrap(bytes);
        try (SocketChannel channel = listener.accept()) {
            while (channel.read(buffer) >= 0) {
                forward(bytes, buffer.position(), sink);
                buffer.clear();
            }
        } catch (IOException closed) {
            broken.complete(closed);
        }
    }

    private void forward(byte[] bytes, int length, OutputStream sink) {
        if (!broken.isDone()) {
            try {
                sink.write(bytes, 0, length);
                sink.flush();
            } catch (IOException failed) {
                broken.complete(failed);
            }
        }
    }
}
