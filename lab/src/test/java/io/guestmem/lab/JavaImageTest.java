package io.guestmem.lab;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The guest's Java: which modules, which libraries, and that the archive holds both. */
class JavaImageTest {
    private static final Path JAVA_HOME = Path.of(System.getProperty("java.home"));

    @TempDir
    Path directory;

    @Test
    void theModulesAreThoseThatTheMainModuleRequiresAndTheExtraOnes() throws Exception {
        Path jars = ProbeJar.make(directory.resolve("lib"));

        assertThat(JavaImage.requiredModules(jars, ProbeJar.MAIN, Set.of("jdk.zipfs")))
                .containsExactly("java.base", "java.logging", "jdk.zipfs");
    }

    @Test
    void aMainModuleThatIsNotThereIsSaid() {
        assertThatThrownBy(() -> JavaImage.requiredModules(directory, "no.such/Main", Set.of()))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("no.such");
    }

    @Test
    void librariesAreReadFromLdd() {
        assertThat(JavaImage.parseLibraries("""
                        /image/bin/java:
                        \tlinux-vdso.so.1 (0x00007ffd)
                        \tlibjli.so => /image/lib/libjli.so (0x00007efca0feb000)
                        \tlibc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x00007efca0e00000)
                        \t/lib64/ld-linux-x86-64.so.2 (0x00007efca1017000)
                        \tlibjvm.so => not found
                        """))
                .containsExactly(
                        Path.of("/image/lib/libjli.so"),
                        Path.of("/lib/x86_64-linux-gnu/libc.so.6"),
                        Path.of("/lib64/ld-linux-x86-64.so.2"));
    }

    @Test
    void theArchiveHoldsARunningJavaAndItsLoader() throws Exception {
        List<String> stages = new ArrayList<>();
        JavaImage images = new JavaImage(new LabCache(directory), stages::add);

        Path archive = images.obtain(JAVA_HOME, new TreeSet<>(Set.of("java.base")));
        Path unpacked = Files.createDirectory(directory.resolve("unpacked"));
        try (InputStream in = Files.newInputStream(archive)) {
            new CpioReader(in).unpack(unpacked);
        }

        assertThat(unpacked.resolve("java/lib/modules")).isRegularFile();
        assertThat(unpacked.resolve("java/lib/server/classes.jsa")).isRegularFile();
        assertThat(unpacked.resolve("lib64/ld-linux-x86-64.so.2")).isRegularFile();
        assertThat(images.obtain(JAVA_HOME, new TreeSet<>(Set.of("java.base")))).isEqualTo(archive);
        assertThat(stages).hasSize(2);
    }

    @Test
    void aDirectoryThatIsNoJavaHomeIsSaid() {
        assertThatThrownBy(() -> new JavaImage(new LabCache(directory), LabProgress.SILENT)
                        .obtain(directory, new TreeSet<>(Set.of("java.base"))))
                .isInstanceOf(LabUnavailableException.class)
                .hasMessageContaining("no release file");
    }
}
