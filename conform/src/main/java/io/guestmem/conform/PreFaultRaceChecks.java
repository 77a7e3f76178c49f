package io.guestmem.conform;

import static io.guestmem.abi.ErrorNumber.EAGAIN;
import static io.guestmem.abi.ErrorNumber.EHWPOISON;
import static io.guestmem.abi.ErrorNumber.EINTR;
import static io.guestmem.abi.ErrorNumber.ENOENT;
import static io.guestmem.conform.CheckClass.MODEL;
import static io.guestmem.conform.CheckClass.TDP;

import io.guestmem.abi.ExitReason;
import io.guestmem.abi.HostAdvice;
import io.guestmem.abi.HostMemory;
import io.guestmem.abi.VcpuThread;
import io.guestmem.conform.HostActions.GuardedMemory;
import io.guestmem.conform.ModelInspection.Place;
import io.guestmem.conform.RawVcpu.PreFaulted;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;

/** {@code KVM_PRE_FAULT_MEMORY} beside something else: signals, page servers, changes of memslots and of host memory. */
final class PreFaultRaceChecks {
    private static final long PAGE = Numbers.PAGE;
    private static final long GPA = Guest.FREE;
    private static final Duration A_WHILE = Duration.ofMillis(200);
    private static final int ROUNDS = 200;
    private static final int CHANGES = 20;
    private static final int UNTOUCHED = 0x55;

    private static final String NO_BROKEN_PAGE = "breaking a page would cost the host real memory";
    private static final String NO_SIGNAL = "this host has no signal to offer that does no harm";

    private PreFaultRaceChecks() {}

    static List<Check> all() {
        String outer = "kvm_main.c:kvm_vcpu_pre_fault_memory";
        String lookup = "mmu.c:__kvm_mmu_faultin_pfn";
        String error = "mmu.c:kvm_handle_error_pfn";
        return List.of(
                Check.of("PF-13", "a pending signal ends it before it begins", outer, PreFaultRaceChecks::signal, TDP),
                Check.of("PF-28", "it waits for a page server", lookup, PreFaultRaceChecks::pageServer, TDP),
                Check.of("PF-29", "a signal ends the wait", error, PreFaultRaceChecks::signalWhileWaiting, TDP),
                Check.of(
                        "PF-30",
                        "the slot goes and comes back",
                        "mmu.c:kvm_mmu_faultin_pfn",
                        PreFaultRaceChecks::slotGoes,
                        TDP,
                        MODEL),
                Check.of(
                        "PF-31",
                        "two vCPUs, one range",
                        "tdp_mmu.c:kvm_tdp_mmu_map",
                        PreFaultRaceChecks::twoVcpus,
                        TDP),
                Check.of(
                        "PF-32",
                        "host memory is dropped meanwhile",
                        "mmu.c:is_page_fault_stale",
                        PreFaultRaceChecks::hostMemoryGoes,
                        TDP,
                        MODEL),
                Check.of(
                        "PF-41",
                        "a broken page of a guest_memfd",
                        "guest_memfd.c:__kvm_gmem_get_pfn",
                        PreFaultRaceChecks::brokenGuestMemfd,
                        TDP,
                        MODEL),
                Check.of("PF-42", "a broken page of the host", error, PreFaultRaceChecks::brokenPage, TDP, MODEL),
                Check.of(
                        "PF-47",
                        "a root that goes while another slot is pre-faulted",
                        "inference: mmu.c:kvm_tdp_page_prefault",
                        PreFaultRaceChecks::rootGoes,
                        MODEL));
    }

    private static void signal(Trial t) {
        t.requireTdp();
        RawVm vm = t.vm();
        Guest guest = Guest.on(t, vm);
        vm.slot(0, GPA, PAGE);
        VcpuThread self = t.kernel().currentThread();
        self.interrupt();
        PreFaulted blocked = guest.vcpu().preFault(GPA, PAGE);
        self.clearInterrupt();
        t.expectSame("blocked signal pending", new PreFaulted(0, GPA + PAGE, 0), blocked);
        // The signal arrives while the call waits for the vCPU, which no signal ends; so it is pending when the call
        // begins.
        Background<Guest.Run> running = t.background("spin", guest::spin);
        guest.awaitSpinning();
        AtomicReference<Runnable> signal = new AtomicReference<>();
        CountDownLatch ready = new CountDownLatch(1);
        Background<PreFaulted> preFault = t.background("pre-fault", () -> {
            t.on().host().unblockedSignal().ifPresent(signal::set);
            ready.countDown();
            return guest.vcpu().preFault(GPA, PAGE);
        });
        boolean waits = preFault.isStillBusyAfter(A_WHILE);
        Runnable send = signal.get();
        if (send != null) {
            send.run();
        }
        guest.interrupt();
        PreFaulted interrupted = preFault.result();
        running.result();
        Trial.require(send != null, NO_SIGNAL);
        t.expect("it waits for the vCPU", true, waits);
        t.expectSame("signal pending", new PreFaulted(-EINTR.number(), GPA, PAGE), interrupted);
    }

