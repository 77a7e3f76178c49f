package io.guestmem.soft;

import static io.guestmem.soft.SoftHost.PAGE;
import static org.assertj.core.api.Assertions.assertThat;

import io.guestmem.abi.ErrorNumber;
import io.guestmem.abi.ExitReason;
import io.guestmem.abi.HostMemory;
import io.guestmem.abi.KvmFile;
import io.guestmem.abi.KvmIoctl;
import io.guestmem.soft.SoftHost.PreFaulted;
import io.guestmem.soft.vm.VcpuCounter;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** Requests that wait for something: a page, an invalidation, an entry, or the vCPU. */
class WaitingTest {
    private static final int SIGINT = 2;

    private static <T> FutureTask<T> start(Callable<T> task) {
        FutureTask<T> future = new FutureTask<>(task);
        Thread.ofPlatform().name("waiting").daemon().start(future);
        return future;
    }

    private static void assertWaits(FutureTask<?> task) throws Exception {
        try {
            task.get(50, TimeUnit.MILLISECONDS);
        } catch (TimeoutException _) { // as it should
            return;
        }
        throw new AssertionError("it does not wait");
    }

    private static <T> T result(FutureTask<T> task) throws Exception {
        return task.get(30, TimeUnit.SECONDS);
    }

    @Test
    void pf28AMissingPageIsWaitedFor() throws Exception {
        try (SoftHost host = new SoftHost();
                GuardedMemory guarded = host.kernel.process().guarded(2 * PAGE)) {
            host.slot(0, 0, 0, 2 * PAGE, guarded.memory().hva());
            FutureTask<PreFaulted> preFault = start(() -> host.preFault(0, PAGE));
            assertThat(guarded.awaitFault()).isZero();
            assertWaits(preFault);
            MemorySegment page = SoftHost.struct((int) PAGE);
            page.set(ValueLayout.JAVA_LONG, 0, 99);
            assertThat(guarded.resolve(0, page)).isZero();
            assertThat(result(preFault)).isEqualTo(new PreFaulted(0, PAGE, 0));
            assertThat(guarded.resolve(0, page)).isEqualTo(-ErrorNumber.EEXIST.number());
            assertThat(host.guestRead(0)).isEqualTo(99);
        }
    }

    @Test
    void pf29ASignalEndsTheWait() throws Exception {
        try (SoftHost host = new SoftHost();
                GuardedMemory guarded = host.kernel.process().guarded(2 * PAGE)) {
            host.slot(0, 0, 0, 2 * PAGE, guarded.memory().hva());
            AtomicReference<@Nullable SoftThread> thread = new AtomicReference<>();
            FutureTask<PreFaulted> preFault = start(() -> {
                thread.set(host.kernel.currentThread());
                return host.preFault(0, PAGE);
            });
            guarded.awaitFault();
            assertThat(thread.get()).isNotNull().satisfies(each -> each.send(SIGINT));
            assertThat(result(preFault)).isEqualTo(new PreFaulted(-ErrorNumber.EINTR.number(), 0, PAGE));
            assertThat(host.exitReason()).isEqualTo(ExitReason.INTR);
            assertThat(host.counter(VcpuCounter.SIGNAL_EXITS)).isEqualTo(1);
        }
    }

    @Test
    void mmu10PagesBetweenTwoInvalidationsWaitForBoth() throws Exception {
        try (SoftHost host = new SoftHost();
                HostMemory memory = host.kernel.allocate(16 * PAGE)) {
            host.slot(0, 0, 0, 16 * PAGE, memory.hva());
            VmInspector inspector = host.kernel.inspect(host.vmFile);
            VmInspector.Hold first = inspector.openInvalidation(memory.hva(), PAGE);
            VmInspector.Hold second = inspector.openInvalidation(memory.hva() + 12 * PAGE, PAGE);
            FutureTask<PreFaulted> between = start(() -> host.preFault(6 * PAGE, PAGE));
            assertWaits(between);
            second.close();
            assertWaits(between);
            first.close();
            assertThat(result(between)).isEqualTo(new PreFaulted(0, 7 * PAGE, 0));
        }
    }

