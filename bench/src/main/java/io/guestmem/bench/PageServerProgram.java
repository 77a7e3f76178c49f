package io.guestmem.bench;

import com.sun.management.ThreadMXBean;
import io.guestmem.pager.PageServer;
import io.guestmem.pager.ServerEvent;
import io.guestmem.pager.ServerOptions;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/**
 * Our side of the page server's benchmarks: {@code SOCKET SNAPSHOT none|all [STATE [take-over]]}. Ends when its standard input does.
 *
 * <pre>{@code
 * listening
 * recovered BEGAN MICROS      when it began to take VMs back, on CLOCK_MONOTONIC, and how long after that all were woken
 * detached FAULTS ALLOCATED   bytes that the VM's event thread has allocated since it began to serve
 * }</pre>
 */
public final class PageServerProgram {
    private static final ThreadMXBean THREADS = (ThreadMXBean) ManagementFactory.getThreadMXBean();

    /** What threads had allocated when they began to serve. */
    private final Map<Thread, Long> allocated = new ConcurrentHashMap<>();

    private PageServerProgram() {}

    /** The same Java with the options of the launcher for {@code serve}, and the modules or class path of this process. */
    static List<String> command(Object... arguments) {
        List<String> command = new ArrayList<>(List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-XX:+UseSerialGC",
                "-Xms16m",
                "-Xmn8m",
                "-Xmx256m",
                "--enable-native-access=ALL-UNNAMED"));
        String main = PageServerProgram.class.getName();
        Module module = PageServerProgram.class.getModule();
        if (module.isNamed()) {
            command.add("--enable-native-access=io.guestmem.linux");
            command.addAll(List.of("--module-path", System.getProperty("jdk.module.path", "")));
            command.addAll(List.of("--module", module.getName() + "/" + main));
        } else {
            command.addAll(List.of("--class-path", System.getProperty("java.class.path", ""), main));
        }
        for (Object argument : arguments) {
            command.add(argument.toString());
        }
        return command;
    }

    /**
     * Runs it.
     *
     * @param arguments socket, snapshot, and more as above
     */
    public static void main(String[] arguments) throws IOException {
        ServerOptions options = ServerOptions.of(Path.of(arguments[0]), Path.of(arguments[1]));
        if (arguments[2].equals("all")) {
            options = options.prefetching();
        }
        if (arguments.length > 3) {
            options = options.state(Path.of(arguments[3]), arguments.length > 4);
        }
        PageServerProgram program = new PageServerProgram();
        try (PageServer server = PageServer.open(options, program::print)) {
            Thread.ofPlatform().name("end").daemon().start(() -> endWithInput(server));
            server.serve();
        }
    }

    private static void endWithInput(PageServer server) {
        try (server) {
            while (System.in.read() >= 0) {
                // Nothing is said there.
            }
        } catch (IOException failed) {
            System.err.println(failed);
        }
    }

    private void print(ServerEvent event) {
        Thread thread = Thread.currentThread();
        switch (event.kind()) {
            case LISTENING -> System.out.println("listening");
            case RECOVERED ->
                System.out.println("recovered " + event.numbers().get("began") + " "
                        + event.numbers().get("micros"));
            case ATTACHED -> allocated.put(thread, THREADS.getCurrentThreadAllocatedBytes());
            case DETACHED -> {
                long now = THREADS.getCurrentThreadAllocatedBytes();
                Long before = allocated.remove(thread);
                System.out.println(
                        "detached " + event.numbers().get("faults") + " " + (before == null ? 0 : now - before));
            }
            case REFUSED, FAILED, WARNING -> System.err.println(event);
            default -> {}
        }
    }
}
