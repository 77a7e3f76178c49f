package io.guestmem.lab;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.spi.ToolProvider;

/** A small modular jar, compiled here, that says what it finds in the guest. */
final class ProbeJar {
    static final String MAIN = "probe/probe.Main";

    private static final String MODULE = "module probe { requires java.logging; }";

    private static final String SOURCE = """
            package probe;

            import java.io.File;
            import java.io.RandomAccessFile;
            import java.nio.file.Files;
            import java.nio.file.Path;
            import java.util.Random;

            public class Main {
                public static void main(String[] arguments) throws Exception {
                    switch (arguments[0]) {
                        case "report" -> report(arguments);
                        case "bytes" -> bytes(Long.parseLong(arguments[1]), Integer.parseInt(arguments[2]));
                        case "panic" -> Files.writeString(Path.of("/proc/sysrq-trigger"), "c");
                        default -> throw new IllegalArgumentException(arguments[0]);
                    }
                }

                private static void report(String[] arguments) throws Exception {
                    for (String argument : arguments) {
                        System.out.println("[" + argument + "]");
                    }
                    System.out.println("in lab " + System.getenv("GUESTMEM_IN_LAB") + ", X=" + System.getenv("X"));
                    System.out.println("terminal " + (System.console() != null && System.console().isTerminal()));
                    System.out.println("carried " + Files.readString(Path.of("/carried/in put")));
                    try (RandomAccessFile kvm = new RandomAccessFile("/dev/kvm", "r")) {
                        System.out.print("/dev/kvm opens");
                    }
                    System.err.print("the errors\\r\\n");
                    Files.createDirectories(Path.of("/out/sub"));
                    Files.writeString(new File("sub/report.html").toPath(), "<p>\\n");
                    System.exit(7);
                }

                private static void bytes(long seed, int count) throws Exception {
                    byte[] bytes = new byte[count];
                    new Random(seed).nextBytes(bytes);
                    System.out.write(bytes);
                    System.out.flush();
                    Files.write(Path.of("bytes"), bytes);
                }
            }
            """;

    private ProbeJar() {}

    /** Makes a directory with the jar in it. */
    static Path make(Path directory) throws IOException {
        Path sources = Files.createDirectories(directory.resolve("src"));
        Path classes = Files.createDirectories(directory.resolve("classes"));
        Path module = Files.writeString(sources.resolve("module-info.java"), MODULE);
        Path main = Files.writeString(sources.resolve("Main.java"), SOURCE);
        tool("javac", "-d", classes.toString(), module.toString(), main.toString());
        tool("jar", "--create", "--file", directory.resolve("probe.jar").toString(), "-C", classes.toString(), ".");
        return directory;
    }

    private static void tool(String name, String... arguments) throws IOException {
        ToolProvider tool = ToolProvider.findFirst(name).orElseThrow(() -> new IOException("this JDK has no " + name));
        int status = tool.run(System.out, System.err, arguments);
        if (status != 0) {
            throw new IOException(name + ": exit status " + status);
        }
    }
}
