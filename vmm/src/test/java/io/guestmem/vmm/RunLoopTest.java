package io.guestmem.vmm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import io.guestmem.abi.ErrorNumber;
import io.guestmem.abi.GuestRange;
import io.guestmem.abi.HostMemory;
import io.guestmem.abi.HostVirtual;
import io.guestmem.abi.KernelException;
import io.guestmem.abi.VmType;
import io.guestmem.kvm.Exit;
import io.guestmem.kvm.Kvm;
import io.guestmem.kvm.Memslot;
import io.guestmem.kvm.Registers.Register;
import java.lang.foreign.ValueLayout;
import java.time.Duration;
import java.time.temporal.ChronoUnit;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A machine and its run loop: every way a run can end. */
class RunLoopTest {
    private static final long PAGE = 4096;
    private static final Duration LIMIT = Duration.ofMinutes(5);

    private Kvm kvm;
    private HostMemory memory;
    private Machine machine;

    @BeforeEach
    void makeMachine() {
        kvm = Kvm.open(HostKernel.get());
        memory = kvm.kernel().allocate(4 * PAGE);
        machine = Machine.create(kvm, VmType.DEFAULT, memory.length());
    }

    @AfterEach
    void closeAll() {
        if (kvm != null) {
            machine.close();
            memory.close();
            kvm.close();
        }
    }

    private void putMemory() {
        machine.vm().set(Memslot.of(Machine.MEMORY_SLOT, machine.memory().start(), memory));
    }

    @Test
    void aProgramThatIsDone() {
        putMemory();
        machine.load(GuestProgram.touch(machine.memory(), PAGE, GuestProgram.Access.WRITE));

        assertThat(new RunLoop(machine.vcpu()).run(LIMIT)).isInstanceOf(RunOutcome.Finished.class);
        assertThat(memory.segment().get(ValueLayout.JAVA_LONG, 3 * PAGE)).isEqualTo(1);
    }

    @Test
    void aLimitOfForeverIsOne() {
        putMemory();
        machine.load(GuestProgram.touch(machine.memory(), PAGE, GuestProgram.Access.READ));

        assertThat(new RunLoop(machine.vcpu()).run(ChronoUnit.FOREVER.getDuration()))
                .isInstanceOf(RunOutcome.Finished.class);
    }

    @ParameterizedTest
    @ValueSource(longs = {0, 50})
    void aProgramThatNeverEndsIsEndedByTheLimit(long millis) {
        machine.load(GuestProgram.spin());

        assertThat(new RunLoop(machine.vcpu()).run(Duration.ofMillis(millis))).isInstanceOf(RunOutcome.TimedOut.class);
    }

    @Test
    void aMachineRunsAgainAfterTheLimit() {
        putMemory();
        machine.load(GuestProgram.spin());
        new RunLoop(machine.vcpu()).run(Duration.ofMillis(1));
        machine.load(GuestProgram.checksum(machine.memory()));

        assertThat(new RunLoop(machine.vcpu()).run(LIMIT)).isInstanceOf(RunOutcome.Finished.class);
    }

    @Test
    void stoppedBeforeItBegins() {
        machine.load(GuestProgram.spin());
        RunLoop loop = new RunLoop(machine.vcpu());
        loop.stop();

        assertThat(loop.run(LIMIT)).isInstanceOf(RunOutcome.Stopped.class);
    }

    /** Runs a guest that is not done for ages on another thread, until it is known to be inside. */
    private CompletableFuture<RunOutcome> busy(RunLoop loop) {
        putMemory();
        machine.load(GuestProgram.touch(GuestRange.of(0, Long.MAX_VALUE & -8), 8, GuestProgram.Access.WRITE));
        machine.vcpu()
                .setRegisters(machine.vcpu().registers().with(Register.RDX, 0).with(Register.RCX, Long.MAX_VALUE));
        CompletableFuture<RunOutcome> outcome = new CompletableFuture<>();
        Thread.ofPlatform().name("run-loop").start(() -> {
            try {
                outcome.complete(loop.run(LIMIT));
            } catch (RuntimeException failed) {
                outcome.completeExceptionally(failed);
            }
        });
        var word = ValueLayout.JAVA_LONG.varHandle();
        while ((long) word.getVolatile(memory.segment(), 0L) == 0) {
            assertThat(outcome).isNotDone();
            Thread.onSpinWait();
        }
        return outcome;
    }

    @Test
    void stoppedFromAnotherThread() throws Exception {
        RunLoop loop = new RunLoop(machine.vcpu());
        CompletableFuture<RunOutcome> outcome = busy(loop);

        loop.stop();

        assertThat(outcome.get(2, TimeUnit.MINUTES)).isInstanceOf(RunOutcome.Stopped.class);
    }

    @Test
    void closedFromAnotherThread() {
        CompletableFuture<RunOutcome> outcome = busy(new RunLoop(machine.vcpu()));

        machine.vm().close();

        assertThat(outcome.handle((_, failed) -> failed).join())
                .isInstanceOf(IllegalStateException.class)
                .hasMessage("vCPU 0 is closed");
    }

    @Test
    void anAccessOutsideMemslotsFails() {
        machine.load(GuestProgram.touch(machine.memory(), PAGE, GuestProgram.Access.WRITE));

        assertThat(new RunLoop(machine.vcpu()).run(LIMIT))
                .isInstanceOfSatisfying(
                        RunOutcome.Failed.class,
                        failed -> assertThat(failed.exit()).isEqualTo(new Exit.Mmio(0, 4, 8, true)));
    }

    @Test
    void noMemoryBehindTheSlotIsAnErrno() {
        machine.vm().set(Memslot.of(Machine.MEMORY_SLOT, machine.memory(), new HostVirtual(0)));
        machine.load(GuestProgram.checksum(machine.memory()));

        assertThatExceptionOfType(KernelException.class)
                .isThrownBy(() -> new RunLoop(machine.vcpu()).run(LIMIT))
                .satisfies(failed -> assertThat(failed.errno()).isEqualTo(ErrorNumber.EFAULT.number()));
    }

    @ParameterizedTest
    @ValueSource(longs = {0, -4096, 4097, Machine.MOST_MEMORY + 4096})
    void impossibleSizes(long size) {
        assertThatIllegalArgumentException().isThrownBy(() -> Machine.create(kvm, VmType.DEFAULT, size));
    }

    @Test
    void theMostMemoryIsReachedToItsLastPage() {
        try (Machine large = Machine.create(kvm, VmType.DEFAULT, Machine.MOST_MEMORY);
                HostMemory last = kvm.kernel().allocate(PAGE)) {
            GuestRange end = GuestRange.of(Machine.MOST_MEMORY - PAGE, PAGE);
            large.vm().set(Memslot.of(Machine.MEMORY_SLOT, end.start(), last));
            large.load(GuestProgram.touch(end, PAGE, GuestProgram.Access.WRITE));

            assertThat(new RunLoop(large.vcpu()).run(LIMIT)).isInstanceOf(RunOutcome.Finished.class);
            assertThat(last.segment().get(ValueLayout.JAVA_LONG, 0)).isEqualTo(1);
        }
    }

    @Test
    void aClosedMachineDoesNotRun() {
        Machine other = Machine.create(kvm, VmType.DEFAULT, PAGE);
        other.close();
        other.close();

        assertThatIllegalStateException().isThrownBy(() -> new RunLoop(other.vcpu()).run(LIMIT));
    }
}
