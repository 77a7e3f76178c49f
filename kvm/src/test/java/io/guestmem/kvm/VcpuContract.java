package io.guestmem.kvm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import io.guestmem.abi.ErrorNumber;
import io.guestmem.abi.GuestPhysical;
import io.guestmem.abi.HostMemory;
import io.guestmem.abi.VmType;
import io.guestmem.kvm.Registers.Register;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;
import java.time.Duration;
import java.util.EnumSet;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** vCPUs: their state, their exits, and who may run them. */
abstract class VcpuContract extends KernelContract {
    private static final long COUNTER = 0x10000;
    private static final VarHandle LONG = ValueLayout.JAVA_LONG.varHandle();
    private static final Duration PATIENCE = Duration.ofMinutes(2);

    @Test
    @DisplayName("a vCPU's number is taken once")
    void numbers() {
        assertThat(vm.createVcpu(3).id()).isEqualTo(3);
        assertRefused(ErrorNumber.EEXIST, () -> vm.createVcpu(3));
        assertRefused(ErrorNumber.EINVAL, () -> vm.createVcpu(1 << 20));
    }

    @Test
    @DisplayName("registers come back as they were set")
    void registers() {
        Vcpu vcpu = vm.createVcpu(0);
        Registers registers = Registers.initial();
        long value = 0x1234_5678_9ABCL;
        for (Register register : EnumSet.complementOf(EnumSet.of(Register.RFLAGS))) {
            registers = registers.with(register, value++);
        }
        vcpu.setRegisters(registers);

        assertThat(vcpu.registers()).isEqualTo(registers);
    }

    @Test
    @DisplayName("special registers come back as they were set")
    void systemRegisters() {
        Guest guest = guest();
        HostMemory memory = memory(1);
        vm.set(Memslot.of(0, new GuestPhysical(COUNTER), memory));
        assertDone(guest.read(COUNTER, 1));
        SystemRegisters before = guest.vcpu().systemRegisters();

        SystemRegisters changed = before.withSegments(before.segments()
                .flat(before.segments().cs(), before.segments().ds(), Segment.task(0x48, 0x7000, 0x1234)));
        guest.vcpu().setSystemRegisters(changed);

        assertThat(guest.vcpu().systemRegisters()).isEqualTo(changed);
        assertThat(changed).isNotEqualTo(before);
    }

    @Test
    @DisplayName("paging without protection is EINVAL, and the vCPU keeps what it had")
    void badSystemRegisters() {
        Vcpu vcpu = vm.createVcpu(0);
        SystemRegisters before = vcpu.systemRegisters();

        assertRefused(
                ErrorNumber.EINVAL, () -> vcpu.setSystemRegisters(before.withPaging(1L << 31, 0, 0, before.efer())));
        assertThat(vcpu.systemRegisters()).isEqualTo(before);
    }

    @Test
    @DisplayName("the CPUID that the kernel offers can be set")
    void cpuid() {
        Cpuid supported = kvm.supportedCpuid();
        assertThat(supported.leaf(0)).isPresent();
        assertThat(supported.leaf(0x8000_0001).orElseThrow().edx() & 1 << 29)
                .as("long mode")
                .isNotZero();

        vm.createVcpu(0).setCpuid(supported);
    }

    @Test
    @DisplayName("an exception that nobody handles is a shutdown")
    void tripleFault() {
        assertThat(guest().fail()).isEqualTo(new Exit.Shutdown());
    }

    @Test
    @DisplayName("a guest that halts without an interrupt controller is an exit")
    void halt() {
        assertThat(guest().halt()).isEqualTo(new Exit.Halt());
    }

    @Test
    @DisplayName("an interruption before a run ends the next one, and no more")
    void interruptBefore() {
        HostMemory memory = memory(1);
        vm.set(Memslot.of(0, new GuestPhysical(COUNTER), memory));
        Guest guest = guest();
        guest.vcpu().interrupt();
        guest.vcpu().interrupt();

        assertThat(guest.write(COUNTER, 1)).isEqualTo(new Exit.Interrupted());
        assertThat(memory.segment().get(ValueLayout.JAVA_LONG, 0)).isZero();
        assertDone(guest.goOn());
        assertThat(memory.segment().get(ValueLayout.JAVA_LONG, 0)).isEqualTo(1);
    }