    @Test
    void mmu07AFrozenEntryIsWaitedFor() throws Exception {
        try (SoftHost host = new SoftHost();
                HostMemory memory = host.kernel.allocate(2 * PAGE)) {
            host.slot(0, 0, 0, 2 * PAGE, memory.hva());
            host.preFault(0, PAGE);
            VmInspector inspector = host.kernel.inspect(host.vmFile);
            VmInspector.Hold frozen = inspector.freeze(0, PAGE);
            FutureTask<PreFaulted> preFault = start(() -> host.preFault(PAGE, PAGE));
            assertWaits(preFault);
            frozen.close();
            assertThat(result(preFault)).isEqualTo(new PreFaulted(0, 2 * PAGE, 0));
            assertThat(inspector.countLeaves(1)).isEqualTo(2);
            assertThat(inspector.leaf(0, PAGE))
                    .hasValueSatisfying(entry -> assertThat(entry.words()).isEqualTo("pfn 0x200 r-x"));
        }
    }

    @Test
    void sys09APrefaultWaitsForTheVcpuThatRuns() throws Exception {
        try (SoftHost host = new SoftHost();
                HostMemory memory = host.kernel.allocate(PAGE)) {
            host.slot(0, 0, 0, PAGE, memory.hva());
            CountDownLatch running = new CountDownLatch(1);
            CountDownLatch go = new CountDownLatch(1);
            FutureTask<Long> run = start(() -> host.guest(_ -> {
                running.countDown();
                try {
                    go.await();
                } catch (InterruptedException interrupted) {
                    throw new AssertionError(interrupted);
                }
                return 0;
            }));
            running.await();
            FutureTask<PreFaulted> preFault = start(() -> host.preFault(0, PAGE));
            assertWaits(preFault);
            go.countDown();
            assertThat(result(run)).isZero();
            assertThat(result(preFault).result()).isZero();
        }
    }

    @Test
    void pf30AVcpuThatMeetsASlotOnItsWayOutIsToldToTryAgain() throws ExecutionException, InterruptedException {
        Interposed schedule = new Interposed();
        try (SoftHost host = new SoftHost(SoftKernelOptions.defaults(), io.guestmem.abi.VmType.DEFAULT, schedule);
                HostMemory memory = host.kernel.allocate(PAGE)) {
            host.slot(0, 0, 0, PAGE, memory.hva());
            PreFaulted[] met = new PreFaulted[1];
            schedule.once(Schedule.Point.SLOTS_PUBLISHED, () -> met[0] = host.preFault(0, PAGE));
            assertThat(host.slot(0, 0, 0, 0, 0)).isZero();
            assertThat(met).containsExactly(new PreFaulted(-ErrorNumber.EAGAIN.number(), 0, PAGE));
            assertThat(host.preFault(0, PAGE).result()).isEqualTo(-ErrorNumber.ENOENT.number());
        }
    }

    @Test
    void filesAnswerWhatTheSeamDoesNotAsk() {
        try (SoftHost host = new SoftHost()) {
            KvmFile memfd = host.guestMemfd(3 * PAGE, 1);
            FileCalls calls = host.kernel.process().calls(memfd);
            long einval = -ErrorNumber.EINVAL.number();
            assertThat(calls.read()).as("GMEM-05, GMEM-21").isEqualTo(einval);
            assertThat(calls.write()).isEqualTo(einval);
            assertThat(calls.writeAt()).isEqualTo(-ErrorNumber.ESPIPE.number());
            assertThat(calls.truncate()).isEqualTo(einval);
            assertThat(calls.mapPrivate()).as("GMEM-08").isEqualTo(einval);
            assertThat(host.kernel.process().calls(host.guestMemfd(PAGE, 0)).mapPrivate())
                    .isEqualTo(-ErrorNumber.ENODEV.number());
            assertThat(calls.size()).as("GMEM-06").isEqualTo(3 * PAGE);
            assertThat(calls.inode())
                    .isNotEqualTo(host.kernel
                            .process()
                            .calls(host.guestMemfd(PAGE, 0))
                            .inode());
            assertThat(calls.closesOnExec()).isFalse();
            assertThat(host.vmFile.ioctl(KvmIoctl.GET_STATS_FD.code(), 0)).isNotNegative();
        }
    }
}
