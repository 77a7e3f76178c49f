package io.guestmem.house;

import static org.assertj.core.api.Assertions.assertThat;

import io.guestmem.pager.mock.MockVmm;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;

/** A mock VMM on the class path of the tests, in a process of its own; closing it kills it. */
final class MockVmmProcess implements AutoCloseable {
    private final Process process;
    private final PrintStream orders;
    private final BufferedReader answers;

    private MockVmmProcess(Process process) {
        this.process = process;
        this.orders = new PrintStream(process.getOutputStream(), true, StandardCharsets.UTF_8);
        this.answers = new BufferedReader(new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8));
    }

    /** Starts one that has connected. */
    static MockVmmProcess start(Path socket, int pages, int holeEvery) throws IOException {
        MockVmmProcess vmm = new MockVmmProcess(new ProcessBuilder(List.of(
                        Guestmem.JAVA.toString(),
                        "-XX:+UseSerialGC",
                        "-Xmx256m",
                        "--enable-native-access=ALL-UNNAMED",
                        "--class-path",
                        System.getProperty("surefire.test.class.path", System.getProperty("java.class.path")),
                        MockVmm.class.getName(),
                        socket.toString(),
                        String.valueOf(pages),
                        String.valueOf(holeEvery)))
                .redirectError(ProcessBuilder.Redirect.INHERIT)
                .start());
        assertThat(vmm.answers.readLine()).isEqualTo("connected");
        return vmm;
    }

    /** Gives an order, whose answer is to be waited for. */
    void order(String order) {
        orders.println(order);
    }

    /** Waits until all of the orders given, so many, are done without complaint. */
    void awaitOk(int count) throws IOException {
        for (int i = 0; i < count; i++) {
            assertThat(answers.readLine()).isEqualTo("ok");
        }
    }

    @Override
    public void close() {
        process.destroyForcibly().onExit().join();
    }
}
