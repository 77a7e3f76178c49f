package io.guestmem.linux;

import static io.guestmem.linux.Guarded.MISSING;
import static io.guestmem.linux.Guarded.PAGE;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.Set;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** Resolving faults. Guarded memory is touched by system call only: see the package comment. */
@ExtendWith(OpenDescriptors.class)
class UserfaultfdTest {
    private static final AdviceResult DONE = new AdviceResult.Done();

    private Mapping source;

    @BeforeEach
    void fillTheSource() {
        source = Mapping.anonymous(4 * PAGE, Sharing.PRIVATE);
        for (int page = 0; page < 4; page++) {
            source.segment().asSlice(page * PAGE, PAGE).fill((byte) (0xA0 + page));
        }
    }

    @AfterEach
    void unmapTheSource() {
        source.close();
    }

    private InstallResult copy(Guarded guarded, int from, int pages, InstallMode mode) {
        return guarded.userfaultfd.copy(guarded.page(from), source.segment().asSlice(from * PAGE, pages * PAGE), mode);
    }

    @Test
    void aMissingFaultIsServedByCopy() throws Exception {
        try (Guarded guarded = Guarded.anonymous(4, MISSING, UserfaultfdFeature.THREAD_ID)) {
            Background<AdviceResult> touch = guarded.touch(1, Advice.POPULATE_READ);

            assertThat(guarded.next()).isEqualTo(new UserfaultfdEvent.PageFault(guarded.page(1), 0, touch.threadId()));
            assertThat(touch.isDone()).isFalse();
            assertThat(copy(guarded, 1, 1, InstallMode.WAKE)).isEqualTo(new InstallResult.Complete(PAGE));

            assertThat(touch.result()).isEqualTo(DONE);
            assertThat(guarded.contentOf(1)).isEqualTo((byte) 0xA1);
            assertThat(guarded.memory.residentPages(0, 4 * PAGE)).isEqualTo(1);
        }
    }

    @Test
    void aSourceNeedsNoAlignmentAndMayBeAnAddress() {
        try (Guarded guarded = Guarded.anonymous(4, MISSING)) {
            source.segment().fill((byte) 7);
            long unaligned = source.address() + 5;
            assertThat(guarded.userfaultfd.copy(guarded.page(0), unaligned, 2 * PAGE, InstallMode.WAKE))
                    .isEqualTo(new InstallResult.Complete(2 * PAGE));
            assertThat(guarded.contentOf(1)).isEqualTo((byte) 7);
        }
    }

    @Test
    void aPageThatIsThereIsAlreadyPresentAndKeepsItsContent() {
        try (Guarded guarded = Guarded.anonymous(4, MISSING)) {
            assertThat(copy(guarded, 0, 1, InstallMode.WAKE)).isEqualTo(new InstallResult.Complete(PAGE));
            assertThat(guarded.userfaultfd.zeropage(guarded.page(0), PAGE, InstallMode.WAKE))
                    .isEqualTo(new InstallResult.AlreadyPresent());
            assertThat(guarded.contentOf(0)).isEqualTo((byte) 0xA0);
        }
    }

    @Test
    void aCopyThatStopsEarlySaysHowFarItCameAndTheRestSaysWhy() {
        try (Guarded guarded = Guarded.anonymous(4, MISSING)) {
            copy(guarded, 2, 1, InstallMode.WAKE);

            assertThat(copy(guarded, 0, 4, InstallMode.WAKE)).isEqualTo(new InstallResult.Partial(2 * PAGE));
            assertThat(copy(guarded, 2, 2, InstallMode.WAKE)).isEqualTo(new InstallResult.AlreadyPresent());
            assertThat(copy(guarded, 3, 1, InstallMode.WAKE)).isEqualTo(new InstallResult.Complete(PAGE));
            assertThat(guarded.contentOf(1)).isEqualTo((byte) 0xA1);
            assertThat(guarded.contentOf(3)).isEqualTo((byte) 0xA3);
        }
    }

