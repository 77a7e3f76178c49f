package io.guestmem.kvm.populate;

import static io.guestmem.kvm.populate.PopulateScene.PAGE;
import static io.guestmem.kvm.populate.PopulateScene.page;
import static io.guestmem.kvm.populate.PopulateScene.pages;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.abort;

import io.guestmem.kvm.populate.MemoryOffer.Failed;
import io.guestmem.kvm.populate.MemoryOffer.Part;
import io.guestmem.kvm.populate.MemoryOffer.Received;
import io.guestmem.kvm.populate.MemoryOffer.Sent;
import io.guestmem.kvm.populate.MemoryOffer.Stranger;
import io.guestmem.linux.FaultScope;
import io.guestmem.linux.FileDescriptor;
import io.guestmem.linux.GuardedMapping;
import io.guestmem.linux.HandshakeResult;
import io.guestmem.linux.InstallMode;
import io.guestmem.linux.LinuxException;
import io.guestmem.linux.Mapping;
import io.guestmem.linux.Memfd;
import io.guestmem.linux.ProcessMemory;
import io.guestmem.linux.Protection;
import io.guestmem.linux.RegisterMode;
import io.guestmem.linux.Sharing;
import io.guestmem.linux.UnixSocket;
import io.guestmem.linux.Userfaultfd;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Memory that one process offers and another populates: descriptors over a socket, and who may have them. */
class MemoryOfferTest {
    @TempDir
    Path directory;

    private static long openFiles() throws IOException {
        try (Stream<Path> open = Files.list(Path.of("/proc/self/fd"))) {
            return open.count();
        }
    }

    @Test
    void anotherProcessFillsAMemfd() throws IOException {
        try (FileDescriptor file = Memfd.create("guest", 16 * PAGE);
                Mapping mapping = Mapping.of(file, 0, 16 * PAGE, Protection.READ_WRITE, Sharing.SHARED);
                OtherProcess other = OtherProcess.start(directory, "populate 1 8")) {
            List<Part> parts = List.of(new Part.OfFile(pages(0, 16), file, 0));

            assertThat(MemoryOffer.send(other.socket(), OtherProcess.uid(), parts))
                    .isEqualTo(new Sent());

            assertThat(other.answers()).containsExactly("Done 32768 [NOT_IN_STAGE_TWO]");
            assertThat(mapping.segment().get(ValueLayout.JAVA_LONG, 0)).isZero();
            assertThat(mapping.segment().get(ValueLayout.JAVA_LONG, PAGE)).isEqualTo(500);
            assertThat(mapping.segment().get(ValueLayout.JAVA_LONG, 8 * PAGE)).isEqualTo(507);
            assertThat(mapping.segment().get(ValueLayout.JAVA_LONG, 9 * PAGE)).isZero();
        }
    }

    @Test
    void anotherProcessFillsMemoryUnderAUserfaultfdAndLeavesWhatIsThere() throws IOException {
        try (GuardedMapping memory = GuardedMapping.anonymous(16 * PAGE, Sharing.PRIVATE);
                Userfaultfd userfaultfd = guard(memory);
                OtherProcess other = OtherProcess.start(directory, "populate 0 8");
                Arena arena = Arena.ofConfined()) {
            MemorySegment own = arena.allocate(PAGE).fill((byte) 7);
            userfaultfd.copy(memory.address() + 2 * PAGE, own, InstallMode.WAKE);
            List<Part> parts =
                    List.of(new Part.OfUserfaultfd(pages(0, 16), userfaultfd.descriptor(), memory.address()));

            assertThat(MemoryOffer.send(other.socket(), OtherProcess.uid(), parts))
                    .isEqualTo(new Sent());

            assertThat(other.answers()).containsExactly("Done 32768 [NOT_IN_STAGE_TWO]");
            MemorySegment word = arena.allocate(ValueLayout.JAVA_LONG);
            int self = (int) ProcessHandle.current().pid();
            for (long i = 0; i < 8; i++) {
                assertThat(ProcessMemory.read(self, memory.address() + i * PAGE, word))
                        .isEqualTo(8);
                assertThat(word.get(ValueLayout.JAVA_LONG, 0)).isEqualTo(i == 2 ? 0x0707070707070707L : 500 + i);
            }
        }
    }

