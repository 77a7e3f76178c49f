package io.guestmem.house;

import static org.assertj.core.api.Assertions.assertThat;

import io.guestmem.lab.Lab;
import io.guestmem.lab.LabFailedException;
import io.guestmem.lab.LabKernel;
import io.guestmem.lab.LabProgress;
import io.guestmem.lab.LabRequest;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A guest of a KVM with two-dimensional paging, whose memory comes from {@code guestmem serve} in another process. */
@Tag("lab")
class LabServedGuestTest {
    private static final int PAGES = 1500;

    @TempDir
    private Path directory;

    @Test
    void theGuestFindsEveryByteInItsPlace() throws Exception {
        Host.assumeLab(LabKernel.TRIXIE);
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        ByteArrayOutputStream err = new ByteArrayOutputStream();

        int status;
        try {
            status = Lab.open(LabProgress.SILENT).run(request(), out, err);
        } catch (LabFailedException failed) {
            throw new AssertionError(failed.getMessage() + "\n" + failed.consoleTail() + out + err, failed);
        }

        assertThat(status).as(err.toString(StandardCharsets.UTF_8)).isZero();
        assertThat(out.toString(StandardCharsets.UTF_8).lines())
                .contains(
                        "summed up the snapshot",
                        "compared " + PAGES * 4096 + " bytes while it is served",
                        "compared " + PAGES * 4096 + " bytes after the server has let the VM go")
                .endsWith("ok");
    }

    private LabRequest request() throws Exception {
        List<Path> jars;
        try (Stream<Path> files = Files.list(Guestmem.JARS)) {
            jars = files.filter(file -> file.toString().endsWith(".jar"))
                    .sorted()
                    .toList();
        }
        return LabClassPath.request(directory, ServedGuest.class, jars)
                .withExtraModules(Set.of("java.logging", "java.management", "jdk.unsupported"))
                .withTimeLimit(Duration.ofMinutes(4))
                .withArguments(List.of("/tmp", String.valueOf(PAGES), "none"));
    }
}