    @Test
    void refusalsKeepTheirErrno() {
        try (Guarded guarded = Guarded.anonymous(2, MISSING);
                GuardedMapping other = GuardedMapping.anonymous(PAGE, Sharing.PRIVATE)) {
            Userfaultfd userfaultfd = guarded.userfaultfd;
            long bytes = source.address();
            assertThat(userfaultfd.copy(other.address(), bytes, PAGE, InstallMode.WAKE))
                    .isEqualTo(new InstallResult.NotRegistered());
            assertThat(userfaultfd.copy(guarded.page(0) + 8, bytes, PAGE, InstallMode.WAKE))
                    .isEqualTo(new InstallResult.Refused(Errno.EINVAL));
            assertThat(userfaultfd.copy(guarded.page(0), bytes, PAGE + 1, InstallMode.WAKE))
                    .isEqualTo(new InstallResult.Refused(Errno.EINVAL));
            assertThat(userfaultfd.copy(guarded.page(0), 0, PAGE, InstallMode.WAKE))
                    .isEqualTo(new InstallResult.Refused(Errno.EFAULT));
            assertThat(copy(guarded, 0, 1, InstallMode.WRITE_PROTECTED))
                    .isEqualTo(new InstallResult.Refused(Errno.EINVAL));
            assertThat(guarded.memory.residentPages(0, 2 * PAGE)).isZero();
        }
    }

    @Test
    void zeropageServesAWrite() throws Exception {
        try (Guarded guarded = Guarded.anonymous(1, MISSING)) {
            Background<AdviceResult> touch = guarded.touch(0, Advice.POPULATE_WRITE);

            assertThat(guarded.next())
                    .isEqualTo(new UserfaultfdEvent.PageFault(guarded.page(0), UserfaultfdEvent.PageFault.WRITE, 0));
            assertThat(guarded.userfaultfd.zeropage(guarded.page(0), PAGE, InstallMode.WAKE))
                    .isEqualTo(new InstallResult.Complete(PAGE));
            assertThat(touch.result()).isEqualTo(DONE);
            assertThat(guarded.contentOf(0)).isZero();
        }
    }

    @Test
    void whoIsNotWokenWaitsForTheWake() throws Exception {
        try (Guarded guarded = Guarded.anonymous(1, MISSING)) {
            Background<AdviceResult> touch = guarded.touch(0, Advice.POPULATE_READ);
            guarded.next();

            assertThat(copy(guarded, 0, 1, InstallMode.NO_WAKE)).isEqualTo(new InstallResult.Complete(PAGE));
            touch.awaitBlockedIn(SystemCallNumber.MADVISE);
            guarded.userfaultfd.wake(guarded.page(0), PAGE);
            assertThat(touch.result()).isEqualTo(DONE);
        }
    }

    @Test
    void wakingWithoutInstallingBringsTheFaultAgain() throws Exception {
        try (Guarded guarded = Guarded.anonymous(1, MISSING)) {
            Background<AdviceResult> touch = guarded.touch(0, Advice.POPULATE_READ);
            UserfaultfdEvent first = guarded.next();
            guarded.userfaultfd.wake(guarded.page(0), PAGE);

            assertThat(guarded.next()).isEqualTo(first);
            copy(guarded, 0, 1, InstallMode.WAKE);
            assertThat(touch.result()).isEqualTo(DONE);
            assertThatThrownBy(() -> guarded.userfaultfd.wake(guarded.page(0), 0))
                    .isInstanceOf(LinuxException.class)
                    .hasMessageStartingWith("UFFDIO_WAKE: EINVAL (22): 0x");
        }
    }

    @Test
    void aWriteProtectedPageFaultsOnWriteUntilItIsAllowed() throws Exception {
        Set<RegisterMode> modes = Set.of(RegisterMode.MISSING, RegisterMode.WRITE_PROTECT);
        try (Guarded guarded = Guarded.anonymous(1, modes, UserfaultfdFeature.PAGEFAULT_FLAG_WP)) {
            copy(guarded, 0, 1, InstallMode.WRITE_PROTECTED);
            assertThat(guarded.memory.advise(Advice.POPULATE_READ)).isEqualTo(DONE);
            Background<AdviceResult> touch = guarded.touch(0, Advice.POPULATE_WRITE);
            long flags = UserfaultfdEvent.PageFault.WRITE | UserfaultfdEvent.PageFault.WRITE_PROTECT;
            assertThat(guarded.next()).isEqualTo(new UserfaultfdEvent.PageFault(guarded.page(0), flags, 0));

            assertThat(guarded.userfaultfd.writeProtect(guarded.page(0), PAGE, WriteProtectMode.ALLOW))
                    .isEqualTo(new InstallResult.Complete(PAGE));
            assertThat(touch.result()).isEqualTo(DONE);

            assertThat(guarded.userfaultfd.writeProtect(guarded.page(0), PAGE, WriteProtectMode.PROTECT))
                    .isEqualTo(new InstallResult.Complete(PAGE));
            Background<AdviceResult> again = guarded.touch(0, Advice.POPULATE_WRITE);
            guarded.next();
            guarded.userfaultfd.writeProtect(guarded.page(0), PAGE, WriteProtectMode.ALLOW_NO_WAKE);
            again.awaitBlockedIn(SystemCallNumber.MADVISE);
            guarded.userfaultfd.wake(guarded.page(0), PAGE);
            assertThat(again.result()).isEqualTo(DONE);
        }
    }

