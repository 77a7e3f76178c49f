package io.guestmem.bench;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.time.Duration;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class BenchmarkSettingsTest {
    /** The build sets the property for all tests. */
    @Test
    void theRootSaysWhichCommandStarts() {
        String launcher = System.getProperty("guestmem.root") + "/guestmem";

        assertThat(BenchmarkSettings.standard().startCommand()).containsExactly(launcher, "doctor", "--json");
    }

    @Test
    void numbersThatMeasureNothingAreRefused() {
        Duration time = Duration.ofMillis(1);
        long bytes = BenchmarkSettings.PIECE;
        long guest = 2 * bytes;
        assertThatThrownBy(() -> new BenchmarkSettings(-1, 1, time, bytes, guest, List.of(), Optional.empty()))
                .hasMessage("not warm-up rounds: -1");
        assertThatThrownBy(() -> new BenchmarkSettings(0, 0, time, bytes, guest, List.of(), Optional.empty()))
                .hasMessage("not rounds: 0");
        assertThatThrownBy(() -> new BenchmarkSettings(0, 1, Duration.ZERO, bytes, guest, List.of(), Optional.empty()))
                .hasMessage("not a time for a loop: PT0S");
        assertThatThrownBy(() -> new BenchmarkSettings(0, 1, time, bytes + 1, guest, List.of(), Optional.empty()))
                .hasMessage("not a multiple of 2 MiB: 2097153");
        assertThatThrownBy(() -> new BenchmarkSettings(0, 1, time, bytes, bytes, List.of(), Optional.empty()))
                .hasMessage("not a multiple of 4 MiB: 2097152");
    }
}