    /** A guest that counts in the first 8 bytes of a memory, on a thread of its own, and is inside already. */
    private CompletableFuture<Exit> counting(Guest guest) {
        HostMemory memory = memory(1);
        vm.set(Memslot.of(0, new GuestPhysical(COUNTER), memory));
        CompletableFuture<Exit> exit = new CompletableFuture<>();
        Thread.ofPlatform().name("counting-guest").start(() -> {
            try {
                exit.complete(guest.count(COUNTER));
            } catch (RuntimeException | Error failed) {
                exit.completeExceptionally(failed);
            }
        });
        awaitChange(memory, exit);
        return exit;
    }

    private static void awaitChange(HostMemory memory, CompletableFuture<Exit> exit) {
        long before = (long) LONG.getVolatile(memory.segment(), 0L);
        long end = System.nanoTime() + PATIENCE.toNanos();
        while ((long) LONG.getVolatile(memory.segment(), 0L) == before) {
            assertThat(exit).as("still running").isNotDone();
            assertThat(System.nanoTime()).as("time in the guest").isLessThan(end);
            Thread.onSpinWait();
        }
    }

    @Test
    @DisplayName("an interruption ends a run on another thread; the guest goes on with the next one")
    void interruptDuring() throws Exception {
        Guest guest = guest();
        CompletableFuture<Exit> exit = counting(guest);

        guest.vcpu().interrupt();

        assertThat(exit.get(PATIENCE.toSeconds(), TimeUnit.SECONDS)).isEqualTo(new Exit.Interrupted());
    }

    @Test
    @DisplayName("a vCPU runs on one thread: another one is refused")
    void twoThreads() throws Exception {
        Guest guest = guest();
        CompletableFuture<Exit> exit = counting(guest);

        assertThatIllegalStateException()
                .isThrownBy(guest.vcpu()::run)
                .withMessage("vCPU 0 is running on another thread");
        assertThat(exit).isNotDone();

        guest.vcpu().interrupt();
        assertThat(exit.get(PATIENCE.toSeconds(), TimeUnit.SECONDS)).isEqualTo(new Exit.Interrupted());
    }

    @Test
    @DisplayName("a vCPU may run on one thread after the other, and each can be interrupted")
    void oneThreadAfterTheOther() throws Exception {
        Guest guest = guest();
        HostMemory memory = memory(1);
        vm.set(Memslot.of(0, new GuestPhysical(COUNTER), memory));
        for (int i = 0; i < 3; i++) {
            CompletableFuture<Exit> exit = new CompletableFuture<>();
            Thread.ofPlatform().name("runner").start(() -> exit.complete(guest.count(COUNTER)));
            awaitChange(memory, exit);
            guest.vcpu().interrupt();
            assertThat(exit.get(PATIENCE.toSeconds(), TimeUnit.SECONDS)).isEqualTo(new Exit.Interrupted());
        }
    }

    @Test
    @DisplayName("closing the VM ends a run on another thread")
    void closeWhileRunning() throws Exception {
        Guest guest = guest();
        CompletableFuture<Exit> exit = counting(guest);

        vm.close();

        assertThat(exit.get(PATIENCE.toSeconds(), TimeUnit.SECONDS)).isEqualTo(new Exit.Interrupted());
        assertThatIllegalStateException().isThrownBy(guest.vcpu()::run).withMessage("vCPU 0 is closed");
    }

    @Test
    @DisplayName("two VMs do not see each other's slots")
    void twoVms() {
        HostMemory memory = memory(1);
        vm.set(Memslot.of(0, new GuestPhysical(COUNTER), memory));
        Vm other = kvm.createVm(VmType.DEFAULT);
        other.set(Memslot.of(0, new GuestPhysical(COUNTER), memory));
        other.close();
        Guest guest = guest();

        assertDone(guest.write(COUNTER, 1));
    }
}