    @Test
    void writeProtectingWhatIsNotRegisteredForItIsNotRegistered() {
        try (Guarded guarded = Guarded.anonymous(1, MISSING)) {
            assertThat(guarded.userfaultfd.writeProtect(guarded.page(0), PAGE, WriteProtectMode.PROTECT))
                    .isEqualTo(new InstallResult.NotRegistered());
        }
    }

    @Test
    void aMinorFaultIsServedFromThePageCache() throws Exception {
        try (FileDescriptor file = Memfd.create("minor", 2 * PAGE);
                Mapping content = Mapping.of(file, 0, 2 * PAGE, Protection.READ_WRITE, Sharing.SHARED);
                Guarded guarded = Guarded.of(
                        GuardedMapping.of(file, 0, 2 * PAGE, Sharing.SHARED),
                        Set.of(RegisterMode.MINOR),
                        UserfaultfdFeature.MINOR_SHMEM)) {
            assertThat(guarded.userfaultfd.continueRange(guarded.page(0), PAGE, InstallMode.WAKE))
                    .isEqualTo(new InstallResult.Refused(Errno.EFAULT));
            content.segment().asSlice(0, PAGE).fill((byte) 0x5A);
            Background<AdviceResult> touch = guarded.touch(0, Advice.POPULATE_READ);
            assertThat(guarded.next())
                    .isEqualTo(new UserfaultfdEvent.PageFault(guarded.page(0), UserfaultfdEvent.PageFault.MINOR, 0));

            assertThat(guarded.userfaultfd.continueRange(guarded.page(0), PAGE, InstallMode.WAKE))
                    .isEqualTo(new InstallResult.Complete(PAGE));
            assertThat(touch.result()).isEqualTo(DONE);
            assertThat(guarded.contentOf(0)).isEqualTo((byte) 0x5A);
        }
    }

    @Test
    void poisonFailsTheTouch() throws Exception {
        try (Guarded guarded = Guarded.anonymous(2, MISSING, UserfaultfdFeature.POISON)) {
            Background<AdviceResult> touch = guarded.touch(0, Advice.POPULATE_READ);
            guarded.next();

            assertThat(guarded.userfaultfd.poison(guarded.page(0), PAGE, InstallMode.WAKE))
                    .isEqualTo(new InstallResult.Complete(PAGE));
            assertThat(touch.result()).isEqualTo(new AdviceResult.Refused(Errno.EHWPOISON));
            int self = (int) ProcessHandle.current().pid();
            assertThat(ProcessMemory.read(self, guarded.page(0), source.segment()))
                    .isEqualTo(-Errno.EFAULT.number());
        }
    }

    @Test
    void unregisteringEndsTheWait() throws Exception {
        try (Guarded guarded = Guarded.anonymous(1, MISSING)) {
            Background<AdviceResult> touch = guarded.touch(0, Advice.POPULATE_READ);
            guarded.next();
            guarded.userfaultfd.unregister(guarded.memory);
            assertThat(touch.result()).isEqualTo(DONE);
            assertThat(guarded.contentOf(0)).isZero();
        }
    }

    @Test
    void registeringTellsWhatCanBeDoneAndWhoHasIt() {
        try (Guarded guarded = Guarded.anonymous(1, MISSING);
                Userfaultfd second = Userfaultfd.open(FaultScope.USER_AND_KERNEL)) {
            assertThat(guarded.userfaultfd.register(guarded.memory, MISSING))
                    .contains(UserfaultfdOperation.COPY, UserfaultfdOperation.ZEROPAGE, UserfaultfdOperation.WAKE)
                    .doesNotContain(UserfaultfdOperation.WRITEPROTECT, UserfaultfdOperation.CONTINUE);
            second.handshake(Set.of());
            assertThatThrownBy(() -> second.register(guarded.memory, MISSING))
                    .isInstanceOfSatisfying(
                            LinuxException.class,
                            busy -> assertThat(busy.errno()).isEqualTo(Errno.EBUSY));
            assertThatThrownBy(() -> guarded.userfaultfd.unregister(0x1000, PAGE))
                    .hasMessageStartingWith("UFFDIO_UNREGISTER: ");
        }
    }

