package io.guestmem.lab;

import java.io.EOFException;
import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.HexFormat;
import java.util.List;

/**
 * Stops a machine at one address: QEMU's port for a debugger, in gdb's remote protocol ({@code $BODY#SUM}, acknowledged with
 * {@code +}). Used by one thread; {@link #close} by any, which ends what waits.
 */
final class GuestBreakpoint implements AutoCloseable {
    private final ServerSocketChannel listener;
    private final Path path;

    private GuestBreakpoint(ServerSocketChannel listener, Path path) {
        this.listener = listener;
        this.path = path;
    }

    /** Listens on a path that does not exist yet. */
    static GuestBreakpoint listen(Path path) throws IOException {
        ServerSocketChannel listener = ServerSocketChannel.open(StandardProtocolFamily.UNIX);
        try {
            listener.bind(UnixDomainSocketAddress.of(path));
        } catch (IOException failed) {
            listener.close();
            throw failed;
        }
        return new GuestBreakpoint(listener, path);
    }

    /** What QEMU is told: the machine stands still until the debugger lets it go. */
    List<String> arguments() {
        return List.of("-S", "-chardev", "socket,id=debugger,path=" + Machine.comma(path), "-gdb", "chardev:debugger");
    }

    /**
     * Lets the machine run until it is about to execute an address.
     *
     * @throws IOException if QEMU answers something else; {@link EOFException} if it ended, {@link
     *     java.nio.channels.ClosedChannelException} if this was closed before QEMU came
     */
    Stopped stopAt(long address) throws IOException {
        SocketChannel channel = listener.accept();
        try {
            Stopped stopped = new Stopped(channel, "1," + Long.toHexString(address) + ",1");
            ask(channel, "Z" + stopped.breakpoint, "OK");
            ask(channel, "c", "T05");
            return stopped;
        } catch (IOException failed) {
            channel.close();
            throw failed;
        }
    }

    /**
     * A machine that stands still; closing it lets it go for good.
     *
     * @param channel to the debugger's port
     * @param breakpoint where it stands, as the protocol says it
     */
    record Stopped(SocketChannel channel, String breakpoint) implements AutoCloseable {
        @Override
        public void close() throws IOException {
            try (channel) {
                ask(channel, "z" + breakpoint, "OK");
                ask(channel, "D", "OK");
            }
        }
    }

    private static void ask(SocketChannel channel, String body, String expected) throws IOException {
        int sum = body.chars().sum();
        write(channel, "$" + body + "#" + HexFormat.of().toHexDigits((byte) sum));
        String answer = read(channel);
        write(channel, "+");
        if (!answer.startsWith(expected)) {
            throw new IOException("QEMU's debugger port answers " + body + " with " + answer);
        }
    }

    private static String read(SocketChannel channel) throws IOException {
        StringBuilder body = new StringBuilder();
        while (next(channel) != '$') {
            // An acknowledgement.
        }
        for (char one = next(channel); one != '#'; one = next(channel)) {
            body.append(one);
        }
        next(channel);
        next(channel);
        return body.toString();
    }

    private static char next(SocketChannel channel) throws IOException {
        ByteBuffer one = ByteBuffer.allocate(1);
        if (channel.read(one) < 0) {
            throw new EOFException("QEMU closed its debugger port");
        }
        return (char) one.get(0);
    }

    private static void write(SocketChannel channel, String text) throws IOException {
        ByteBuffer bytes = ByteBuffer.wrap(text.getBytes(StandardCharsets.US_ASCII));
        while (bytes.hasRemaining()) {
            channel.write(bytes);
        }
    }

    @Override
    public void close() throws IOException {
        listener.close();
    }
}
