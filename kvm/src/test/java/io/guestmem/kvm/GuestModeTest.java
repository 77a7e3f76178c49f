package io.guestmem.kvm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.guestmem.abi.ErrorNumber;
import io.guestmem.abi.KernelException;
import io.guestmem.abi.KvmIoctl;
import io.guestmem.abi.NestedStateLayout;
import io.guestmem.abi.VmType;
import io.guestmem.kvm.ScriptedKernel.Answer;
import io.guestmem.kvm.translate.PausedVcpu;
import io.guestmem.kvm.translate.Translate2Requests;
import io.guestmem.kvm.translate.Translate2Result;
import io.guestmem.paging.PhysicalRanges;
import io.guestmem.paging.SetBits;
import io.guestmem.paging.Translate2;
import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Whether a vCPU runs a guest of its guest, which {@code KVM_GET_NESTED_STATE} says: then a translation says that it cannot. A
 * vCPU with all registers zero has no paging, so its addresses are physical ones.
 */
class GuestModeTest {
    private static final Cpuid NO_CPUID = new Cpuid(List.of());
    private static final long LINEAR = 0x1234;
    private static final Answer DONE = Answer.of(0);

    private final ScriptedKernel kernel = new ScriptedKernel();
    private final Kvm kvm = Kvm.open(kernel);
    private final Vcpu vcpu = kvm.createVm(VmType.DEFAULT).createVcpu(0);
    private final Translate2Requests requests = new Translate2Requests(
            vcpu, NO_CPUID, PhysicalRanges.of(Arena.ofAuto().allocate(0x2000)), Translate2.DOCUMENTED);

    @AfterEach
    void everyAnswerWasAskedFor() {
        kvm.close();
        assertThat(kernel.unused()).isZero();
    }

    private Translate2Result translate() {
        return requests.translate(LINEAR, SetBits.NONE, 0);
    }

    private static Answer flags(int flags) {
        return struct -> {
            struct.set(ValueLayout.JAVA_SHORT, NestedStateLayout.FLAGS, (short) flags);
            return 0;
        };
    }

    private static Answer failing(ErrorNumber error) {
        return Answer.of(-error.number());
    }

    /** Source: Linux 7.2 {@code arch/x86/include/uapi/asm/kvm.h:KVM_STATE_NESTED_GUEST_MODE} and its neighbours. */
    @ParameterizedTest
    @CsvSource({
        "0x001, GUEST_MODE",
        "0x003, GUEST_MODE and RUN_PENDING: it is about to enter",
        "0x009, GUEST_MODE and MTF_PENDING",
        "0x101, GUEST_MODE and GIF_SET",
    })
    void inGuestModeItSaysThatItCannotAndAsksForNoRegisters(String flags, String meaning) {
        kernel.on(KvmIoctl.GET_NESTED_STATE, flags(Integer.decode(flags)));

        assertThat(translate()).as(meaning).isEqualTo(new Translate2Result.InGuestMode());
    }

    @ParameterizedTest
    @CsvSource({"0x000, nothing", "0x004, EVMCS", "0x100, GIF_SET, as on every AMD processor"})
    void outsideOfItTheRegistersDecide(String flags, String meaning) {
        kernel.on(KvmIoctl.GET_NESTED_STATE, flags(Integer.decode(flags)))
                .on(KvmIoctl.GET_SREGS2, DONE)
                .on(KvmIoctl.GET_REGS, DONE);

        assertIdentity(meaning);
    }

    /** KVM without nested virtualisation. Kernels that had it, but not the request, do not have GET_SREGS2, either. */
    @Test
    void aKernelThatRefusesTheQuestionHasNoGuestsOfGuests() {
        kernel.on(KvmIoctl.GET_NESTED_STATE, failing(ErrorNumber.EINVAL))
                .on(KvmIoctl.GET_SREGS2, DONE)
                .on(KvmIoctl.GET_REGS, DONE);

        assertIdentity("no nested virtualisation");
    }

    @Test
    void anInterruptedQuestionIsAskedAgain() {
        kernel.on(KvmIoctl.GET_NESTED_STATE, failing(ErrorNumber.EINTR), flags(NestedStateLayout.GUEST_MODE));

        assertThat(translate()).isEqualTo(new Translate2Result.InGuestMode());
    }

    /** A state that is larger than any known: whether it is in guest mode is not known, so there is no answer. */
    @ParameterizedTest
    @CsvSource({"E2BIG", "EFAULT", "ENOMEM"})
    void whatCannotBeToldIsAnErrorAndNoTranslation(ErrorNumber error) {
        kernel.on(KvmIoctl.GET_NESTED_STATE, failing(error));

        assertThatExceptionOfType(KernelException.class)
                .isThrownBy(this::translate)
                .withMessageContainingAll("KVM_GET_NESTED_STATE", error.name());
    }

    @Test
    void theQuestionHasRoomForTwoControlStructures() {
        kernel.on(KvmIoctl.GET_NESTED_STATE, struct -> {
            assertThat(struct.get(ValueLayout.JAVA_INT, NestedStateLayout.SIZE)).isEqualTo(128 + 2 * 4096);
            assertThat(struct.byteSize()).isEqualTo(128 + 2 * 4096);
            return flags(NestedStateLayout.GUEST_MODE).answer(struct);
        });

        assertThat(PausedVcpu.of(vcpu, NO_CPUID)).isEmpty();
    }

    @Test
    void theRegistersOfAProtectedGuestAreAnErrorAndNoTranslation() {
        kernel.on(KvmIoctl.GET_NESTED_STATE, flags(0)).on(KvmIoctl.GET_SREGS2, failing(ErrorNumber.EINVAL));

        assertThatExceptionOfType(KernelException.class)
                .isThrownBy(this::translate)
                .withMessageContainingAll("KVM_GET_SREGS2", "EINVAL");
    }

    private void assertIdentity(String meaning) {
        assertThat(translate())
                .as(meaning)
                .isInstanceOfSatisfying(
                        Translate2Result.Answered.class,
                        answered -> assertThat(answered.answer())
                                .isEqualTo(new Translate2.Answer(true, LINEAR, 0, false, true, true, true)));
    }
}