    @Test
    void aMappingThatIsClosedCannotBeRegistered() {
        try (Guarded guarded = Guarded.anonymous(1, MISSING)) {
            guarded.memory.close();
            assertThatThrownBy(() -> guarded.userfaultfd.register(guarded.memory, MISSING))
                    .isInstanceOf(IllegalStateException.class);
        }
    }

    @Test
    void aClosedSourceIsNoSource() {
        try (Guarded guarded = Guarded.anonymous(1, MISSING)) {
            source.close();
            assertThatThrownBy(() -> copy(guarded, 0, 1, InstallMode.WAKE)).isInstanceOf(IllegalStateException.class);
            assertThat(guarded.memory.residentPages(0, PAGE)).isZero();
        }
    }

    @Test
    void theHandshakeIsMadeOnce() {
        try (Guarded guarded = Guarded.anonymous(1, MISSING)) {
            assertThat(guarded.userfaultfd.handshake(Set.of())).isEqualTo(new HandshakeResult.Refused(Errno.EINVAL));
            assertThat(Userfaultfd.offered(FaultScope.USER_AND_KERNEL).offered())
                    .contains(UserfaultfdFeature.EVENT_REMOVE, UserfaultfdFeature.MISSING_SHMEM);
        }
    }

    @Test
    void aUserOnlyOneLetsSystemCallsFail() {
        GuardedMapping memory = GuardedMapping.anonymous(PAGE, Sharing.PRIVATE);
        try (memory;
                Userfaultfd userOnly = Guarded.open(FaultScope.USER_ONLY)) {
            userOnly.handshake(Set.of());
            userOnly.register(memory, MISSING);
            int self = (int) ProcessHandle.current().pid();
            assertThat(ProcessMemory.read(
                            self, memory.address(), source.segment().asSlice(0, PAGE)))
                    .isEqualTo(-Errno.EFAULT.number());
        }
    }

    @Test
    void theDeviceGivesOneToo() {
        Userfaultfd device;
        try {
            device = Userfaultfd.openByDevice(FaultScope.USER_AND_KERNEL);
        } catch (LinuxException refused) {
            Assumptions.abort("no access to the device: " + refused.getMessage());
            return;
        }
        try (device) {
            assertThat(device.handshake(Set.of())).isInstanceOf(HandshakeResult.Agreed.class);
            assertThat(device.descriptor().isCloseOnExec()).isTrue();
            assertThat(new UserfaultfdEvents().read(device)).isZero();
        }
    }

    @Test
    void whenNoWayWorksBothErrnosAreTold() {
        Guarded.open(FaultScope.USER_ONLY).close(); // or the kernel has none at all
        int unknownFlag = 1 << 30;
        assertThatThrownBy(() -> Userfaultfd.open(unknownFlag, Path.of("/nonexistent/userfaultfd")))
                .isInstanceOf(LinuxException.class)
                .hasMessage("userfaultfd: EINVAL (22): and openat: ENOENT (2): /nonexistent/userfaultfd");
        assertThatThrownBy(() -> Userfaultfd.open(unknownFlag, Path.of("/dev/null")))
                .hasMessage("userfaultfd: EINVAL (22): and USERFAULTFD_IOC_NEW: ENOTTY (25): /dev/null");
    }

    @Test
    void oneFromAnotherHandServesTheSameMemory() {
        try (Guarded guarded = Guarded.anonymous(1, MISSING);
                UnixSocket.Pair sockets = UnixSocket.pair()) {
            sockets.first().send(source.segment().asSlice(0, 1), guarded.userfaultfd.descriptor());
            ReceiveResult.Received received = (ReceiveResult.Received)
                    sockets.second().receive(source.segment().asSlice(PAGE, 1), 1);
            try (Userfaultfd adopted = Userfaultfd.adopt(received.descriptors().getFirst())) {
                assertThat(adopted.zeropage(guarded.page(0), PAGE, InstallMode.WAKE))
                        .isEqualTo(new InstallResult.Complete(PAGE));
                assertThat(source.segment().get(ValueLayout.JAVA_BYTE, PAGE)).isEqualTo((byte) 0xA0);
            }
        }
    }
}
