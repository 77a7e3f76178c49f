package io.guestmem.kvm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import io.guestmem.abi.ErrorNumber;
import io.guestmem.abi.GuestPhysical;
import io.guestmem.abi.GuestRange;
import io.guestmem.abi.KernelException;
import io.guestmem.abi.KvmIoctl;
import io.guestmem.abi.PreFaultMemoryLayout;
import io.guestmem.abi.VmType;
import io.guestmem.kvm.ScriptedKernel.Answer;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.time.Duration;
import java.util.Collections;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** The loop around {@code KVM_PRE_FAULT_MEMORY}, against answers that a real kernel gives when it is busy or broken. */
class PreFaultTest {
    private static final GuestRange RANGE = GuestRange.of(0x10000, 0x8000);
    private static final long EAGAIN = -ErrorNumber.EAGAIN.number();
    private static final long EINTR = -ErrorNumber.EINTR.number();

    private final ScriptedKernel kernel = new ScriptedKernel();
    private final Kvm kvm = Kvm.open(kernel);
    private final Vcpu vcpu = kvm.createVm(VmType.DEFAULT).createVcpu(0);

    @AfterEach
    void everyAnswerWasAskedForAndNothingMore() {
        kvm.close();
        assertThat(kernel.unused()).isZero();
    }

    private PreFaultResult preFault(Duration busyLimit, Answer... answers) {
        kernel.on(KvmIoctl.PRE_FAULT_MEMORY, answers);
        return vcpu.preFault(RANGE, busyLimit);
    }

    /** What the kernel does on progress: the struct says what is left, the result is 0. */
    private static Answer progress(long bytes) {
        return struct -> {
            add(struct, PreFaultMemoryLayout.GPA, bytes);
            add(struct, PreFaultMemoryLayout.SIZE, -bytes);
            return 0;
        };
    }

    private static void add(MemorySegment struct, int at, long value) {
        struct.set(ValueLayout.JAVA_LONG, at, struct.get(ValueLayout.JAVA_LONG, at) + value);
    }

    @Test
    void theStructCarriesTheRangeAndNoFlags() {
        long[] seen = new long[3];
        PreFaultResult result = preFault(Duration.ZERO, struct -> {
            MemorySegment.copy(struct, ValueLayout.JAVA_LONG, 0, seen, 0, 3);
            return progress(0x8000).answer(struct);
        });

        assertThat(seen).containsExactly(0x10000, 0x8000, 0);
        assertThat(result).isEqualTo(new PreFaultResult.Complete(0x8000));
    }

    @Test
    @DisplayName("PF-45: a partial result hides an error, which the next call shows")
    void partialProgressThenTheErrorBehindIt() {
        PreFaultResult result = preFault(Duration.ZERO, progress(0x3000), Answer.of(-ErrorNumber.ENOENT.number()));

        assertThat(result)
                .isEqualTo(new PreFaultResult.Refused(0x3000, new GuestPhysical(0x13000), ErrorNumber.ENOENT));
    }

    @Test
    void anErrorWithoutProgressIsRefusedAtTheStart() {
        PreFaultResult result = preFault(Duration.ofHours(1), Answer.of(-ErrorNumber.EHWPOISON.number()));

        assertThat(result).isEqualTo(new PreFaultResult.Refused(0, new GuestPhysical(0x10000), ErrorNumber.EHWPOISON));
    }

    @Test
    void aSignalIsNoReasonToStop() {
        PreFaultResult result =
                preFault(Duration.ZERO, Answer.of(EINTR), progress(0x1000), Answer.of(EINTR), progress(0x7000));

        assertThat(result).isEqualTo(new PreFaultResult.Complete(0x8000));
    }

    @Test
    void withoutPatienceTheFirstEagainIsBusy() {
        PreFaultResult result = preFault(Duration.ZERO, progress(0x2000), Answer.of(EAGAIN));

        assertThat(result).isEqualTo(new PreFaultResult.Busy(0x2000, new GuestPhysical(0x12000)));
    }

    @Test
    void eagainEndsAfterTheLimitAndNotAfterACount() {
        Answer[] many = Collections.nCopies(1000, Answer.of(EAGAIN)).toArray(Answer[]::new);
        kernel.on(KvmIoctl.PRE_FAULT_MEMORY, many);
        kernel.on(KvmIoctl.PRE_FAULT_MEMORY, progress(0x8000));

        assertThat(vcpu.preFault(RANGE, Duration.ofHours(1))).isEqualTo(new PreFaultResult.Complete(0x8000));
    }

    @Test
    void progressStartsThePatienceAnew() {
        // Shorter than any pause: the first EAGAIN since the last progress is waited for, a second one never is.
        Duration limit = Duration.ofNanos(1);

        assertThat(preFault(limit, Answer.of(EAGAIN), progress(0x1000), Answer.of(EAGAIN), progress(0x7000)))
                .isEqualTo(new PreFaultResult.Complete(0x8000));
        assertThat(preFault(limit, progress(0x1000), Answer.of(EAGAIN), Answer.of(EAGAIN)))
                .isEqualTo(new PreFaultResult.Busy(0x1000, new GuestPhysical(0x11000)));
    }

    @Test
    void anInterruptedThreadStopsAndStaysInterrupted() {
        Answer interrupting = struct -> {
            Thread.currentThread().interrupt();
            return progress(0x1000).answer(struct);
        };
        PreFaultResult result = preFault(Duration.ZERO, interrupting);

        assertThat(Thread.interrupted()).isTrue();
        assertThat(result).isEqualTo(new PreFaultResult.Interrupted(0x1000, new GuestPhysical(0x11000)));
    }

    @Test
    void anInterruptEndsTheWaitForABusySlot() throws InterruptedException {
        CountDownLatch busy = new CountDownLatch(1);
        Answer answer = _ -> {
            busy.countDown();
            return EAGAIN;
        };
        // How often it asks until the interrupt comes is up to the clock: always the same answer.
        kernel.otherwise(KvmIoctl.PRE_FAULT_MEMORY, answer);
        PreFaultResult[] result = new PreFaultResult[1];
        Thread thread = Thread.ofPlatform()
                .name("pre-fault")
                .start(() -> result[0] = vcpu.preFault(RANGE, Duration.ofHours(1)));
        busy.await();
        thread.interrupt();
        thread.join();

        assertThat(result[0]).isEqualTo(new PreFaultResult.Interrupted(0, RANGE.start()));
    }

    @Test
    void zeroWithoutProgressIsABrokenKernel() {
        assertThatIllegalStateException()
                .isThrownBy(() -> preFault(Duration.ZERO, Answer.of(0)))
                .withMessage("KVM_PRE_FAULT_MEMORY answered 0 and made no progress at 0x10000");
    }

    @Test
    void anErrnoWithoutANameKeepsItsNumberAndSaysHowFarItCame() {
        assertThatExceptionOfType(KernelException.class)
                .isThrownBy(() -> preFault(Duration.ZERO, progress(0x1000), Answer.of(-200)))
                .withMessage("KVM_PRE_FAULT_MEMORY: errno 200 (200): vCPU 0 at 0x11000, 4096 bytes done")
                .satisfies(refused -> assertThat(refused.errno()).isEqualTo(200));
    }
}
