package io.guestmem.diff.translate;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;

class KnownDeviationTest {
    private static final Path DOCUMENT = Path.of("..", "docs", "translate.md");

    @Test
    void theDocumentListsTheDeviationsAndNoOthers() throws IOException {
        List<String> rows = Files.readAllLines(DOCUMENT).stream()
                .dropWhile(line -> !line.startsWith("| deviation |"))
                .skip(2)
                .takeWhile(line -> line.startsWith("|"))
                .toList();

        assertThat(rows)
                .containsExactlyElementsOf(Arrays.stream(KnownDeviation.values())
                        .map(each -> "| `" + each.id() + "` | " + each.text() + " | `" + each.source() + "` |")
                        .toList());
    }
}
