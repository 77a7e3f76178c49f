package io.guestmem.house;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.assertj.core.api.InstanceOfAssertFactories;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What the packaged command prints when it does what it was asked for. */
class CommandLineTest {
    private static final String WIPE = "\r\033[K";

    @TempDir
    private Path directory;

    @AfterEach
    void nothingIsLeftBehind() throws IOException {
        assertThat(Guestmem.leftIn(directory)).isEmpty();
    }

    @Test
    void doctorSaysWhatThisHostOffers() throws Exception {
        Command.Outcome outcome = Guestmem.command(directory, "doctor").run();

        assertThat(outcome.status()).isZero();
        assertThat(outcome.err()).isEmpty();
        assertThat(outcome.out().lines().map(line -> line.strip().split(" {2,}", 2)[0]))
                .startsWith("what", "host", "kvm")
                .endsWith("userfaultfd", "lab", "default kernel");
    }

    @Test
    void doctorHasTheFieldsThatScriptsRelyOn() throws Exception {
        Map<String, @Nullable Object> json = json("doctor", "--json");

        assertThat(json).containsEntry("command", "doctor");
        assertThat(Json.object(json, "host").get("release"))
                .isEqualTo(
                        Files.readString(Path.of("/proc/sys/kernel/osrelease")).strip());
        Map<String, @Nullable Object> kvm = Json.object(json, "kvm");
        if (Host.lacksKvm().isPresent()) {
            assertThat(kvm).containsEntry("available", false);
            assertDefaultKernel(json, "soft");
        } else {
            assertThat(kvm).containsEntry("available", true).containsEntry("api_version", 12L);
            assertThat(kvm.get("module")).isInstanceOf(String.class);
            assertThat(kvm.get("pre_fault_memory")).isInstanceOf(Boolean.class);
            assertThat(kvm.get("guest_memfd")).isInstanceOf(Boolean.class);
            assertThat(kvm.get("guest_memfd_flags")).isInstanceOf(Long.class);
            assertThat(kvm.get("memory_attributes")).isInstanceOf(Long.class);
            assertThat(kvm.get("vm_types"))
                    .asInstanceOf(InstanceOfAssertFactories.LIST)
                    .contains("default");
            assertDefaultKernel(json, "linux");
        }
        assertThat(Json.object(json, "userfaultfd").get("available")).isInstanceOf(Boolean.class);
        assertThat(Json.object(json, "userfaultfd").get("features")).isInstanceOf(List.class);
        assertThat(Json.object(json, "lab").get("available")).isInstanceOf(Boolean.class);
    }

    /** The verbs that have a choice, each with its kernel. */
    private static void assertDefaultKernel(Map<String, @Nullable Object> json, String kernel) {
        assertThat(json).containsEntry("default_kernel", kernel);
        assertThat(Json.object(json, "kernels"))
                .containsKeys("demo", "fuzz", "shell")
                .allSatisfy((_, of) -> assertThat(of).isEqualTo(kernel));
    }

    @ParameterizedTest
    @ValueSource(strings = {"linux", "soft"})
    void demoRunsEveryWayOrSaysWhyNot(String kernel) throws Exception {
        Host.assumeKernel(kernel);

        Map<String, @Nullable Object> json = json("demo", "--kernel", kernel, "--json", "--memory", "16M");

        assertThat(json)
                .containsEntry("command", "demo")
                .containsEntry("kernel", kernel)
                .containsEntry("simulated", kernel.equals("soft"))
                .containsEntry("vm_type", "default")
                .containsEntry("memory", 16L << 20);
        List<Map<String, @Nullable Object>> runs = Json.objects(json, "runs");
        assertThat(runs)
                .extracting(run -> run.get("populate"))
                .containsExactly(
                        "none",
                        "populate",
                        "pre_fault",
                        "map_memory",
                        "uffd",
                        "uffd_demand",
                        "guest_memfd",
                        "gmem_populate");
        for (Map<String, @Nullable Object> run : runs) {
            if (run.containsKey("skipped")) {
                assertThat(run).containsOnlyKeys("populate", "skipped");
                assertThat((String) run.get("skipped")).isNotBlank();
            } else {
                assertCompleted(run);
            }
        }
        assertThat(runs.getFirst())
                .as("the cold run needs nothing but a kernel")
                .doesNotContainKey("skipped");
        assertThat(runs.stream().filter(run -> run.containsKey("ok")).map(run -> run.get("checksum")))
                .as("checksums of guests over the same file")
                .containsOnly(runs.getFirst().get("checksum"));
    }

    private static void assertCompleted(Map<String, @Nullable Object> run) {
        assertThat(run)
                .containsOnlyKeys(
                        "populate",
                        "pages",
                        "guest_faults",
                        "host_faults",
                        "uffd_faults",
                        "populate_seconds",
                        "guest_seconds",
                        "checksum",
                        "ok")
                .containsEntry("pages", 4096L)
                .containsEntry("ok", true)
                .containsEntry("uffd_faults", "uffd_demand".equals(run.get("populate")) ? 4096L : 0L);
        if (run.get("guest_faults") != null) {
            assertThat(run.get("guest_faults")).isInstanceOf(Long.class);
        }
        assertThat(run.get("host_faults")).isInstanceOf(Long.class);
        assertThat(run.get("populate_seconds")).isInstanceOf(Double.class);
        assertThat(run.get("guest_seconds")).isInstanceOf(Double.class);
        assertThat((String) run.get("checksum")).matches("[0-9a-f]{32}");
    }

