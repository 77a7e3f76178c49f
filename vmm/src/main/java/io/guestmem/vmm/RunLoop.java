package io.guestmem.vmm;

import io.guestmem.kvm.Exit;
import io.guestmem.kvm.Vcpu;
import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/**
 * Runs a guest program on a vCPU until it is done, the time is up, or somebody stops it. For one run; {@link #stop} may be
 * called by any thread, at any time.
 */
public final class RunLoop {
    private final Vcpu vcpu;
    private final CountDownLatch ended = new CountDownLatch(1);
    private volatile boolean stopped;
    private volatile boolean timeUp;

    /** A loop for a vCPU that has been loaded with a program. */
    public RunLoop(Vcpu vcpu) {
        this.vcpu = vcpu;
    }

    /** Ends the run as soon as the guest can be interrupted. */
    public void stop() {
        stopped = true;
        vcpu.interrupt();
    }

    /**
     * Runs the program on the calling thread.
     *
     * @param limit how long at most
     * @throws io.guestmem.abi.KernelException if {@code KVM_RUN} fails, as with EFAULT where there is no memory behind a
     *     memslot
     */
    public RunOutcome run(Duration limit) {
        Thread watchdog = Thread.ofPlatform().daemon().name("run-limit").start(() -> watch(limit));
        try {
            return loop();
        } finally {
            ended.countDown();
            join(watchdog);
        }
    }

    /** The watchdog must be gone before the caller may close the vCPU that it interrupts. */
    private static void join(Thread watchdog) {
        boolean interrupted = false;
        while (watchdog.isAlive()) {
            try {
                watchdog.join();
            } catch (InterruptedException _) {
                interrupted = true;
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    private void watch(Duration limit) {
        try {
            if (!ended.await(TimeUnit.NANOSECONDS.convert(limit), TimeUnit.NANOSECONDS)) {
                timeUp = true;
                vcpu.interrupt();
            }
        } catch (InterruptedException _) {
            Thread.currentThread().interrupt();
        }
    }

    private RunOutcome loop() {
        while (true) {
            if (stopped) {
                return new RunOutcome.Stopped(vcpu.registers());
            }
            if (timeUp) {
                return new RunOutcome.TimedOut(vcpu.registers());
            }
            Exit exit = vcpu.run();
            if (exit instanceof Exit.Io io && io.isOutput() && io.port() == GuestProgram.DONE_PORT) {
                return new RunOutcome.Finished(vcpu.registers());
            }
            if (!(exit instanceof Exit.Interrupted)) {
                return new RunOutcome.Failed(exit, vcpu.registers());
            }
        }
    }
}
