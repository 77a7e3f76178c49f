package io.guestmem.soft.cpu;

import static org.assertj.core.api.Assertions.assertThat;

import io.guestmem.abi.ExitReason;
import io.guestmem.abi.RunLayout;
import io.guestmem.soft.vm.VcpuCounter;
import java.lang.foreign.ValueLayout;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Hypercalls: what the guest is answered, and the one that the user may answer. */
class HypercallTest extends RunFixture {
    private static final int AT_CALL = 20;

    @BeforeEach
    void enableMapGpaRange() {
        machine.hypercallExits = 1 << Hypercalls.MAP_GPA_RANGE;
    }

    /** mov eax, number; mov ebx, gpa; mov ecx, pages; mov edx, 0x10; vmmcall; hlt. */
    private void call(String number, String gpa, String pages) {
        start("b8" + number + "bb" + gpa + "b9" + pages + "ba 10 00 00 00 0f 01 d9 f4");
    }

    @Test
    void aConversionIsAnExitThatTheUserAnswers() {
        call("0c 00 00 00", "00 30 00 00", "02 00 00 00");

        assertExit(ExitReason.HYPERCALL);

        assertThat(u64(RunLayout.HYPERCALL_NR)).isEqualTo(12);
        assertThat(u64(RunLayout.HYPERCALL_ARGS)).isEqualTo(0x3000);
        assertThat(u64(RunLayout.HYPERCALL_ARGS + 8)).isEqualTo(2);
        assertThat(u64(RunLayout.HYPERCALL_ARGS + 16)).isEqualTo(0x10);
        assertThat(u64(RunLayout.HYPERCALL_FLAGS)).as("long mode").isEqualTo(1);
        assertThat(rip()).isEqualTo(AT_CALL);
        machine.run().set(ValueLayout.JAVA_LONG, RunLayout.HYPERCALL_RET, 7);
        assertExit(ExitReason.HLT);
        assertThat(rax()).isEqualTo(7);
        assertThat(machine.counted(VcpuCounter.HYPERCALLS)).isEqualTo(1);
    }

    @Test
    void withoutTheCapabilityNobodyKnowsIt() {
        machine.hypercallExits = 0;
        call("0c 00 00 00", "00 30 00 00", "02 00 00 00");

        assertExit(ExitReason.HLT);

        assertThat(rax()).as("KVM_ENOSYS").isEqualTo(-1000);
    }

    @ParameterizedTest
    @CsvSource({
        "0b 00 00 00, 00 30 00 00, 02 00 00 00, -1000",
        "0c 00 00 00, 01 30 00 00, 02 00 00 00, -22",
        "0c 00 00 00, 00 30 00 00, 00 00 00 00, -22"
    })
    void whatIsNoConversionIsRefused(String number, String gpa, String pages, long answer) {
        call(number, gpa, pages);

        assertExit(ExitReason.HLT);

        assertThat(rax()).isEqualTo(answer);
    }

    @Test
    void onlyTheGuestsKernelMayCall() {
        enter(3);
        // vmmcall; mov [rsi], rax
        start("0f 01 d9 48 89 06");

        assertExit(ExitReason.MMIO);

        assertThat(u64(RunLayout.MMIO_DATA)).as("KVM_EPERM").isEqualTo(-1);
    }
}
