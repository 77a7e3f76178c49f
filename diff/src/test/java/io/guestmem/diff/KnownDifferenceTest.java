package io.guestmem.diff;

import static org.assertj.core.api.Assertions.assertThat;

import io.guestmem.abi.ExitReason;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;

class KnownDifferenceTest {
    private static final Path DOCUMENT = Path.of("..", "docs", "differences.md");
    private static final Scope SHADOW = new Scope(false, true, 3, 1, 48, false);
    private static final Scope TDP = new Scope(true, true, 3, 1, 40, false);

    @Test
    void theDocumentListsTheRulesAndNoOthers() throws IOException {
        List<String> rows = Files.readAllLines(DOCUMENT).stream()
                .dropWhile(line -> !line.equals("## Explained differences"))
                .dropWhile(line -> !line.startsWith("|---"))
                .skip(1)
                .takeWhile(line -> line.startsWith("|"))
                .toList();

        assertThat(rows)
                .containsExactlyElementsOf(Arrays.stream(KnownDifference.values())
                        .map(rule -> "| `" + rule.id() + "` | " + rule.text() + " | `" + rule.source() + "` |")
                        .toList());
    }

    private static Difference fetch(int first, int second) {
        Call call = new Call.Run(GuestAccess.FETCH, 0, 0x10000, 0, 1);
        Sequence sequence = new Sequence(1, List.of(call));
        return new Difference(sequence, 0, exit(first), exit(second));
    }

    @Test
    void whatAnEmulatorDidElsewhereIsSeenLater() {
        Call bound = new Call.SetRegion2(new Call.SetRegion(0, 4, 0x400000, 0x1000, 0, 0), 0, 0);
        Sequence sequence = new Sequence(1, List.of(bound, new Call.Load(0, 0), new Call.GetDirtyLog(0)));
        Outcome one = new Outcome(0, List.of(new Outcome.Value("found", 0)));
        Outcome other = new Outcome(0, List.of(new Outcome.Value("found", 1)));

        for (int position : new int[] {1, 3}) {
            assertThat(KnownDifference.of(new Difference(sequence, position, one, other), SHADOW))
                    .contains(KnownDifference.SHADOW_EMULATES_GUEST_MEMFD);
        }
        assertThat(KnownDifference.of(new Difference(sequence, 2, one, other), SHADOW))
                .as("a dirty log is another rule's")
                .contains(KnownDifference.SHADOW_PREFETCH);
        assertThat(KnownDifference.of(new Difference(sequence, 2, one, new Outcome(-2, List.of())), SHADOW))
                .as("another errno")
                .isEmpty();
        assertThat(KnownDifference.of(new Difference(sequence, 1, one, other), TDP))
                .as("with TDP")
                .isEmpty();
        Sequence plain = new Sequence(1, List.of(new Call.Load(0, 0)));
        assertThat(KnownDifference.of(new Difference(plain, 0, one, other), SHADOW))
                .as("without a guest_memfd")
                .isEmpty();
    }

    private static Outcome exit(int reason) {
        return new Outcome(0, List.of(new Outcome.Value("exit", reason)));
    }

    @Test
    void aRuleExplainsWhatItSaysAndNothingElse() {
        Difference known = fetch(ExitReason.SHUTDOWN, ExitReason.INTERNAL_ERROR);

        assertThat(KnownDifference.of(known, SHADOW)).contains(KnownDifference.SHADOW_FETCH_FROM_HOLE);
        assertThat(KnownDifference.of(fetch(ExitReason.INTERNAL_ERROR, ExitReason.SHUTDOWN), SHADOW))
                .contains(KnownDifference.SHADOW_FETCH_FROM_HOLE);
        assertThat(KnownDifference.of(known, TDP)).as("with TDP").isEmpty();
        assertThat(KnownDifference.of(fetch(ExitReason.MMIO, ExitReason.INTERNAL_ERROR), SHADOW))
                .as("another exit")
                .isEmpty();
    }
}