    private static GuardedMemory guarded(Trial t, RawVm vm) {
        GuardedMemory memory =
                t.own(t.require(t.on().host().guarded(4 * PAGE), "no userfaultfd for kernel faults here"));
        t.must("memslot", vm.set(Region.of(0, GPA, 4 * PAGE, memory.hva())));
        return memory;
    }

    private static void pageServer(Trial t) {
        t.requireTdp();
        RawVm vm = t.vm();
        Guest guest = Guest.on(t, vm);
        GuardedMemory memory = guarded(t, vm);
        Background<PreFaulted> preFault =
                t.background("pre-fault", () -> guest.vcpu().preFault(GPA + PAGE, PAGE));
        t.expect("offset of the fault", PAGE, memory.awaitFault());
        t.expect("it waits", true, preFault.isStillBusyAfter(A_WHILE));
        memory.resolve(PAGE, 0xFEED);
        t.expectSame("afterwards", new PreFaulted(0, GPA + 2 * PAGE, 0), preFault.result());
        t.expectHex("guest reads", 0xFEED, guest.read(GPA + PAGE));
    }

    private static void signalWhileWaiting(Trial t) {
        t.requireTdp();
        RawVm vm = t.vm();
        RawVcpu vcpu = vm.vcpu(0);
        GuardedMemory memory = guarded(t, vm);
        long before = vcpu.statistics().value("signal_exits");
        vcpu.presetExitReason(UNTOUCHED);
        AtomicReference<Runnable> signal = new AtomicReference<>();
        Background<PreFaulted> preFault = t.background("pre-fault", () -> {
            t.on().host().unblockedSignal().ifPresent(signal::set);
            return vcpu.preFault(GPA, PAGE);
        });
        memory.awaitFault();
        Runnable send = signal.get();
        if (send == null) {
            memory.resolve(0, 0);
            preFault.result();
            throw new SkippedException(NO_SIGNAL);
        }
        send.run();
        t.expectSame("interrupted", new PreFaulted(-EINTR.number(), GPA, PAGE), preFault.result());
        t.expect("exit reason", ExitReason.INTR, vcpu.exitReason());
        t.expect("signal exits", 1, vcpu.statistics().value("signal_exits") - before);
    }

    private static void slotGoes(Trial t) {
        t.requireTdp();
        Trial.require(
                t.on().release().isAtLeast(6, 18),
                "before 6.18 the pre-fault and the deletion wait for each other for ever (seen on 6.12)");
        RawVm vm = t.vm();
        RawVcpu vcpu = vm.vcpu(0);
        Region region = Region.of(0, GPA, t.memory(16 * PAGE));
        t.must("memslot", vm.set(region));
        AtomicBoolean stop = new AtomicBoolean();
        AtomicInteger changes = new AtomicInteger();
        Background<Integer> other = t.background("slot", () -> {
            while (!stop.get()) {
                t.must("delete", vm.delete(0));
                t.must("create", vm.set(region));
                changes.incrementAndGet();
            }
            return changes.get();
        });
        try {
            for (int i = 0; i < ROUNDS || changes.get() < CHANGES; i++) {
                PreFaulted answer = vcpu.preFault(GPA, 16 * PAGE);
                boolean progress = answer.result() == 0 && answer.left() < 16 * PAGE;
                boolean gone = answer.result() == -ENOENT.number() || answer.result() == -EAGAIN.number();
                if (!progress && !gone) {
                    throw new MismatchException("while the slot goes", "progress, EAGAIN or ENOENT", answer.toString());
                }
            }
        } finally {
            stop.set(true);
        }
        other.result();
        t.expectSame("afterwards", new PreFaulted(0, GPA + 16 * PAGE, 0), vcpu.preFault(GPA, 16 * PAGE));
    }

    private static void twoVcpus(Trial t) {
        t.requireTdp();
        RawVm vm = t.vm();
        long size = 1024 * PAGE;
        vm.slot(0, GPA, size);
        RawVcpu first = vm.vcpu(0);
        RawVcpu second = vm.vcpu(1);
        Background<PreFaulted> other = t.background("pre-fault", () -> second.preFault(GPA, size));
        t.expectSame("one", new PreFaulted(0, GPA + size, 0), first.preFault(GPA, size));
        t.expectSame("the other", new PreFaulted(0, GPA + size, 0), other.result());
        // A transparent huge page of zeroes may stand for 512 of them.
        Statistics statistics = vm.statistics();
        t.expect("pages", 1024, statistics.value("pages_4k") + 512 * statistics.value("pages_2m"));
    }

