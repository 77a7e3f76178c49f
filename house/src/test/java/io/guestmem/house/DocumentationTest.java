package io.guestmem.house;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.abort;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.guestmem.lab.LabKernel;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.io.TempDir;

/** Everything that the documents show is run, and prints what they say. */
class DocumentationTest {
    /** Between the outputs of the commands of a block. */
    private static final String MARK = "==== next command ====";

    @TempDir
    private Path directory;

    @TestFactory
    Stream<DynamicTest> everyExampleOfTheDocumentsWorks() throws IOException {
        List<ConsoleBlock> blocks = new ArrayList<>();
        for (Path document : Checkout.files()) {
            if (document.equals(Path.of("README.md"))
                    || (document.startsWith("docs") && document.toString().endsWith(".md"))) {
                blocks.addAll(ConsoleBlock.of(
                        document.toString(), Checkout.lines(document).orElseThrow()));
            }
        }
        assumeTrue(!blocks.isEmpty(), "README.md and docs have no example yet");
        return blocks.stream()
                .map(block -> DynamicTest.dynamicTest(
                        block.place() + " " + block.steps().getFirst().line(), () -> check(block)));
    }

    @Test
    void anExampleThatIsWrongIsFound() throws Exception {
        ConsoleBlock right = example("2", "guestmem: --memory: 0 is not a positive multiple of the page size, 4096");
        ConsoleBlock wrongText = example("2", "guestmem: --memory: 0 is fine");
        ConsoleBlock wrongStatus = example("zero", "guestmem: --memory: 0 is not a positive multiple of ...");

        assertThat(firstDifference(right)).isEmpty();
        assertThat(firstDifference(wrongText))
                .hasValueSatisfying(text -> assertThat(text).contains("0 is fine"));
        assertThat(firstDifference(wrongStatus)).isPresent();
    }

    @Test
    void whatTheReadmeSaysToRunIsWhatEveryChangeMustPass() throws IOException {
        Path readme = Checkout.ROOT.resolve("README.md");
        assumeTrue(Files.exists(readme), "README.md is not there yet");
        List<String> run = Files.readAllLines(Checkout.ROOT.resolve(".ci/run"));

        String command = run.getLast().replace(" -B", "");

        assertThat(command).isEqualTo("./mvnw verify");
        assertThat(Files.readAllLines(readme)).anyMatch(line -> line.matches("(\\$ )?\\Q" + command + "\\E( *#.*)?"));
    }

    private static ConsoleBlock example(String status, String message) {
        return ConsoleBlock.of(
                        "example",
                        List.of(
                                "```console",
                                "$ ./guestmem demo --memory 0",
                                message,
                                "guestmem: see 'guestmem demo --help'",
                                "$ echo status $?",
                                "status " + status,
                                "```"))
                .getFirst();
    }

    private void check(ConsoleBlock block) throws IOException, InterruptedException {
        block.skip().ifPresent(reason -> abort("the document says: " + reason));
        if (block.needsKvm()) {
            Host.assumeKvm();
        }
        if (block.needsLab()) {
            Host.assumeLab(LabKernel.TRIXIE);
        }
        assertThat(firstDifference(block)).as(block.place()).isEmpty();
    }

    private Optional<String> firstDifference(ConsoleBlock block) throws IOException, InterruptedException {
        Path place = Files.createTempDirectory(directory, "example");
        FakeJdk.program(
                place.resolve("guestmem"),
                "#!/bin/sh\nexec '" + String.join("' '", Guestmem.java(Guestmem.JARS, place)) + "' \"$@\"\n");
        StringBuilder script = new StringBuilder("exec 2>&1\n");
        for (ConsoleBlock.Step step : block.steps()) {
            script.append(step.line())
                    .append("\nstatus=$?; echo '")
                    .append(MARK)
                    .append("'; (exit $status)\n");
        }
        String out = Command.of(place, List.of("bash", "-c", script.toString()))
                .run()
                .out();
        List<String> outputs = List.of(out.split(MARK + "\n", -1));
        for (int i = 0; i < block.steps().size(); i++) {
            ConsoleBlock.Step step = block.steps().get(i);
            Optional<String> difference =
                    Transcript.difference(step.output(), outputs.get(i).lines().toList(), block.firstWords());
            if (difference.isPresent()) {
                return Optional.of(block.place() + ": " + step.line() + "\n" + difference.get() + "\nall of it:\n"
                        + outputs.get(i));
            }
        }
        return Optional.empty();
    }
}
