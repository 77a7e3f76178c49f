package io.guestmem.vmm;

import io.guestmem.kvm.Registers.Register;
import java.io.ByteArrayOutputStream;

/**
 * Assembles the few 64-bit instructions that guest programs are made of. Source: Intel SDM volume 2, AMD APM volume 3.
 *
 * <p>Not thread-safe.
 */
final class Assembler {
    private static final int REX_W = 0x48;
    private static final int REX_R = 4;
    private static final int REX_B = 1;
    private static final int DIRECT = 3;
    private static final int INDIRECT = 0;

    private final ByteArrayOutputStream code = new ByteArrayOutputStream();

    /** Where the next instruction goes: a label for jumps backwards. */
    int here() {
        return code.size();
    }

    /** {@code add to, [from]}: reads 8 bytes of memory. */
    Assembler addFromMemory(Register to, Register from) {
        return instruction(0x03, INDIRECT, to, from);
    }

    /** {@code mov to, [from]}: reads 8 bytes of memory. */
    Assembler moveFromMemory(Register to, Register from) {
        return instruction(0x8B, INDIRECT, to, from);
    }

    /** {@code mov [to], from}: writes 8 bytes of memory. */
    Assembler moveToMemory(Register to, Register from) {
        return instruction(0x89, INDIRECT, from, to);
    }

    /** {@code mov to, from}. */
    Assembler move(Register to, Register from) {
        return instruction(0x89, DIRECT, from, to);
    }

    /** {@code add to, from}. */
    Assembler add(Register to, Register from) {
        return instruction(0x01, DIRECT, from, to);
    }

    /** {@code add to, value}. */
    Assembler add(Register to, byte value) {
        return extended(0x83, 0, to).emit(value);
    }

    /** {@code and to, from}. */
    Assembler and(Register to, Register from) {
        return instruction(0x21, DIRECT, from, to);
    }

    /** {@code imul to, from}. */
    Assembler multiply(Register to, Register from) {
        return emit(rex(to, from)).emit(0x0F).emit(0xAF).emit(modRm(DIRECT, number(to), from));
    }

    /** {@code shl to, bits}. */
    Assembler shiftLeft(Register to, int bits) {
        return extended(0xC1, 4, to).emit(bits);
    }

    /** {@code cmp left, right}. */
    Assembler compare(Register left, Register right) {
        return instruction(0x39, DIRECT, right, left);
    }

    /** {@code dec register}: sets the zero flag at 0. */
    Assembler decrement(Register register) {
        return extended(0xFF, 1, register);
    }

    /** {@code jnz target}. */
    Assembler jumpIfNotZero(int target) {
        return jump(0x75, target);
    }

    /** {@code jae target}: after {@link #compare}, if left is not below right, unsigned. */
    Assembler jumpIfNotBelow(int target) {
        return jump(0x73, target);
    }

    /** {@code jmp target}. */
    Assembler jump(int target) {
        return jump(0xEB, target);
    }

    /** {@code out port, al}: an exit to the VMM. */
    Assembler output(int port) {
        return emit(0xE6).emit(port);
    }

    byte[] assemble() {
        return code.toByteArray();
    }

    private Assembler jump(int opcode, int target) {
        int distance = target - (here() + 2);
        if (distance < Byte.MIN_VALUE || distance > Byte.MAX_VALUE) {
            throw new IllegalArgumentException("jump over " + distance + " bytes is not a short one");
        }
        return emit(opcode).emit(distance);
    }

    private Assembler instruction(int opcode, int mode, Register register, Register operand) {
        return emit(rex(register, operand)).emit(opcode).emit(modRm(mode, number(register), operand));
    }

    private Assembler extended(int opcode, int extension, Register operand) {
        return emit(rex(Register.RAX, operand)).emit(opcode).emit(modRm(DIRECT, extension, operand));
    }

    private static int rex(Register register, Register operand) {
        return REX_W | (number(register) >= 8 ? REX_R : 0) | (number(operand) >= 8 ? REX_B : 0);
    }

    private static int modRm(int mode, int register, Register operand) {
        int base = number(operand) & 7;
        if (mode == INDIRECT && (base == 4 || base == 5)) {
            throw new IllegalArgumentException("no plain memory operand through " + operand);
        }
        return mode << 6 | (register & 7) << 3 | base;
    }

    /** The number that encodes a register; not the order of {@code struct kvm_regs}. */
    private static int number(Register register) {
        return switch (register) {
            case RAX -> 0;
            case RCX -> 1;
            case RDX -> 2;
            case RBX -> 3;
            case RSP -> 4;
            case RBP -> 5;
            case RSI -> 6;
            case RDI -> 7;
            case R8 -> 8;
            case R9 -> 9;
            case R10 -> 10;
            case R11 -> 11;
            case R12 -> 12;
            case R13 -> 13;
            case R14 -> 14;
            case R15 -> 15;
            case RIP, RFLAGS -> throw new IllegalArgumentException("not an operand: " + register);
        };
    }

    private Assembler emit(int value) {
        code.write(value);
        return this;
    }
}
