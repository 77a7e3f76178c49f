package io.guestmem.house;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** How documents are read and compared. */
class TranscriptTest {
    @Test
    void theBlocksOfADocumentAreThoseThatRunTheCommand() throws IOException {
        List<ConsoleBlock> blocks = ConsoleBlock.of("sample.md", sample());

        assertThat(blocks).hasSize(4);
        ConsoleBlock plain = blocks.get(0);
        assertThat(plain.place()).isEqualTo("sample.md:5");
        assertThat(plain.skip()).isEmpty();
        assertThat(plain.needsKvm()).isFalse();
        assertThat(plain.firstWords()).isFalse();
        assertThat(plain.steps())
                .containsExactly(
                        new ConsoleBlock.Step("./guestmem demo --memory \\\n  0", List.of("guestmem: --memory: ...")),
                        new ConsoleBlock.Step("echo $?", List.of("2")));
        assertThat(blocks.get(1).needsKvm()).isTrue();
        assertThat(blocks.get(1).firstWords()).isTrue();
        assertThat(blocks.get(2).skip()).contains("takes an hour");
        assertThat(blocks.get(3).needsLab()).isTrue();
    }

    @Test
    void aMarkThatNobodyKnowsOrThatGivesNoReasonIsAnError() {
        List<String> block = List.of("```console", "$ ./guestmem doctor", "```");

        for (String mark : List.of("<!-- skip: -->", "<!-- host: moon -->")) {
            assertThatThrownBy(() -> ConsoleBlock.of("x.md", List.of(mark, block.get(0), block.get(1), block.get(2))))
                    .hasMessageStartingWith("x.md:2: what does <!-- ");
        }
        assertThatThrownBy(() -> ConsoleBlock.of("x.md", block.subList(0, 2))).hasMessageContaining("no end");
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "none   4096    284  0.0001  ok         | none N N N ok",
                "host  Linux 6.12.107+deb13-cloud-amd64 | host Linux RELEASE",
                "memory is /usr/lib/jvm/jdk-25/modules  | memory is PATH",
                "64 MiB at 0x7f00, 64MiB                | N MiB at N, NMiB",
                "a67954be8cc758ed497b40a56e81e868 ok    | DIGEST ok",
                "pre_fault and x86                      | pre_fault and x86",
                "yes/no                                 | yes/no",
                "1.36886E-4,                            | N,"
            })
    void whatDiffersFromRunToRunIsMadeEqual(String line, String normal) {
        assertThat(Transcript.normal(line)).isEqualTo(normal);
    }

    @Test
    void differencesAreFound() {
        List<String> documented = List.of("kernel linux", "none  4096  0.1  ok", "uffd  4096  0.2  ok");

        assertThat(difference(documented, "kernel linux", "none 16384 0.3 ok", "uffd 1 2 ok"))
                .isEmpty();
        assertThat(difference(documented, "kernel linux", "none 16384 0.3 WRONG", "uffd 1 2 ok"))
                .hasValueSatisfying(text -> assertThat(text).contains("documented: none", "printed: none"));
        assertThat(difference(documented, "kernel linux", "none 16384 0.3 ok"))
                .contains("not printed: uffd  4096  0.2  ok");
        assertThat(difference(documented, "kernel linux", "none 1 1 ok", "uffd 1 1 ok", "more"))
                .contains("not in the document: more");
    }

    @Test
    void aSkippedWayIsComparedByItsNameAlone() {
        assertThat(difference(List.of("pre_fault  1  2  ok"), "pre_fault  -  skipped: shadow paging"))
                .isEmpty();
        assertThat(difference(List.of("pre_fault  1  2  ok"), "uffd  -  skipped: refused"))
                .isPresent();
    }

    @Test
    void dotsStandForAnyLines() {
        List<String> documented = List.of("first", "...", "last");

        assertThat(difference(documented, "first", "last")).isEmpty();
        assertThat(difference(documented, "first", "b", "c", "last")).isEmpty();
        assertThat(difference(documented, "first", "b", "c")).isPresent();
    }

    @Test
    void firstWordsAloneAreComparedOnDemand() {
        List<String> documented = List.of("kvm  version 12  kvm_amd", "  guest_memfd  yes");

        assertThat(Transcript.difference(documented, List.of("kvm  no", "  guest_memfd  no"), true))
                .isEmpty();
        assertThat(Transcript.difference(documented, List.of("kvm  no", "  other  no"), true))
                .isPresent();
    }

    private static Optional<String> difference(List<String> documented, String... actual) {
        return Transcript.difference(documented, List.of(actual), false);
    }

    private static List<String> sample() throws IOException {
        try (InputStream resource = TranscriptTest.class.getResourceAsStream("sample.md")) {
            return new String(Objects.requireNonNull(resource).readAllBytes(), StandardCharsets.UTF_8)
                    .lines()
                    .toList();
        }
    }
}