    private static Userfaultfd guard(GuardedMapping memory) {
        Userfaultfd userfaultfd;
        try {
            userfaultfd = Userfaultfd.open(FaultScope.USER_AND_KERNEL);
        } catch (LinuxException refused) {
            return abort("no userfaultfd here: " + refused.getMessage());
        }
        assertThat(userfaultfd.handshake(Set.of())).isInstanceOf(HandshakeResult.Agreed.class);
        userfaultfd.register(memory, EnumSet.of(RegisterMode.MISSING));
        return userfaultfd;
    }

    @Test
    void strangersGetNothingAndAreNotBelieved() throws IOException {
        int stranger = OtherProcess.uid() + 1;
        try (UnixSocket.Pair pair = UnixSocket.pair();
                FileDescriptor file = Memfd.create("guest", PAGE)) {
            List<Part> parts = List.of(new Part.OfFile(pages(0, 1), file, 0));

            assertThat(MemoryOffer.send(pair.first(), stranger, parts))
                    .isInstanceOfSatisfying(
                            Stranger.class,
                            refused -> assertThat(refused.peer().uid()).isEqualTo(stranger - 1));
            pair.first().shutdown();
            assertThat(MemoryOffer.receive(pair.second(), OtherProcess.uid()))
                    .as("nothing was sent")
                    .isEqualTo(new Failed("the connection ended"));
            assertThat(MemoryOffer.receive(pair.second(), stranger)).isInstanceOf(Stranger.class);
        }
    }

    @Test
    void anOfferOfMoreThanTheFileHasIsRefusedAndEveryDescriptorClosed() throws IOException {
        try (UnixSocket.Pair pair = UnixSocket.pair();
                FileDescriptor file = Memfd.create("guest", 4 * PAGE)) {
            List<Part> parts = List.of(new Part.OfFile(pages(0, 2), file, 0), new Part.OfFile(pages(2, 4), file, PAGE));
            long before = openFiles();

            assertThat(MemoryOffer.send(pair.first(), OtherProcess.uid(), parts))
                    .isEqualTo(new Sent());

            assertThat(MemoryOffer.receive(pair.second(), OtherProcess.uid()))
                    .isEqualTo(new Failed(pages(2, 4) + " at 4096 is not inside the file of 16384 bytes"));
            assertThat(openFiles()).isEqualTo(before);
        }
    }

    @Test
    void whatIsNoOfferIsRefused() throws IOException {
        try (UnixSocket.Pair pair = UnixSocket.pair();
                FileDescriptor file = Memfd.create("guest", 4 * PAGE);
                Arena arena = Arena.ofConfined()) {
            long before = openFiles();
            pair.first().send(arena.allocate(16).fill((byte) 1), file);

            assertThat(MemoryOffer.receive(pair.second(), OtherProcess.uid()))
                    .isEqualTo(new Failed("no offer, or not a descriptor for each part"));
            assertThat(openFiles()).isEqualTo(before);
        }
    }

    @Test
    void anOfferIsGivenBackByClosingIt() throws IOException {
        try (UnixSocket.Pair pair = UnixSocket.pair();
                FileDescriptor file = Memfd.create("guest", 4 * PAGE)) {
            long before = openFiles();
            MemoryOffer.send(pair.first(), OtherProcess.uid(), List.of(new Part.OfFile(pages(0, 4), file, 0)));

            if (!(MemoryOffer.receive(pair.second(), OtherProcess.uid()) instanceof Received(OfferedMemory offered))) {
                throw new AssertionError("not received");
            }
            assertThat(offered.guest().at(page(3).value())).isPresent();
            offered.close();

            assertThat(openFiles()).isEqualTo(before);
        }
    }
}
