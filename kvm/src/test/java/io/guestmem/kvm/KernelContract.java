package io.guestmem.kvm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.guestmem.abi.Capability;
import io.guestmem.abi.ErrorNumber;
import io.guestmem.abi.GuestPhysical;
import io.guestmem.abi.HostMemory;
import io.guestmem.abi.Kernel;
import io.guestmem.abi.KernelException;
import io.guestmem.abi.VmType;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.function.LongSupplier;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;

/**
 * What every kernel must do, the real one and the software one. Its sisters, one for each theme, hold the tests; their names
 * carry the numbers of the conformance list. What a kernel lacks is decided by its capabilities alone, and skipped with that
 * as the reason.
 */
abstract class KernelContract {
    static final long PAGE = GuestPhysical.PAGE_SIZE;

    private final List<HostMemory> memories = new ArrayList<>();
    private final List<AutoCloseable> guests = new ArrayList<>();

    Kvm kvm;
    Vm vm;

    /** The kernel to test; aborts the test with a reason if it is not there. */
    abstract Kernel kernel();

    /** A guest of this kernel, with vCPU 0 of the VM. */
    Guest guest() {
        MachineCodeGuest guest = new MachineCodeGuest(kvm, vm);
        guests.add(guest);
        return guest;
    }

    /** What binding a range of a guest_memfd twice gives: EEXIST in Linux 7.2, EINVAL in 6.18 and before. */
    abstract Set<ErrorNumber> boundTwice();

    @BeforeEach
    void open() {
        kvm = Kvm.open(kernel());
        vm = kvm.createVm(VmType.DEFAULT);
    }

    @AfterEach
    void close() throws Exception {
        if (kvm != null) {
            kvm.close();
        }
        for (AutoCloseable guest : guests) {
            guest.close();
        }
        memories.forEach(HostMemory::close);
    }

    /** Memory of this process, untouched. */
    HostMemory memory(long pages) {
        HostMemory memory = kvm.kernel().allocate(pages * PAGE);
        memories.add(memory);
        return memory;
    }

    /** Memory of this process with something in every page. */
    HostMemory written(long pages) {
        HostMemory memory = memory(pages);
        memory.segment().fill((byte) 1);
        return memory;
    }

    void assumeCapability(Capability capability, int atLeast) {
        int value = vm.capability(capability);
        assumeTrue(value >= atLeast, () -> capability.symbol() + " is " + value + " here, not " + atLeast);
    }

    static void assertRefused(ErrorNumber errno, ThrowingCallable call) {
        assertRefused(Set.of(errno), call);
    }

    static void assertRefused(Set<ErrorNumber> errnos, ThrowingCallable call) {
        assertThatExceptionOfType(KernelException.class)
                .isThrownBy(call)
                .satisfies(refused -> assertThat(ErrorNumber.of(refused.errno()).orElseThrow())
                        .as(refused.getMessage())
                        .isIn(errnos));
    }

    static void assertDone(Exit exit) {
        assertThat(exit).matches(Guest::isDone, "done");
    }

    /** By how much a statistic grows meanwhile. */
    static long growth(Statistics statistics, String name, Runnable meanwhile) {
        LongSupplier value = () -> statistics.value(name).orElseThrow();
        long before = value.getAsLong();
        meanwhile.run();
        return value.getAsLong() - before;
    }
}
