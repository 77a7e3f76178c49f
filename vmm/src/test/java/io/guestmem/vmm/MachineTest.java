package io.guestmem.vmm;

import static org.assertj.core.api.Assertions.assertThat;

import io.guestmem.abi.GuestPhysical;
import io.guestmem.abi.HostMemory;
import io.guestmem.abi.VmType;
import io.guestmem.kvm.Kvm;
import io.guestmem.kvm.LinuxKernel;
import io.guestmem.kvm.Memslot;
import java.lang.foreign.ValueLayout;
import java.time.Duration;
import org.junit.jupiter.api.Test;

class MachineTest {
    @Test
    void checksumOfTheGuestIsThatOfTheHost() {
        try (Kvm kvm = Kvm.open(new LinuxKernel());
                HostMemory memory = kvm.kernel().allocate(16 << 20);
                Machine machine = Machine.create(kvm, VmType.DEFAULT, memory.length())) {
            for (long at = 0; at < memory.length(); at += 8) {
                memory.segment().set(ValueLayout.JAVA_LONG, at, at * 0x9E3779B97F4A7C15L);
            }
            machine.vm().set(Memslot.of(Machine.MEMORY_SLOT, new GuestPhysical(0), memory));
            machine.load(GuestProgram.checksum(machine.memory()));

            RunOutcome outcome = new RunLoop(machine.vcpu()).run(Duration.ofSeconds(60));

            assertThat(outcome).isInstanceOf(RunOutcome.Finished.class);
            assertThat(GuestProgram.checksumOf(((RunOutcome.Finished) outcome).registers()))
                    .isEqualTo(Checksum.EMPTY.and(memory.segment()));
            System.out.println(machine.vcpu().statistics().names());
            System.out.println(machine.vcpu().statistics().value("pf_taken"));
        }
    }

    @Test
    void aProgramThatNeverEndsIsEndedByTheLimit() {
        try (Kvm kvm = Kvm.open(new LinuxKernel());
                Machine machine = Machine.create(kvm, VmType.DEFAULT, 4096)) {
            machine.load(GuestProgram.spin());

            RunOutcome outcome = new RunLoop(machine.vcpu()).run(Duration.ofMillis(50));

            assertThat(outcome).isInstanceOf(RunOutcome.TimedOut.class);
        }
    }
}
