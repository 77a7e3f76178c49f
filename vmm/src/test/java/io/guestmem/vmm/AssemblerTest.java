package io.guestmem.vmm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import io.guestmem.kvm.Registers.Register;
import java.util.HexFormat;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/** The encodings that GNU as 2.44 gives for the same instructions. */
class AssemblerTest {
    static Stream<Arguments> instructions() {
        return Stream.of(
                Arguments.of("add rax, [rsi]", asm().addFromMemory(Register.RAX, Register.RSI), "480306"),
                Arguments.of("add r9, [r10]", asm().addFromMemory(Register.R9, Register.R10), "4d030a"),
                Arguments.of("mov rsi, [rdi]", asm().moveFromMemory(Register.RSI, Register.RDI), "488b37"),
                Arguments.of("mov r9, [r10]", asm().moveFromMemory(Register.R9, Register.R10), "4d8b0a"),
                Arguments.of("mov [rsi], rdx", asm().moveToMemory(Register.RSI, Register.RDX), "488916"),
                Arguments.of("mov [r15], r8", asm().moveToMemory(Register.R15, Register.R8), "4d8907"),
                Arguments.of("mov rsi, rdi", asm().move(Register.RSI, Register.RDI), "4889fe"),
                Arguments.of("mov r12, rsp", asm().move(Register.R12, Register.RSP), "4989e4"),
                Arguments.of("add rbx, rax", asm().add(Register.RBX, Register.RAX), "4801c3"),
                Arguments.of("add r8, r13", asm().add(Register.R8, Register.R13), "4d01e8"),
                Arguments.of("add rsi, 8", asm().add(Register.RSI, (byte) 8), "4883c608"),
                Arguments.of("add r11, -1", asm().add(Register.R11, (byte) -1), "4983c3ff"),
                Arguments.of("and rdi, r10", asm().and(Register.RDI, Register.R10), "4c21d7"),
                Arguments.of("imul rdi, r8", asm().multiply(Register.RDI, Register.R8), "490faff8"),
                Arguments.of("imul r9, rbp", asm().multiply(Register.R9, Register.RBP), "4c0fafcd"),
                Arguments.of("shl rsi, 12", asm().shiftLeft(Register.RSI, 12), "48c1e60c"),
                Arguments.of("shl r14, 63", asm().shiftLeft(Register.R14, 63), "49c1e63f"),
                Arguments.of("cmp rdi, rdx", asm().compare(Register.RDI, Register.RDX), "4839d7"),
                Arguments.of("cmp rax, r9", asm().compare(Register.RAX, Register.R9), "4c39c8"),
                Arguments.of("dec rcx", asm().decrement(Register.RCX), "48ffc9"),
                Arguments.of("dec r15", asm().decrement(Register.R15), "49ffcf"),
                Arguments.of("out 0x10, al", asm().output(0x10), "e610"),
                Arguments.of(
                        "1: jnz 1b; jae 1b; jmp 1b",
                        asm().jumpIfNotZero(0).jumpIfNotBelow(0).jump(0),
                        "75fe73fcebfa"));
    }

    private static Assembler asm() {
        return new Assembler();
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("instructions")
    void encoding(String text, Assembler assembler, String bytes) {
        assertThat(HexFormat.of().formatHex(assembler.assemble())).as(text).isEqualTo(bytes);
    }

    @ParameterizedTest
    @EnumSource(
            value = Register.class,
            names = {"RSP", "RBP", "R12", "R13"})
    void memoryOperandsThatNeedMoreBytesAreRefused(Register register) {
        assertThatIllegalArgumentException().isThrownBy(() -> asm().addFromMemory(Register.RAX, register));
        assertThatIllegalArgumentException().isThrownBy(() -> asm().moveToMemory(register, Register.RAX));
    }

    @ParameterizedTest
    @EnumSource(
            value = Register.class,
            names = {"RIP", "RFLAGS"})
    void whatIsNoOperandIsRefused(Register register) {
        assertThatIllegalArgumentException().isThrownBy(() -> asm().decrement(register));
    }

    @Test
    void jumpsReach128BytesBack() {
        Assembler assembler = asm();
        while (assembler.here() < 126) {
            assembler.output(0);
        }
        assembler.jump(0);
        assertThat(assembler.assemble()).endsWith(0xEB, 0x80);

        assertThatIllegalArgumentException().isThrownBy(() -> assembler.jump(0));
    }
}
