package io.guestmem.house;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A real guest on this host's KVM, whose memory comes from {@code guestmem serve} in another process. */
@Timeout(value = 5, unit = TimeUnit.MINUTES)
class ServedGuestTest {
    private static final int PAGES = 6000;

    @TempDir
    private Path directory;

    @ParameterizedTest
    @ValueSource(strings = {"none", "all"})
    void theGuestFindsEveryByteInItsPlace(String prefetch) throws Exception {
        Host.assumeKvm();
        Host.assumeUserfaultfd();

        Command.Outcome outcome = Command.of(
                        directory,
                        List.of(
                                Guestmem.JAVA.toString(),
                                "-XX:+UseSerialGC",
                                "--enable-native-access=ALL-UNNAMED",
                                "--class-path",
                                System.getProperty("surefire.test.class.path", System.getProperty("java.class.path")),
                                ServedGuest.class.getName(),
                                directory.toString(),
                                String.valueOf(PAGES),
                                prefetch))
                .start()
                .await(Duration.ofMinutes(4));

        assertThat(outcome.status()).as(outcome.err()).isZero();
        assertThat(outcome.out().lines())
                .contains(
                        "read in a scattered order",
                        "summed up the snapshot",
                        "summed up what is left of it, written and given back",
                        "compared " + PAGES * 4096 + " bytes while it is served",
                        "compared " + PAGES * 4096 + " bytes after the server has let the VM go")
                .endsWith("ok");
    }
}
