package io.guestmem.linux;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(OpenDescriptors.class)
class PidFdTest {
    private static final long PAGE = MappedMemory.PAGE_SIZE;
    private static final int SIGKILL = 9;
    private static final int NO_SIGNAL = 0;

    /** Below {@code vm.mmap_min_addr}: never mapped. */
    private static final long NOWHERE = PAGE;

    private static int self() {
        return (int) ProcessHandle.current().pid();
    }

    private static void close(Process process) throws Exception {
        process.destroyForcibly().waitFor();
        process.getOutputStream().close();
        process.getInputStream().close();
        process.getErrorStream().close();
    }

    @Test
    void aProcessIsSignalledAndItsEndIsSeen() throws Exception {
        Process cat = new ProcessBuilder("cat").start();
        try (PidFd process = PidFd.open((int) cat.pid())) {
            assertThat(process.pid()).isEqualTo((int) cat.pid());
            assertThat(process.sendSignal(NO_SIGNAL)).isTrue();
            assertThat(Poll.await(process.descriptor(), PollEvents.READABLE, 0).isEmpty())
                    .isTrue();

            assertThat(process.sendSignal(SIGKILL)).isTrue();
            PollEvents ended = Poll.await(process.descriptor(), PollEvents.READABLE, TimeUnit.SECONDS.toNanos(30));
            assertThat(ended.isReadable()).isTrue();
            assertThat(cat.waitFor()).isEqualTo(128 + SIGKILL);
            assertThat(process.sendSignal(NO_SIGNAL)).isFalse();
            assertThat(process.advise(Advice.COLD, List.of(new RemoteRange(NOWHERE, PAGE))))
                    .isEqualTo(new ProcessAdviceResult.Refused(Errno.ESRCH));
            assertThatThrownBy(() -> PidFd.open((int) cat.pid())).hasMessageStartingWith("pidfd_open: ESRCH");
        } finally {
            close(cat);
        }
    }

    @Test
    void aDescriptorOfAnotherProcessIsCopied() throws Exception {
        Process cat = new ProcessBuilder("cat").start();
        try (PidFd process = PidFd.open((int) cat.pid());
                FileDescriptor output = process.duplicate(1);
                Mapping text = Mapping.anonymous(PAGE, Sharing.PRIVATE)) {
            assertThat(output.isCloseOnExec()).isTrue();
            text.segment().setString(0, "hello");
            assertThat(output.write(text.segment().asSlice(0, 5))).isEqualTo(5);
            assertThat(cat.getInputStream().readNBytes(5)).isEqualTo("hello".getBytes(StandardCharsets.US_ASCII));
            assertThatThrownBy(() -> process.duplicate(999)).hasMessageStartingWith("pidfd_getfd: EBADF (9)");
            assertThatThrownBy(() -> process.sendSignal(999)).hasMessageStartingWith("pidfd_send_signal: EINVAL");
        } finally {
            close(cat);
        }
    }

    @Test
    void adviceSaysHowFarItCameAndTheRestSaysWhy() {
        try (PidFd process = PidFd.open(self());
                Mapping memory = Mapping.anonymous(2 * PAGE, Sharing.PRIVATE)) {
            memory.segment().fill((byte) 1);
            RemoteRange good = new RemoteRange(memory.address(), 2 * PAGE);
            RemoteRange bad = new RemoteRange(NOWHERE, PAGE);
            ProcessAdviceResult all = process.advise(Advice.COLD, List.of(good, good));
            Assumptions.assumeFalse(
                    all.equals(new ProcessAdviceResult.Refused(Errno.EPERM)),
                    "process_madvise needs CAP_SYS_NICE here");
            assertThat(all).isEqualTo(new ProcessAdviceResult.Complete(4 * PAGE));
            assertThat(process.advise(Advice.COLD, List.of(good, bad, good)))
                    .isEqualTo(new ProcessAdviceResult.Partial(2 * PAGE));
            assertThat(process.advise(Advice.COLD, List.of(bad, good)))
                    .isEqualTo(new ProcessAdviceResult.Refused(Errno.ENOMEM));
            assertThatThrownBy(() -> process.advise(Advice.COLD, List.of()))
                    .isInstanceOf(IllegalArgumentException.class);
        }
    }

