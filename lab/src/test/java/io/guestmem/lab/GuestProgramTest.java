package io.guestmem.lab;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What the guest is told to run, and that no argument changes on the way through its shell. */
class GuestProgramTest {
    private static final LabRequest REQUEST = LabRequest.of(Path.of("/lib"), "some.module/some.Main");

    @Test
    void theScriptIsTheEnvironmentAndOneCommand() {
        LabRequest request = REQUEST.withArguments(List.of("measure", "--vcpus", "2"))
                .withEnvironment(Map.of("B", "2", "A", "it's"))
                .withNativeAccess(Set.of("native.module"));

        assertThat(GuestProgram.script(request)).isEqualTo("""
                export A='it'\\''s'
                export B='2'
                exec '/java/bin/java' '-XX:TieredStopAtLevel=1' '-XX:+UseSerialGC' '-Xshare:auto' '-XX:-UsePerfData'\
                 '--enable-native-access=native.module' '-p' '/guestmem/lib' '-m' 'some.module/some.Main'\
                 'measure' '--vcpus' '2'
                """);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                " ",
                "a b",
                "it's",
                "''",
                "$HOME `id` $(id)",
                "back\\slash",
                "line\nbreak\n",
                "\"",
                "*",
                "-n",
                "ü€😀"
            })
    void aQuotedWordIsOneWordWithTheSameBytes(String text) throws Exception {
        HostCommand.Result result = HostCommand.in(
                        Path.of("/"), "/bin/sh", "-c", "printf '%s|' " + GuestProgram.quote(text))
                .run();

        assertThat(result.output()).isEqualTo(text + "|");
    }

    @Test
    void requestsThatCannotBeRunAreRefused() {
        assertThatThrownBy(() -> REQUEST.withArguments(List.of("a\0b"))).hasMessageContaining("NUL");
        assertThatThrownBy(() -> REQUEST.withEnvironment(Map.of("A B", ""))).hasMessageContaining("A B");
        assertThatThrownBy(() -> REQUEST.withMemoryBytes(1 << 20)).hasMessageContaining("at least 1 GiB");
        assertThatThrownBy(() -> REQUEST.withCpus(0)).hasMessageContaining("at least 1");
        assertThatThrownBy(() -> REQUEST.withTimeLimit(Duration.ZERO)).hasMessageContaining("time limit");
    }

    @ParameterizedTest
    @ValueSource(strings = {"relative", "/", "/a/../b", "/a//b", "/a/", "/./a", ""})
    void aFileMustHaveANormalAbsolutePathInTheGuest(String guest) {
        assertThatThrownBy(() -> new LabFile(Path.of("/etc/hostname"), guest))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("not an absolute normal path: " + guest);
    }
}
