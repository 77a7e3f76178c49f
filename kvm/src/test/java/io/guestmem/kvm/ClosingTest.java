package io.guestmem.kvm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import io.guestmem.abi.Capability;
import io.guestmem.abi.GuestPhysical;
import io.guestmem.abi.GuestRange;
import io.guestmem.abi.HostVirtual;
import io.guestmem.abi.StatsHeaderLayout;
import io.guestmem.abi.VmType;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.Set;
import java.util.function.Function;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Closing: from the inside out, once, and nothing works afterwards. */
class ClosingTest {
    private static final Memslot SLOT = Memslot.of(0, GuestRange.of(0, GuestPhysical.PAGE_SIZE), new HostVirtual(0));

    /** Everything there is, open; the statistics have no rows. */
    private static final class Everything {
        final ScriptedKernel kernel = new ScriptedKernel();
        final Kvm kvm;
        final Vm vm;
        final Vcpu vcpu;
        final GuestMemfd memory;
        final Statistics statistics;

        Everything() {
            ScriptedKernel.Reads noRows = (offset, into) -> {
                if (offset == 0) {
                    into.set(ValueLayout.JAVA_INT, StatsHeaderLayout.DESC_OFFSET, 24);
                }
                return into.byteSize();
            };
            kernel.onRead("statistics of VM DEFAULT", noRows);
            kernel.onRead("statistics of vCPU 0", noRows);
            kvm = Kvm.open(kernel);
            vm = kvm.createVm(VmType.DEFAULT);
            vcpu = vm.createVcpu(0);
            memory = vm.createGuestMemfd(4096, Set.of());
            statistics = vm.statistics();
        }

        List<String> closings() {
            return kernel.log.stream().filter(line -> !line.startsWith("open")).toList();
        }
    }

    @Test
    void closingTheSystemClosesFromTheInsideOut() {
        Everything all = new Everything();
        all.vcpu.statistics();

        all.kvm.close();

        assertThat(all.closings())
                .containsExactly(
                        "map vCPU 0",
                        "close statistics of vCPU 0",
                        "close statistics of VM DEFAULT",
                        "close guest_memfd",
                        "unmap vCPU 0",
                        "close vCPU 0",
                        "close VM DEFAULT",
                        "close /dev/kvm");
    }

    @Test
    void closingTwiceChangesNothing() {
        Everything all = new Everything();
        all.statistics.close();
        all.memory.close();
        all.vcpu.close();
        all.vm.close();
        all.kvm.close();
        List<String> once = List.copyOf(all.kernel.log);

        all.statistics.close();
        all.memory.close();
        all.vcpu.close();
        all.vm.close();
        all.kvm.close();

        assertThat(all.kernel.log).isEqualTo(once);
        assertThat(all.closings())
                .containsExactly(
                        "map vCPU 0",
                        "close statistics of VM DEFAULT",
                        "close guest_memfd",
                        "unmap vCPU 0",
                        "close vCPU 0",
                        "close VM DEFAULT",
                        "close /dev/kvm");
    }

    /** Every method that asks the kernel. */
    static List<Use> uses() {
        return List.of(
                new Use("Kvm.apiVersion", all -> all.kvm::apiVersion),
                new Use("Kvm.capability", all -> () -> all.kvm.capability(Capability.NR_VCPUS)),
                new Use("Kvm.vmTypes", all -> all.kvm::vmTypes),
                new Use("Kvm.supportedCpuid", all -> all.kvm::supportedCpuid),
                new Use("Kvm.createVm", all -> () -> all.kvm.createVm(VmType.DEFAULT)),
                new Use("Vm.capability", all -> () -> all.vm.capability(Capability.NR_VCPUS)),
                new Use("Vm.enable", all -> () -> all.vm.enable(Capability.NR_VCPUS)),
                new Use("Vm.set", all -> () -> all.vm.set(SLOT)),
                new Use("Vm.delete", all -> () -> all.vm.delete(SLOT)),
                new Use("Vm.createGuestMemfd", all -> () -> all.vm.createGuestMemfd(4096, Set.of())),
                new Use("Vm.setPrivate", all -> () -> all.vm.setPrivate(SLOT.range(), true)),
                new Use("Vm.dirtyLog", all -> () -> all.vm.dirtyLog(SLOT)),
                new Use("Vm.clearDirtyLog", all -> () -> all.vm.clearDirtyLog(SLOT, 0, 1)),
                new Use("Vm.createVcpu", all -> () -> all.vm.createVcpu(1)),
                new Use("Vm.statistics", all -> all.vm::statistics),
                new Use("Vcpu.registers", all -> all.vcpu::registers),
                new Use("Vcpu.setRegisters", all -> () -> all.vcpu.setRegisters(Registers.initial())),
                new Use("Vcpu.systemRegisters", all -> all.vcpu::systemRegisters),
                new Use("Vcpu.setCpuid", all -> () -> all.vcpu.setCpuid(new Cpuid(List.of()))),
                new Use("Vcpu.statistics", all -> all.vcpu::statistics),
                new Use("Vcpu.preFault", all -> () -> all.vcpu.preFault(SLOT.range())),
                new Use("Vcpu.run", all -> all.vcpu::run),
                new Use("Vcpu.interrupt", all -> all.vcpu::interrupt),
                new Use("GuestMemfd.descriptor", all -> all.memory::descriptor),
                new Use("GuestMemfd.map", all -> () -> all.memory.map(0, 4096)),
                new Use("Vm.set of a closed guest_memfd", all -> () -> all.vm.set(SLOT.backedBy(all.memory, 0))));
    }

    /** A call after close. */
    record Use(String name, Function<Everything, ThrowingCallable> call) {
        @Override
        public String toString() {
            return name;
        }
    }

    @ParameterizedTest
    @MethodSource("uses")
    void useAfterCloseIsAnIllegalState(Use use) {
        Everything all = new Everything();
        ThrowingCallable call = use.call().apply(all);
        all.kvm.close();

        assertThatIllegalStateException().isThrownBy(call);
    }

    @Test
    void aClosedGuestMemfdIsBoundToNoSlot() {
        Everything all = new Everything();
        all.memory.close();

        assertThatIllegalStateException()
                .isThrownBy(() -> all.vm.set(SLOT.backedBy(all.memory, 0)))
                .withMessage("guest_memfd is closed");
        all.kvm.close();
    }
}
