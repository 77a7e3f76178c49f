package io.guestmem.bench;

import static org.assertj.core.api.Assertions.assertThat;

import io.guestmem.linux.FileDescriptor;
import io.guestmem.linux.OpenMode;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;

class BareIoctlTest {
    private static final long FIOCLEX = 0x5451;
    private static final long NO_REQUEST = 0xDEAD;

    private final BareIoctl bare = new BareIoctl();

    @Test
    void aResultIsAResult() {
        try (FileDescriptor file = FileDescriptor.open(Path.of("/dev/null"), OpenMode.READ)) {
            assertThat(bare.call(file.number(), FIOCLEX, 0)).isZero();
        }
    }

    @Test
    void anErrnoIsNegated() {
        try (FileDescriptor file = FileDescriptor.open(Path.of("/dev/null"), OpenMode.READ)) {
            assertThat(bare.call(file.number(), NO_REQUEST, 0)).isEqualTo(-25);
        }
        assertThat(bare.call(-1, FIOCLEX, 0)).isEqualTo(-9);
    }
}