    @Test
    void adviceThatLosesDataIsNotForOtherProcesses() throws Exception {
        Process cat = new ProcessBuilder("cat").start();
        try (PidFd process = PidFd.open((int) cat.pid())) {
            assertThat(process.advise(Advice.DONT_NEED, List.of(new RemoteRange(NOWHERE, PAGE))))
                    .isEqualTo(new ProcessAdviceResult.Refused(Errno.EINVAL));
        } finally {
            close(cat);
        }
    }

    @Test
    void guardedMemoryIsCollapsedOnceItIsPopulated() {
        long huge = 2 << 20;
        GuardedMapping mapping = GuardedMapping.anonymous(2 * huge, Sharing.PRIVATE);
        try (Mapping content = Mapping.anonymous(huge, Sharing.PRIVATE);
                Guarded guarded = Guarded.of(mapping, Guarded.MISSING);
                PidFd process = PidFd.open(self())) {
            RemoteRange range = new RemoteRange((mapping.address() + huge - 1) & -huge, huge);
            long last = range.address() + huge - PAGE;
            assertThat(guarded.userfaultfd.copy(range.address(), content.address(), huge - PAGE, InstallMode.WAKE))
                    .isEqualTo(new InstallResult.Complete(huge - PAGE));
            assertThat(process.advise(Advice.COLLAPSE, List.of(range)))
                    .describedAs("one page is missing")
                    .isInstanceOf(ProcessAdviceResult.Refused.class);
            guarded.userfaultfd.copy(last, content.address(), PAGE, InstallMode.WAKE);
            ProcessAdviceResult result = process.advise(Advice.COLLAPSE, List.of(range));
            Assumptions.assumeTrue(
                    result instanceof ProcessAdviceResult.Complete, () -> "no huge page to be had: " + result);
            assertThat(result).isEqualTo(new ProcessAdviceResult.Complete(huge));
        }
    }

    @Test
    void memoryOfAProcessIsReadAsFarAsItIsThere() {
        try (Mapping from = Mapping.anonymous(2 * PAGE, Sharing.PRIVATE);
                Mapping into = Mapping.anonymous(2 * PAGE, Sharing.PRIVATE)) {
            from.segment().fill((byte) 0x42);
            from.protect(PAGE, PAGE, Protection.NONE);
            assertThat(ProcessMemory.read(self(), from.address() + 8, into.segment()))
                    .isEqualTo(PAGE - 8);
            assertThat(into.segment().get(ValueLayout.JAVA_BYTE, PAGE - 9)).isEqualTo((byte) 0x42);
            assertThat(into.segment().get(ValueLayout.JAVA_BYTE, PAGE - 8)).isZero();
            assertThat(ProcessMemory.read(self(), NOWHERE, into.segment())).isEqualTo(-Errno.EFAULT.number());
            assertThat(ProcessMemory.read(0x7FFF_FFFF, NOWHERE, into.segment())).isEqualTo(-Errno.ESRCH.number());
        }
    }

    @Test
    void faultsAndTimeAreCounted() {
        int pages = 64;
        try (Mapping memory = Mapping.anonymous(pages * PAGE, Sharing.PRIVATE)) {
            memory.advise(Advice.NO_HUGE_PAGE);
            ResourceUsage threadBefore = ResourceUsage.ofThread();
            ResourceUsage processBefore = ResourceUsage.ofProcess();
            memory.segment().fill((byte) 1);
            assertThat(ResourceUsage.ofThread().minorFaults() - threadBefore.minorFaults())
                    .isGreaterThanOrEqualTo(pages);
            ResourceUsage process = ResourceUsage.ofProcess();
            assertThat(process.minorFaults() - processBefore.minorFaults()).isGreaterThanOrEqualTo(pages);
            assertThat(process.majorFaults()).isGreaterThanOrEqualTo(processBefore.majorFaults());
            assertThat(process.userMicroseconds() + process.systemMicroseconds())
                    .isPositive();
        }
    }
}
