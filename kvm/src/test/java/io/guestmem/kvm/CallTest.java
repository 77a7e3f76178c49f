package io.guestmem.kvm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import io.guestmem.abi.Capability;
import io.guestmem.abi.CpuidLayout;
import io.guestmem.abi.ErrorNumber;
import io.guestmem.abi.KernelException;
import io.guestmem.abi.KvmIoctl;
import io.guestmem.abi.VmType;
import io.guestmem.kvm.ScriptedKernel.Answer;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Requests: repeated while interrupted, and no errno gets lost. */
class CallTest {
    private static final Answer EINTR = Answer.of(-ErrorNumber.EINTR.number());

    private final ScriptedKernel kernel = new ScriptedKernel();

    @Test
    void aRequestWithAValueIsRepeatedWhileItIsInterrupted() {
        kernel.on(KvmIoctl.CHECK_EXTENSION, EINTR, EINTR, Answer.of(7));
        try (Kvm kvm = Kvm.open(kernel)) {
            assertThat(kvm.capability(Capability.NR_VCPUS)).isEqualTo(7);
        }
    }

    @Test
    void aRequestWithAStructIsRepeatedWhileItIsInterrupted() {
        kernel.on(KvmIoctl.SET_REGS, EINTR, EINTR, Answer.of(0));
        try (Kvm kvm = Kvm.open(kernel)) {
            kvm.createVm(VmType.DEFAULT).createVcpu(0).setRegisters(Registers.initial());
        }
        assertThat(kernel.unused()).isZero();
    }

    @Test
    void anErrnoIsAnExceptionThatNamesRequestErrnoAndObject() {
        kernel.on(KvmIoctl.CREATE_VM, Answer.of(-ErrorNumber.ENOMEM.number()));
        try (Kvm kvm = Kvm.open(kernel)) {
            assertThatExceptionOfType(KernelException.class)
                    .isThrownBy(() -> kvm.createVm(VmType.DEFAULT))
                    .withMessage("KVM_CREATE_VM: ENOMEM (12): /dev/kvm 0x0");
        }
    }

    @Test
    void anotherVersionOfTheInterfaceIsRefusedAndNothingStaysOpen() {
        kernel.on(KvmIoctl.GET_API_VERSION, Answer.of(13));

        assertThatIllegalStateException()
                .isThrownBy(() -> Kvm.open(kernel))
                .withMessage("KVM speaks version 13, not 12");
        assertThat(kernel.log).containsExactly("open /dev/kvm", "close /dev/kvm");
    }

    @Test
    void aDeviceThatIsNotKvmIsClosedAgain() {
        kernel.on(KvmIoctl.GET_API_VERSION, Answer.of(-ErrorNumber.ENOTTY.number()));

        assertThatExceptionOfType(KernelException.class).isThrownBy(() -> Kvm.open(kernel));
        assertThat(kernel.log).containsExactly("open /dev/kvm", "close /dev/kvm");
    }

    @Test
    void moreArgumentsThanACapabilityHasAreRefused() {
        try (Kvm kvm = Kvm.open(kernel)) {
            Vm vm = kvm.createVm(VmType.DEFAULT);
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> vm.enable(Capability.MANUAL_DIRTY_LOG_PROTECT2, 1, 2, 3, 4, 5));
        }
    }

    @Test
    void cpuidAsksWithMoreRoomUntilTheAnswerFits() {
        List<Integer> rooms = new ArrayList<>();
        Answer tooBig = struct -> {
            rooms.add(struct.get(ValueLayout.JAVA_INT, CpuidLayout.NENT));
            return -ErrorNumber.E2BIG.number();
        };
        kernel.on(KvmIoctl.GET_SUPPORTED_CPUID, tooBig, EINTR, tooBig, struct -> {
            rooms.add(struct.get(ValueLayout.JAVA_INT, CpuidLayout.NENT));
            struct.set(ValueLayout.JAVA_INT, CpuidLayout.NENT, 2);
            leaf(struct, 0, 1);
            leaf(struct, 1, 0x8000_0008);
            return 0;
        });
        try (Kvm kvm = Kvm.open(kernel)) {
            Cpuid cpuid = kvm.supportedCpuid();

            assertThat(rooms).containsExactly(128, 256, 512);
            assertThat(cpuid.entries())
                    .containsExactly(
                            new Cpuid.Entry(1, 11, 12, 13, 14, 15, 16),
                            new Cpuid.Entry(0x8000_0008, 11, 12, 13, 14, 15, 16));
            assertThat(cpuid.leaf(0x8000_0008)).contains(cpuid.entries().get(1));
            assertThat(cpuid.leaf(2)).isEmpty();
        }
    }

    private static void leaf(MemorySegment struct, int position, int function) {
        long at = CpuidLayout.ENTRIES + (long) position * CpuidLayout.ENTRY.size();
        struct.set(ValueLayout.JAVA_INT, at + CpuidLayout.ENTRY_FUNCTION, function);
        struct.set(ValueLayout.JAVA_INT, at + CpuidLayout.ENTRY_INDEX, 11);
        struct.set(ValueLayout.JAVA_INT, at + CpuidLayout.ENTRY_FLAGS, 12);
        struct.set(ValueLayout.JAVA_INT, at + CpuidLayout.ENTRY_EAX, 13);
        struct.set(ValueLayout.JAVA_INT, at + CpuidLayout.ENTRY_EBX, 14);
        struct.set(ValueLayout.JAVA_INT, at + CpuidLayout.ENTRY_ECX, 15);
        struct.set(ValueLayout.JAVA_INT, at + CpuidLayout.ENTRY_EDX, 16);
    }

    @Test
    void cpuidGivesUpOnAKernelThatNeverHasEnough() {
        kernel.otherwise(KvmIoctl.GET_SUPPORTED_CPUID, Answer.of(-ErrorNumber.E2BIG.number()));
        try (Kvm kvm = Kvm.open(kernel)) {
            assertThatExceptionOfType(KernelException.class)
                    .isThrownBy(kvm::supportedCpuid)
                    .withMessage("KVM_GET_SUPPORTED_CPUID: E2BIG (7): /dev/kvm 4096 entries");
        }
    }
}