    @Test
    void privateMemoryIsShownOnTheSoftwareKernel() throws Exception {
        Map<String, @Nullable Object> json =
                json("demo", "--kernel", "soft", "--vm-type", "sw-protected", "--json", "--memory", "1M");

        assertThat(json).containsEntry("kernel", "soft").containsEntry("vm_type", "sw_protected");
        assertThat(Json.objects(json, "runs").getLast())
                .containsEntry("populate", "gmem_populate")
                .containsEntry("ok", true);
    }

    @Test
    void whoReadsATableOfTheSoftwareKernelIsToldThatItIsSimulated() throws Exception {
        Command.Outcome outcome = Guestmem.command(
                        directory, "demo", "--kernel", "soft", "--memory", "1M", "--populate", "none")
                .run();

        assertThat(outcome.err()).isEmpty();
        assertThat(outcome.out()).startsWith("kernel soft (simulated), ").contains("The kernel is simulated: ");
    }

    @Test
    void theChecksumIsThatOfTheFile() throws Exception {
        Path one = Files.write(directory.resolve("one"), new byte[] {1});
        Path other = Files.write(directory.resolve("other"), new byte[] {2});

        assertThat(checksum(one)).isEqualTo(checksum(one)).isNotEqualTo(checksum(other));
    }

    private @Nullable Object checksum(Path image) throws Exception {
        Map<String, @Nullable Object> json =
                json("demo", "--json", "--memory", "1M", "--populate", "none", "--image", image.toString());
        return Json.objects(json, "runs").getFirst().get("checksum");
    }

    @ParameterizedTest
    @ValueSource(strings = {"linux", "soft"})
    void theReportIsOnePageThatNeedsNothingElse(String kernel) throws Exception {
        Host.assumeKernel(kernel);
        Path page = Files.writeString(directory.resolve("page.html"), "an older report");

        Command.Outcome outcome = Guestmem.command(
                        directory,
                        "demo",
                        "--kernel",
                        kernel,
                        "--memory",
                        "1M",
                        "--populate",
                        "none,populate",
                        "--report",
                        "page.html")
                .run();

        assertThat(outcome.err()).isEmpty();
        assertThat(outcome.status()).isZero();
        assertThat(Files.readString(page))
                .startsWith("<!doctype html>")
                .endsWith("</html>\n")
                .contains("<svg", "Kernel <b>" + kernel + "</b>")
                .contains(
                        "before: 0.0 % mapped",
                        "populated: 0.0 % mapped", "populated: 100.0 % mapped", "after the guest: 100.0 % mapped")
                .satisfies(html -> assertThat(html.contains("<b>simulated</b>")).isEqualTo(kernel.equals("soft")))
                .doesNotContain("an older report", "http", "src=", "href=", "@import", "url(http", "url(/")
                .doesNotContainPattern("@[A-Z]+@");
        try (Stream<Path> files = Files.list(directory)) {
            assertThat(files).as("no unfinished page is left").containsExactly(page);
        }
    }

    @Test
    void progressIsDrawnOnATerminalAndWipedAtTheEnd() throws Exception {
        Host.assumeSucceeds(directory, "script", "--version");

        assertThat(onTerminal("demo", "--memory", "1M", "--populate", "none"))
                .startsWith(WIPE + "[")
                .contains("] 2/2 none")
                .endsWith(WIPE);
        assertThat(onTerminal("demo", "--memory", "1M", "--populate", "none", "--quiet"))
                .isEmpty();
    }

    /** What a terminal shows of standard error. */
    private String onTerminal(String... arguments) throws Exception {
        StringBuilder line = new StringBuilder();
        Guestmem.command(directory, arguments)
                .words()
                .forEach(word ->
                        line.append('\'').append(word.replace("'", "'\\''")).append("' "));
        Command.Outcome outcome = Command.of(directory, List.of("script", "-qec", line + ">out", "/dev/null"))
                .run();
        assertThat(outcome.status()).isZero();
        assertThat(Files.readString(directory.resolve("out"))).startsWith("kernel ");
        return outcome.out();
    }

    @Test
    void helpAndVersionAreResults() throws Exception {
        for (List<String> words :
                List.of(List.of("--help"), List.of("demo", "--help"), List.of("lab", "--help"), List.of("--version"))) {
            Command.Outcome outcome =
                    Guestmem.command(directory, words.toArray(String[]::new)).run();

            assertThat(outcome.status()).as(words.toString()).isZero();
            assertThat(outcome.err()).isEmpty();
            assertThat(outcome.out()).contains("guestmem");
        }
    }

    /** Runs a command whose standard output is one JSON object on one line, with nothing on standard error. */
    private Map<String, @Nullable Object> json(String... arguments) throws Exception {
        Command.Outcome outcome = Guestmem.command(directory, arguments).run();
        assertThat(outcome.err()).isEmpty();
        assertThat(outcome.status()).isZero();
        assertThat(outcome.out()).endsWith("}\n").containsOnlyOnce("\n");
        Map<String, @Nullable Object> json = Json.object(outcome.out());
        assertThat(json).containsEntry("schema", 1L);
        return json;
    }
}
