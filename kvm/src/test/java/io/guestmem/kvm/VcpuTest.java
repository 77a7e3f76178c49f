package io.guestmem.kvm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import io.guestmem.abi.ErrorNumber;
import io.guestmem.abi.ExitReason;
import io.guestmem.abi.KernelException;
import io.guestmem.abi.KvmIoctl;
import io.guestmem.abi.RunLayout;
import io.guestmem.abi.VmType;
import io.guestmem.kvm.ScriptedKernel.Answer;
import java.lang.foreign.ValueLayout;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** {@link Vcpu#run}: what becomes of {@code struct kvm_run}, and of interruptions that come at any moment. */
class VcpuTest {
    private static final long EINTR = -ErrorNumber.EINTR.number();

    private final ScriptedKernel kernel = new ScriptedKernel();
    private final Kvm kvm = Kvm.open(kernel);
    private final Vcpu vcpu = kvm.createVm(VmType.DEFAULT).createVcpu(0);

    @AfterEach
    void everyAnswerWasAskedFor() {
        kvm.close();
        assertThat(kernel.unused()).isZero();
    }

    private void u8(int at, int value) {
        kernel.run.set(ValueLayout.JAVA_BYTE, at, (byte) value);
    }

    private void u16(int at, int value) {
        kernel.run.set(ValueLayout.JAVA_SHORT, at, (short) value);
    }

    private void u32(int at, int value) {
        kernel.run.set(ValueLayout.JAVA_INT, at, value);
    }

    private void u64(int at, long value) {
        kernel.run.set(ValueLayout.JAVA_LONG, at, value);
    }

    private byte immediateExit() {
        return kernel.run.get(ValueLayout.JAVA_BYTE, RunLayout.IMMEDIATE_EXIT);
    }

    /** One run that ends with a result, an exit reason, and what else it writes. */
    private Exit run(long result, int reason, Runnable more) {
        kernel.on(KvmIoctl.RUN, _ -> {
            u32(RunLayout.EXIT_REASON, reason);
            more.run();
            return result;
        });
        return vcpu.run();
    }

    private Exit run(int reason) {
        return run(0, reason, () -> {});
    }

    @Test
    void portInputAndOutput() {
        Exit out = run(0, ExitReason.IO, () -> {
            u8(RunLayout.IO_DIRECTION, RunLayout.IO_OUT);
            u8(RunLayout.IO_SIZE, 4);
            u16(RunLayout.IO_PORT, 0xFFF0);
            u32(RunLayout.IO_COUNT, 3);
            u64(RunLayout.IO_DATA_OFFSET, 4096);
        });
        assertThat(out).isEqualTo(new Exit.Io(true, 4, 0xFFF0, 3, 4096));
        assertThat(vcpu.ioData((Exit.Io) out).byteSize()).isEqualTo(12);
        assertThat(vcpu.ioData((Exit.Io) out).address()).isEqualTo(kernel.run.address() + 4096);

        assertThat(run(0, ExitReason.IO, () -> u8(RunLayout.IO_DIRECTION, RunLayout.IO_IN)))
                .isEqualTo(new Exit.Io(false, 4, 0xFFF0, 3, 4096));
    }

    @Test
    void accessOutsideMemslots() {
        Exit write = run(0, ExitReason.MMIO, () -> {
            u64(RunLayout.MMIO_PHYS_ADDR, 0xF000_0000_1000L);
            u64(RunLayout.MMIO_DATA, 0x8877_6655_4433_2211L);
            u32(RunLayout.MMIO_LEN, 8);
            u8(RunLayout.MMIO_IS_WRITE, 1);
        });
        assertThat(write).isEqualTo(new Exit.Mmio(0xF000_0000_1000L, 0x8877_6655_4433_2211L, 8, true));

        assertThat(run(0, ExitReason.MMIO, () -> u8(RunLayout.MMIO_IS_WRITE, 0)))
                .isEqualTo(new Exit.Mmio(0xF000_0000_1000L, 0x8877_6655_4433_2211L, 8, false));
    }

    @Test
    void endsOfAGuest() {
        assertThat(run(ExitReason.HLT)).isEqualTo(new Exit.Halt());
        assertThat(run(ExitReason.SHUTDOWN)).isEqualTo(new Exit.Shutdown());
        assertThat(run(0, ExitReason.INTERNAL_ERROR, () -> u32(RunLayout.INTERNAL_SUBERROR, 3)))
                .isEqualTo(new Exit.KvmInternalError(3));
    }

    @Test
    void anyOtherReasonKeepsItsNumber() {
        assertThat(run(ExitReason.DIRTY_RING_FULL))
                .isEqualTo(new Exit.Unknown(31))
                .hasToString("Unknown[KVM_EXIT_DIRTY_RING_FULL]");
        assertThat(run(4711)).isEqualTo(new Exit.Unknown(4711)).hasToString("Unknown[exit reason 4711]");
    }

    @ParameterizedTest
    @EnumSource(
            value = ErrorNumber.class,
            names = {"EFAULT", "EHWPOISON"})
    void aMemoryFaultIsAnErrnoAndAnExitReason(ErrorNumber error) {
        Exit fault = run(-error.number(), ExitReason.MEMORY_FAULT, () -> {
            u64(RunLayout.MEMORY_FAULT_FLAGS, RunLayout.MEMORY_FAULT_PRIVATE);
            u64(RunLayout.MEMORY_FAULT_GPA, 0x7000);
            u64(RunLayout.MEMORY_FAULT_SIZE, 4096);
        });

        assertThat(fault).isEqualTo(new Exit.MemoryFault(0x7000, 4096, true, error));
    }

    @Test
    void anOldExitReasonExplainsNoNewErrno() {
        run(-ErrorNumber.EFAULT.number(), ExitReason.MEMORY_FAULT, () -> {});
        kernel.on(KvmIoctl.RUN, Answer.of(-ErrorNumber.EFAULT.number()));

        assertThatExceptionOfType(KernelException.class)
                .isThrownBy(vcpu::run)
                .withMessage("KVM_RUN: EFAULT (14): vCPU 0 exit reason KVM_EXIT_UNKNOWN");
    }

    @Test
    void aMemoryFaultWithAnotherErrnoIsNone() {
        assertThatExceptionOfType(KernelException.class)
                .isThrownBy(() -> run(-ErrorNumber.EIO.number(), ExitReason.MEMORY_FAULT, () -> {}))
                .satisfies(failed -> assertThat(failed.errno()).isEqualTo(ErrorNumber.EIO.number()));
    }

    @Test
    void theSignalMaskIsSetOnceForEachThread() throws InterruptedException {
        int[] masks = new int[1];
        kernel.otherwise(KvmIoctl.SET_SIGNAL_MASK, _ -> masks[0]++ & 0);

        run(ExitReason.HLT);
        run(ExitReason.HLT);
        assertThat(masks[0]).isEqualTo(1);

        Thread.ofPlatform().name("another").start(() -> run(ExitReason.HLT)).join();
        assertThat(masks[0]).isEqualTo(2);
    }

    @Test
    void anInterruptionBeforeTheRunEndsIt() {
        vcpu.interrupt();
        kernel.on(KvmIoctl.RUN, _ -> immediateExit() == 1 ? EINTR : 0);

        assertThat(vcpu.run()).isEqualTo(new Exit.Interrupted());
        assertThat(immediateExit()).isZero();
        assertThat(run(ExitReason.HLT)).isEqualTo(new Exit.Halt());
    }

    @Test
    void anInterruptionDuringTheRunSignalsItsThread() {
        kernel.on(KvmIoctl.RUN, _ -> {
            vcpu.interrupt();
            return EINTR;
        });

        assertThat(vcpu.run()).isEqualTo(new Exit.Interrupted());
        assertThat(kernel.log).endsWith("interrupt", "clear interrupt");
        assertThat(immediateExit()).isZero();
    }

    @Test
    void anInterruptionThatComesTooLateIsForTheNextRun() {
        assertThat(run(0, ExitReason.HLT, vcpu::interrupt)).isEqualTo(new Exit.Halt());
        assertThat(kernel.log).endsWith("interrupt", "clear interrupt");

        kernel.on(KvmIoctl.RUN, _ -> immediateExit() == 1 ? EINTR : 0);
        assertThat(vcpu.run()).isEqualTo(new Exit.Interrupted());
        assertThat(run(ExitReason.HLT)).isEqualTo(new Exit.Halt());
    }

    @Test
    void anInterruptionSurvivesARunThatFails() {
        assertThatExceptionOfType(KernelException.class)
                .isThrownBy(() -> run(-ErrorNumber.EFAULT.number(), ExitReason.UNKNOWN, vcpu::interrupt));

        kernel.on(KvmIoctl.RUN, _ -> immediateExit() == 1 ? EINTR : 0);
        assertThat(vcpu.run()).isEqualTo(new Exit.Interrupted());
    }

    /** Lets one run stand still in the kernel. */
    private CompletableFuture<Exit> standingRun(CountDownLatch goOn) throws InterruptedException {
        CountDownLatch inside = new CountDownLatch(1);
        kernel.on(KvmIoctl.RUN, _ -> {
            inside.countDown();
            await(goOn);
            u32(RunLayout.EXIT_REASON, ExitReason.HLT);
            return immediateExit() == 1 ? EINTR : 0;
        });
        CompletableFuture<Exit> exit = new CompletableFuture<>();
        Thread.ofPlatform().name("runner").start(() -> {
            try {
                exit.complete(vcpu.run());
            } catch (RuntimeException failed) {
                exit.completeExceptionally(failed);
            }
        });
        inside.await();
        return exit;
    }

    private static void await(CountDownLatch latch) {
        try {
            latch.await();
        } catch (InterruptedException interrupted) {
            throw new AssertionError(interrupted);
        }
    }

    @Test
    void aSecondThreadIsRefusedBeforeItAsksTheKernelForAnything() throws InterruptedException {
        CountDownLatch goOn = new CountDownLatch(1);
        CompletableFuture<Exit> first = standingRun(goOn);
        // Any request on a vCPU that runs waits for the run to end: this one would, for ever.
        kernel.otherwise(KvmIoctl.SET_SIGNAL_MASK, _ -> {
            throw new AssertionError("would wait");
        });

        assertThatIllegalStateException().isThrownBy(vcpu::run).withMessage("vCPU 0 is running on another thread");
        goOn.countDown();
        assertThat(first.join()).isEqualTo(new Exit.Halt());
    }

    @Test
    void closingEndsTheRunAndTheRunUnmapsTheSharedPages() throws InterruptedException {
        CountDownLatch goOn = new CountDownLatch(1);
        CompletableFuture<Exit> run = standingRun(goOn);

        vcpu.close();
        assertThat(kernel.log).contains("interrupt").doesNotContain("unmap vCPU 0");
        goOn.countDown();

        assertThat(run.join()).isEqualTo(new Exit.Interrupted());
        assertThat(kernel.log).endsWith("unmap vCPU 0");
        assertThatIllegalStateException().isThrownBy(vcpu::run).withMessage("vCPU 0 is closed");
        assertThatIllegalStateException().isThrownBy(vcpu::interrupt).withMessage("vCPU 0 is closed");
    }
}
