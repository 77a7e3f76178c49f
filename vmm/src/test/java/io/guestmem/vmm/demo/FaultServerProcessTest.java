package io.guestmem.vmm.demo;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.junit.jupiter.api.Assumptions.abort;

import io.guestmem.linux.Advice;
import io.guestmem.linux.AdviceResult;
import io.guestmem.linux.FaultScope;
import io.guestmem.linux.FileDescriptor;
import io.guestmem.linux.GuardedMapping;
import io.guestmem.linux.HandshakeResult;
import io.guestmem.linux.LinuxException;
import io.guestmem.linux.OpenMode;
import io.guestmem.linux.PageMap;
import io.guestmem.linux.RegisterMode;
import io.guestmem.linux.Sharing;
import io.guestmem.linux.Userfaultfd;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.Set;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The second process: what it is told, what it does, and that it is gone afterwards. No guest is needed for that. */
class FaultServerProcessTest {
    private static final long PAGE = 4096;

    /** One page of content, one that begins with content, and two of zeroes. */
    private static final long MEMORY = 4 * PAGE;

    private static final int CONTENT = 5000;

    @TempDir
    Path directory;

    private Leftovers before;
    private Path path;
    private GuestImage image;
    private GuardedMapping mapping;
    private FaultServerProcess server;

    @BeforeEach
    void start() throws IOException {
        before = Leftovers.now();
        byte[] bytes = new byte[CONTENT];
        Arrays.fill(bytes, (byte) 7);
        path = Files.write(directory.resolve("image"), bytes);
        image = GuestImage.open(path, MEMORY);
        mapping = GuardedMapping.anonymous(MEMORY, Sharing.PRIVATE);
        try (Userfaultfd userfaultfd = open()) {
            assertThat(userfaultfd.handshake(Set.of())).isNotInstanceOf(HandshakeResult.Refused.class);
            userfaultfd.register(mapping, EnumSet.of(RegisterMode.MISSING));
            server = FaultServerProcess.start(userfaultfd.descriptor(), image, mapping);
        }
    }

    private static Userfaultfd open() {
        try {
            return Userfaultfd.open(FaultScope.USER_AND_KERNEL);
        } catch (LinuxException refused) {
            return abort("no userfaultfd here: " + refused.getMessage());
        }
    }

    @AfterEach
    void nothingIsLeft() {
        if (server != null) {
            server.close();
        }
        mapping.close();
        image.close();
        before.assertNone();
    }

    /** The second process and the socket that it was told, as the last of its arguments. */
    private static ProcessHandle child() {
        return ProcessHandle.current()
                .children()
                .filter(process -> Arrays.asList(process.info().arguments().orElse(new String[0]))
                                .contains(FaultServer.class.getName())
                        || process.info().commandLine().orElse("").contains(FaultServer.class.getName()))
                .findFirst()
                .orElseThrow();
    }

    /** A byte of guarded memory. The kernel waits for its page, and copies it out; no Java code does either. */
    private byte byteAt(long offset) {
        assertThat(mapping.advise(Advice.POPULATE_READ, offset & -PAGE, PAGE))
                .isNotInstanceOf(AdviceResult.Refused.class);
        try (FileDescriptor memory = FileDescriptor.open(Path.of("/proc/self/mem"), OpenMode.READ);
                Arena arena = Arena.ofConfined()) {
            MemorySegment one = arena.allocate(1);
            LinuxException.check(memory.readAt(mapping.address() + offset, one), "pread", offset);
            return one.get(ValueLayout.JAVA_BYTE, 0);
        }
    }

    @Test
    void itsSocketIsGoneAsSoonAsItIsConnected() {
        String[] arguments = child().info().arguments().orElseThrow();
        Path socket = Path.of(arguments[arguments.length - 1]);

        assertThat(socket.getFileName()).hasToString("socket");
        assertThat(socket.getParent()).doesNotExist();
    }

    @Test
    void populatesEverythingAndCountsNoFault() {
        server.populate();

        assertThat(PageMap.present(mapping).cardinality()).isEqualTo(4);
        assertThat(byteAt(0)).isEqualTo((byte) 7);
        assertThat(byteAt(CONTENT - 1)).isEqualTo((byte) 7);
        assertThat(byteAt(CONTENT)).isZero();
        assertThat(byteAt(MEMORY - 1)).isZero();
        assertThat(server.servedFaults()).isZero();
    }

    @Test
    void servesOnePageForOneFault() {
        assertThat(server.servedFaults()).isZero();
        assertThat(mapping.advise(Advice.POPULATE_READ, PAGE, PAGE)).isNotInstanceOf(AdviceResult.Refused.class);

        assertThat(server.servedFaults()).isEqualTo(1);
        assertThat(PageMap.present(mapping).stream()).containsExactly(1);
        assertThat(byteAt(PAGE)).isEqualTo((byte) 7);
        assertThat(byteAt(3 * PAGE)).isZero();
        assertThat(server.servedFaults()).isEqualTo(2);
    }

    @Test
    void populatingAfterFaultsKeepsWhatIsThere() {
        assertThat(byteAt(0)).isEqualTo((byte) 7);
        assertThat(byteAt(2 * PAGE)).isZero();

        server.populate();

        assertThat(PageMap.present(mapping).cardinality()).isEqualTo(4);
        assertThat(server.servedFaults()).isEqualTo(2);
    }

    @Test
    void aFileThatIsGoneFailsThePopulationWithTheReason() throws IOException {
        Files.write(path, new byte[0]);

        assertThatExceptionOfType(PopulationException.class)
                .isThrownBy(server::populate)
                .withMessageContaining("the second process failed UFFDIO_COPY: EFAULT (14)");
    }

    @Test
    void aFaultThatCannotBeServedEndsTheGuardAndIsReported() throws IOException {
        Files.write(path, new byte[0]);

        // The page can be touched, so whoever waits for it goes on; what it holds is not to be trusted, and nobody
        // does.
        assertThat(mapping.advise(Advice.POPULATE_READ, 0, PAGE)).isNotInstanceOf(AdviceResult.Refused.class);
        for (int i = 0; i < 2; i++) {
            assertThatExceptionOfType(PopulationException.class)
                    .isThrownBy(server::servedFaults)
                    .withMessageContaining("the second process failed UFFDIO_COPY: EFAULT (14)");
        }
    }

    @Test
    void aSecondProcessThatDiesIsNoticed() {
        ProcessHandle child = child();
        child.destroyForcibly();
        child.onExit().join();

        assertThatExceptionOfType(RuntimeException.class)
                .isThrownBy(server::servedFaults)
                .isInstanceOfAny(PopulationException.class, LinuxException.class);
    }

    @Test
    void closingEndsItAndClosingTwiceIsAllowed() {
        ProcessHandle child = child();

        server.close();
        server.close();

        assertThat(child.isAlive()).isFalse();
    }
}
