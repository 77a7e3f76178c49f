package io.guestmem.house;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/**
 * One run of {@code guestmem conform --json}.
 *
 * @param results a line for each check
 * @param summary the last line
 */
record ConformRun(List<Map<String, @Nullable Object>> results, Map<String, @Nullable Object> summary) {
    /** Runs a command that ends in a run of the suite in which nothing fails. */
    static ConformRun of(Path directory, String... arguments) throws Exception {
        Command.Outcome outcome = Guestmem.command(directory, arguments).run();
        assertThat(outcome.err()).isEmpty();
        ConformRun run = parse(outcome.out());
        assertThat(run.results)
                .filteredOn(each -> "fail".equals(each.get("result")))
                .isEmpty();
        assertThat(outcome.status()).isZero();
        assertThat(Json.object(run.summary, "summary"))
                .containsEntry("pass", (long) run.ids("pass").size())
                .containsEntry("fail", 0L)
                .containsEntry("skip", (long) run.ids("skip").size());
        return run;
    }

    static ConformRun parse(String out) {
        List<Map<String, @Nullable Object>> lines = new ArrayList<>();
        out.lines().forEach(line -> lines.add(Json.object(line)));
        assertThat(lines).as(out).isNotEmpty();
        return new ConformRun(lines.subList(0, lines.size() - 1), lines.getLast());
    }

    /** The ids of the checks with a result, in alphabetical order. */
    TreeSet<String> ids(String result) {
        TreeSet<String> ids = new TreeSet<>();
        for (Map<String, @Nullable Object> each : results) {
            if (result.equals(each.get("result")) && each.get("id") instanceof String id) {
                ids.add(id);
            }
        }
        return ids;
    }
}
