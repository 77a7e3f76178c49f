package io.guestmem.vmm.demo;

import io.guestmem.linux.Errno;
import io.guestmem.linux.FileDescriptor;
import io.guestmem.linux.InstallMode;
import io.guestmem.linux.InstallResult;
import io.guestmem.linux.LinuxException;
import io.guestmem.linux.MappedMemory;
import io.guestmem.linux.Mapping;
import io.guestmem.linux.Poll;
import io.guestmem.linux.PollEvents;
import io.guestmem.linux.Protection;
import io.guestmem.linux.Sharing;
import io.guestmem.linux.UnixSocket;
import io.guestmem.linux.Userfaultfd;
import io.guestmem.linux.UserfaultfdEvents;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;

/**
 * The second process of the demonstration: it fills the first one's guest memory from a file, through a userfaultfd.
 *
 * <pre>{@code
 * first                                    second
 *   serve ADDRESS MEMORY CONTENT  + userfaultfd, file  →
 *                                          ←  ready
 *   populate  →                            copies everything
 *                                          ←  populated BYTES  |  failed REASON
 *   (the guest touches a page)             copies the page
 *   count  →                               ←  served FAULTS  |  failed REASON
 *   (closes)                               ends
 * }</pre>
 */
public final class FaultServer {
    private static final long PIECE = 2 << 20;
    private static final long CHANGING_LIMIT_NANOS = TimeUnit.SECONDS.toNanos(10);

    private final CommandChannel channel;
    private final Userfaultfd userfaultfd;
    private final long address;
    private final long memory;
    private final long contentPages;
    private final Mapping source;
    private long served;

    private FaultServer(CommandChannel channel, Userfaultfd userfaultfd, long[] ranges, Mapping source) {
        this.channel = channel;
        this.userfaultfd = userfaultfd;
        this.address = ranges[0];
        this.memory = ranges[1];
        this.contentPages = source.length();
        this.source = source;
    }

    /**
     * Serves one guest and ends when the first process closes the connection.
     *
     * @param arguments the path of the first process's socket
     */
    public static void main(String[] arguments) {
        try (CommandChannel channel = new CommandChannel(UnixSocket.connect(Path.of(arguments[0])))) {
            Optional<CommandChannel.Message> order = channel.receive();
            if (order.isPresent()) {
                serve(channel, order.get());
            }
        }
    }

    private static void serve(CommandChannel channel, CommandChannel.Message order) {
        List<FileDescriptor> passed = order.descriptors();
        long[] ranges =
                order.words().stream().skip(1).mapToLong(Long::parseLong).toArray();
        long contentPages = Math.ceilDiv(ranges[2], MappedMemory.PAGE_SIZE) * MappedMemory.PAGE_SIZE;
        try (Userfaultfd userfaultfd = Userfaultfd.adopt(passed.get(0));
                FileDescriptor file = passed.get(1);
                Mapping source = Mapping.of(file, 0, contentPages, Protection.READ, Sharing.PRIVATE);
                UserfaultfdEvents events = new UserfaultfdEvents()) {
            FaultServer server = new FaultServer(channel, userfaultfd, ranges, source);
            channel.send("ready");
            server.serve(events);
        }
    }

    private void serve(UserfaultfdEvents events) {
        try {
            loop(events);
        } catch (LinuxException failed) {
            // The guest waits for a page that will not come. Without the userfaultfd it goes on over zeroes, and the
            // other process hears that they are wrong.
            userfaultfd.close();
            while (channel.receive().isPresent()) {
                channel.send("failed " + failed.getMessage());
            }
        }
    }

    private void loop(UserfaultfdEvents events) {
        List<Poll.Interest> interests = List.of(
                new Poll.Interest(channel.socket().descriptor(), PollEvents.READABLE),
                new Poll.Interest(userfaultfd.descriptor(), PollEvents.READABLE));
        while (true) {
            List<PollEvents> ready = Poll.await(interests, -1);
            if (ready.get(1).isReadable()) {
                serveFaults(events);
            } else if (!ready.get(0).isEmpty() && !answer()) {
                return;
            }
        }
    }

    private boolean answer() {
        Optional<CommandChannel.Message> message = channel.receive();
        if (message.isEmpty()) {
            return false;
        }
        switch (message.get().words().getFirst()) {
            case "populate" -> channel.send(populate());
            case "count" -> channel.send("served " + served);
            default -> channel.send("failed unknown order " + message.get().words());
        }
        return true;
    }

    private String populate() {
        try {
            for (long at = 0; at < memory; ) {
                long end = at < contentPages ? contentPages : memory;
                at += install(at, Math.min(PIECE, end - at));
            }
            return "populated " + memory;
        } catch (LinuxException failed) {
            return "failed " + failed.getMessage();
        }
    }

    private void serveFaults(UserfaultfdEvents events) {
        int count = events.read(userfaultfd);
        for (int i = 0; i < count; i++) {
            if (events.kind(i) == UserfaultfdEvents.PAGE_FAULT) {
                long page = (events.address(i) - address) & -MappedMemory.PAGE_SIZE;
                install(page, MappedMemory.PAGE_SIZE);
                served++;
            }
        }
    }

    /** Puts a part of the content, or zeroes, into guest memory; returns how many bytes are there now. */
    private long install(long at, long length) {
        long deadline = System.nanoTime() + CHANGING_LIMIT_NANOS;
        while (true) {
            InstallResult result = at < contentPages
                    ? userfaultfd.copy(address + at, source.address() + at, length, InstallMode.WAKE)
                    : userfaultfd.zeropage(address + at, length, InstallMode.WAKE);
            switch (result) {
                case InstallResult.Complete(long bytes) -> {
                    return bytes;
                }
                case InstallResult.Partial(long bytes) -> {
                    return bytes;
                }
                case InstallResult.AlreadyPresent _ -> {
                    userfaultfd.wake(address + at, MappedMemory.PAGE_SIZE);
                    return MappedMemory.PAGE_SIZE;
                }
                case InstallResult.Changing _ when System.nanoTime() < deadline -> Thread.onSpinWait();
                case InstallResult.Changing _ -> throw failure(Errno.EAGAIN, at);
                case InstallResult.NotRegistered _ -> throw failure(Errno.ENOENT, at);
                case InstallResult.Gone _ -> throw failure(Errno.ESRCH, at);
                case InstallResult.OutOfMemory _ -> throw failure(Errno.ENOMEM, at);
                case InstallResult.Refused(Errno errno) -> throw failure(errno, at);
            }
        }
    }

    private static LinuxException failure(Errno errno, long at) {
        return new LinuxException("UFFDIO_COPY", errno, "at 0x" + Long.toHexString(at) + " of the file");
    }
}