    private static void hostMemoryGoes(Trial t) {
        t.requireTdp();
        RawVm vm = t.vm();
        Guest guest = Guest.on(t, vm);
        HostMemory memory = vm.slot(0, GPA, 8 * PAGE);
        AtomicBoolean stop = new AtomicBoolean();
        AtomicInteger stored = new AtomicInteger();
        Background<Integer> drops = t.background("drop", () -> {
            while (!stop.get()) {
                t.must("madvise", memory.advise(HostAdvice.DONT_NEED, 0, 8 * PAGE));
                t.store(memory, 3 * PAGE, stored.incrementAndGet());
            }
            return stored.get();
        });
        try {
            for (int i = 0; i < ROUNDS || stored.get() < ROUNDS; i++) {
                PreFaulted answer = guest.vcpu().preFault(GPA, 8 * PAGE);
                if (answer.result() != 0 || answer.left() == 8 * PAGE) {
                    throw new MismatchException("while pages go", "progress", answer.toString());
                }
            }
        } finally {
            stop.set(true);
        }
        int last = drops.result();
        guest.vcpu().preFaultAll(GPA, 8 * PAGE);
        t.expect("what the guest reads less what the host stored last", 0, guest.read(GPA + 3 * PAGE) - last);
    }

    private static void brokenGuestMemfd(Trial t) {
        t.requireTdp();
        RawVm vm = t.guestMemfdVm();
        RawVcpu vcpu = vm.vcpu(0);
        GuestMemfdFile file = vm.sharedGuestMemfd(2 * PAGE);
        t.must("memslot", vm.set2(Region.of(0, GPA, 2 * PAGE, file)));
        t.must("allocate", file.allocate(0, PAGE));
        t.require(t.on().host().poison(file.file(), 0), NO_BROKEN_PAGE).run();
        t.expectSame("pre-fault", new PreFaulted(-EHWPOISON.number(), GPA, PAGE), vcpu.preFault(GPA, PAGE));
        t.expect("exit reason", ExitReason.MEMORY_FAULT, vcpu.exitReason());
        t.expectSame("memory fault", new Guest.MemoryFault(0, GPA, PAGE), Guest.MemoryFault.of(vcpu));
    }

    private static void brokenPage(Trial t) {
        t.requireTdp();
        RawVm vm = t.vm();
        RawVcpu vcpu = vm.vcpu(0);
        HostMemory memory = vm.slot(0, GPA, 2 * PAGE);
        t.store(memory, 0, 1);
        t.require(t.on().host().poison(memory, 0), NO_BROKEN_PAGE).run();
        t.expectSame("pre-fault", new PreFaulted(-EINTR.number(), GPA, PAGE), vcpu.preFault(GPA, PAGE));
    }

    private static void rootGoes(Trial t) {
        ModelInspection model = t.model();
        t.requireTdp();
        RawVm vm = t.vm();
        RawVcpu vcpu = vm.vcpu(0);
        vm.slot(0, GPA, 4 * PAGE);
        vm.slot(1, GPA + 8 * PAGE, 4 * PAGE);
        vcpu.preFaultAll(GPA, PAGE);
        AtomicReference<Runnable> signal = new AtomicReference<>();
        Background<Long> deletion;
        Background<PreFaulted> preFault;
        try (ModelInspection.Pause deleting = model.pauseNext(vm.file(), Place.SLOT_INVALID)) {
            deletion = t.background("delete", () -> vm.delete(1));
            deleting.await();
            try (ModelInspection.Pause faulting = model.pauseNext(vm.file(), Place.PAGE_LOOKED_UP)) {
                preFault = t.background("pre-fault", () -> {
                    t.on().host().unblockedSignal().ifPresent(signal::set);
                    return vcpu.preFault(GPA + PAGE, PAGE);
                });
                faulting.await();
                deleting.release();
                t.expect("the deletion waits for the pre-fault", true, deletion.isStillBusyAfter(A_WHILE));
            }
        }
        boolean forEver = preFault.isStillBusyAfter(A_WHILE);
        t.require(Optional.ofNullable(signal.get()), NO_SIGNAL).run();
        t.expect("the pre-fault retries for ever", true, forEver);
        t.expect("a signal ends it", EINTR, preFault.result().result());
        t.expect("then the deletion ends", 0, deletion.result());
    }
}
