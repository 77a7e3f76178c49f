package io.guestmem.pager;

import static org.assertj.core.api.Assertions.assertThat;

import io.guestmem.linux.MappedMemory;
import io.guestmem.pager.mock.MockVmm;
import java.io.BufferedReader;
import java.io.File;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.stream.Stream;

/** A mock VMM in a process of its own. Closing it kills it. */
final class MockVmmProcess implements AutoCloseable {
    private static final long LIMIT_SECONDS = 60;

    private final Process process;
    private final PrintStream orders;
    private final BufferedReader answers;

    private MockVmmProcess(Process process) {
        this.process = process;
        this.orders = new PrintStream(process.getOutputStream(), true, StandardCharsets.UTF_8);
        this.answers = new BufferedReader(new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8));
    }

    /** Starts one and waits until it has connected. */
    static MockVmmProcess start(Path socket, int pages, int holeEvery) throws Exception {
        return start(socket, pages, holeEvery, MappedMemory.PAGE_SIZE);
    }

    /** The same with pages of another size in its memory. */
    static MockVmmProcess start(Path socket, int pages, int holeEvery, long pageSize) throws Exception {
        Process process = java(
                MockVmm.class,
                socket.toString(),
                String.valueOf(pages),
                String.valueOf(holeEvery),
                String.valueOf(pageSize));
        MockVmmProcess vmm = new MockVmmProcess(process);
        assertThat(vmm.answer().get(LIMIT_SECONDS, TimeUnit.SECONDS)).isEqualTo("connected");
        return vmm;
    }

    /** A class of the tests' class path in another JVM, with standard error inherited. */
    static Process java(Class<?> main, String... arguments) throws IOException {
        List<String> command = new ArrayList<>(List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-XX:TieredStopAtLevel=1",
                "-XX:+UseSerialGC",
                "-Xmx64m",
                "--enable-native-access=ALL-UNNAMED",
                "--class-path",
                classPath(),
                main.getName()));
        command.addAll(List.of(arguments));
        return new ProcessBuilder(command)
                .redirectError(ProcessBuilder.Redirect.INHERIT)
                .start();
    }

    private static String classPath() {
        String modules = System.getProperty("jdk.module.path", "");
        return System.getProperty("java.class.path", "")
                + File.pathSeparator
                + modules
                + File.pathSeparator
                + System.getProperty("surefire.test.class.path", "");
    }

    /** Gives an order; the answer comes when it is done. */
    CompletableFuture<String> order(String order) {
        orders.println(order);
        return answer();
    }

    /** Gives orders that are done one after the other. */
    List<CompletableFuture<String>> orders(List<String> several) {
        several.forEach(orders::println);
        return answers(several.size());
    }

    private CompletableFuture<String> answer() {
        return answers(1).getFirst();
    }

    private List<CompletableFuture<String>> answers(int count) {
        List<CompletableFuture<String>> expected =
                Stream.generate(CompletableFuture<String>::new).limit(count).toList();
        Thread.ofPlatform().name("answers of a mock VMM").daemon().start(() -> {
            for (CompletableFuture<String> answer : expected) {
                try {
                    answer.complete(answers.readLine());
                } catch (IOException failed) {
                    answer.completeExceptionally(failed);
                }
            }
        });
        return expected;
    }

    /** Gives an order that must be done without complaint. */
    void expectOk(String order) throws InterruptedException, ExecutionException, TimeoutException {
        assertThat(order(order).get(LIMIT_SECONDS, TimeUnit.SECONDS)).as(order).isEqualTo("ok");
    }

    Process process() {
        return process;
    }

    void kill() {
        process.destroyForcibly().onExit().join();
    }

    @Override
    public void close() {
        kill();
    }
}
