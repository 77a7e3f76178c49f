package io.guestmem.bench;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;

class CommandTest {
    @Test
    void bothStreamsAreItsOutput() {
        Command.Run run = new Command("/bin/sh", "-c", "echo out; echo err >&2").run();

        assertThat(run.output()).isEqualTo("out\nerr\n");
        assertThat(run.nanos()).isPositive();
    }

    @Test
    void aStatusOtherThanZeroIsAnErrorWithWhatItSaid() {
        assertThatThrownBy(() -> new Command("/bin/sh", "-c", "echo no KVM; exit 69").run())
                .isInstanceOf(BenchmarkException.class)
                .hasMessageEndingWith("exit status 69: no KVM");
    }

    @Test
    void aProgramThatIsNotThereIsAnError() {
        assertThatThrownBy(() -> new Command("/nonexistent/program").run())
                .isInstanceOf(BenchmarkException.class)
                .hasMessageContaining("/nonexistent/program");
    }
}
