package io.guestmem.lab;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.EOFException;
import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.FutureTask;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** The conversation with QEMU's debugger port, with the test in QEMU's place. */
class GuestBreakpointTest {
    private Path directory;
    private GuestBreakpoint breakpoint;

    @BeforeEach
    void listen() throws IOException {
        directory = Files.createTempDirectory("lab-test-");
        breakpoint = GuestBreakpoint.listen(directory.resolve("debugger"));
    }

    @AfterEach
    void close() throws IOException {
        breakpoint.close();
        LabCache.delete(directory);
    }

    /** Stops at 0x100000 and lets go, in a thread of its own. */
    private FutureTask<Void> stopAndGo() {
        FutureTask<Void> task = new FutureTask<>(() -> {
            breakpoint.stopAt(0x100000).close();
            return null;
        });
        Thread.ofPlatform().name("lab-test-debugger").start(task);
        return task;
    }

    private SocketChannel connect() throws IOException {
        SocketChannel channel = SocketChannel.open(StandardProtocolFamily.UNIX);
        channel.connect(UnixDomainSocketAddress.of(directory.resolve("debugger")));
        return channel;
    }

    private static void expect(SocketChannel channel, String text) throws IOException {
        ByteBuffer read = ByteBuffer.allocate(text.length());
        while (read.hasRemaining() && channel.read(read) >= 0) {
            // The rest of it.
        }
        assertThat(new String(read.array(), 0, read.position(), StandardCharsets.US_ASCII))
                .isEqualTo(text);
    }

    private static void say(SocketChannel channel, String text) throws IOException {
        channel.write(ByteBuffer.wrap(text.getBytes(StandardCharsets.US_ASCII)));
    }

    /** As QEMU 7.2 says it. */
    @Test
    void theMachineStopsOnceAndGoesOnForGood() throws Exception {
        FutureTask<Void> task = stopAndGo();
        try (SocketChannel qemu = connect()) {
            expect(qemu, "$Z1,100000,1#35");
            say(qemu, "+$OK#9a");
            expect(qemu, "+$c#63");
            say(qemu, "+");
            say(qemu, "$T05thread:01;#07");
            expect(qemu, "+$z1,100000,1#55");
            say(qemu, "+$OK#9a");
            expect(qemu, "+$D#44");
            say(qemu, "+$OK#9a");
            expect(qemu, "+");
        }
        task.get();
    }

    @Test
    void aRefusalAndAnEndAreErrors() throws Exception {
        FutureTask<Void> refused = stopAndGo();
        try (SocketChannel qemu = connect()) {
            expect(qemu, "$Z1,100000,1#35");
            say(qemu, "+$E22#a9");
            assertThatThrownBy(refused::get)
                    .hasRootCauseInstanceOf(IOException.class)
                    .hasRootCauseMessage("QEMU's debugger port answers Z1,100000,1 with E22");
        }

        FutureTask<Void> ended = stopAndGo();
        try (SocketChannel qemu = connect()) {
            expect(qemu, "$Z1,100000,1#35");
        }
        assertThatThrownBy(ended::get).hasRootCauseInstanceOf(EOFException.class);
    }

    @Test
    void closingEndsTheWaitForQemu() throws Exception {
        FutureTask<Void> task = stopAndGo();

        breakpoint.close();

        assertThatThrownBy(task::get).cause().isInstanceOf(ClosedChannelException.class);
    }

    @Test
    void qemuIsToldToStandStillAndWhereToConnect() {
        assertThat(breakpoint.arguments())
                .isEqualTo(List.of(
                        "-S",
                        "-chardev",
                        "socket,id=debugger,path=" + directory.resolve("debugger"),
                        "-gdb",
                        "chardev:debugger"));
    }
}
