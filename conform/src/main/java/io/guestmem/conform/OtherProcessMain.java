package io.guestmem.conform;

import io.guestmem.linux.FileDescriptor;
import io.guestmem.linux.LinuxException;
import io.guestmem.linux.Mapping;
import io.guestmem.linux.Protection;
import io.guestmem.linux.ReceiveResult;
import io.guestmem.linux.Sharing;
import io.guestmem.linux.UnixSocket;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.HexFormat;
import java.util.List;

/**
 * A process that gets descriptors of KVM's files and does with them what it is told, one order a line on its standard input, one
 * result a line on its standard output: {@code =} and 0 or more, or a negated errno.
 *
 * <pre>{@code
 * ioctl FILE REQUEST HEX      HEX is the struct; none is a null pointer
 * allocate FILE MODE OFFSET LENGTH
 * store FILE VALUE            maps the first page, shared, and stores 8 bytes
 * }</pre>
 */
public final class OtherProcessMain {
    /** How a line with a result begins. */
    static final String ANSWER = "=";

    private OtherProcessMain() {}

    /**
     * Serves until its input ends.
     *
     * @param arguments the path of the socket that the descriptors come from, and their number
     */
    public static void main(String[] arguments) throws IOException {
        List<FileDescriptor> files = receive(Path.of(arguments[0]), Integer.parseInt(arguments[1]));
        BufferedReader orders = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String order = orders.readLine(); order != null; order = orders.readLine()) {
            System.out.println(ANSWER + obey(order.split(" ", -1), files));
        }
    }

    private static List<FileDescriptor> receive(Path path, int count) {
        try (UnixSocket socket = UnixSocket.connect(path);
                Arena arena = Arena.ofConfined()) {
            return switch (socket.receive(arena.allocate(1), count)) {
                case ReceiveResult.Received received -> received.descriptors();
                case ReceiveResult.EndOfStream _ -> throw new IllegalStateException("no descriptors came");
                case ReceiveResult.Refused refused -> throw new LinuxException("recvmsg", refused.errno());
            };
        }
    }

    private static long obey(String[] order, List<FileDescriptor> files) {
        FileDescriptor file = files.get(Integer.parseInt(order[1]));
        return switch (order[0]) {
            case "ioctl" ->
                ioctl(file, Integer.parseInt(order[2]), HexFormat.of().parseHex(order[3]));
            case "allocate" ->
                file.allocate(Integer.parseInt(order[2]), Long.parseLong(order[3]), Long.parseLong(order[4]));
            case "store" -> store(file, Long.parseLong(order[2]));
            default -> throw new IllegalArgumentException(order[0]);
        };
    }

    private static long ioctl(FileDescriptor file, int request, byte[] struct) {
        if (struct.length == 0) {
            return file.ioctl(request, 0);
        }
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment argument = arena.allocate(struct.length, Long.BYTES);
            MemorySegment.copy(struct, 0, argument, ValueLayout.JAVA_BYTE, 0, struct.length);
            return file.ioctl(request, argument);
        }
    }

    private static long store(FileDescriptor file, long value) {
        try (Mapping page = Mapping.of(file, 0, Numbers.PAGE, Protection.READ_WRITE, Sharing.SHARED)) {
            page.segment().set(ValueLayout.JAVA_LONG, 0, value);
            return 0;
        } catch (LinuxException refused) {
            return -refused.errno().number();
        }
    }
}
