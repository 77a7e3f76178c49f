package io.guestmem.soft.cpu;

import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * What an opcode means. Immutable.
 */
final class Opcode {
    private static final int EVERY = 0xFF;

    private final Form form;
    private final boolean isByte;
    private final boolean wide;

    /** By ModRM.reg, the bits of those that LOCK is allowed with, if the target is memory. */
    private final int lockable;

    /** By ModRM.reg, all the same if it does not decide; null for an extension that does not exist. */
    private final @Nullable Operation[] operations;

    private Opcode(Form form, boolean isByte, boolean wide, int lockable, @Nullable Operation[] operations) {
        this.form = form;
        this.isByte = isByte;
        this.wide = wide;
        this.lockable = lockable;
        this.operations = operations;
    }

    /** How an opcode gets its operands: target, source, third. */
    enum Form {
        /** None. */
        NONE(false),
        /** ModRM.rm, ModRM.reg. */
        RM_REG(true),
        /** ModRM.reg, ModRM.rm. */
        REG_RM(true),
        /** ModRM.reg, ModRM.rm as a byte. */
        REG_RM8(true),
        /** ModRM.reg, ModRM.rm as two bytes. */
        REG_RM16(true),
        /** ModRM.reg, ModRM.rm as four bytes. */
        REG_RM32(true),
        /** ModRM.rm, an immediate of the operands' size, at most 4 bytes, sign-extended. */
        RM_IMM(true),
        /** ModRM.rm, a byte, sign-extended. */
        RM_IMM8(true),
        /** ModRM.rm, 1. */
        RM_ONE(true),
        /** ModRM.rm, cl. */
        RM_CL(true),
        /** ModRM.rm. */
        RM(true),
        /** ModRM.rm, and an immediate if ModRM.reg is 0 or 1: {@code test} in the company of {@code not}, {@code mul} and so on. */
        UNARY(true),
        /** ModRM.rm; 64 bits in 64-bit code for near calls and jumps and {@code push}. */
        INDIRECT(true),
        /** ModRM.rm; ModRM.reg selects. */
        RM_SELECTED(true),
        /** ModRM.reg, ModRM.rm, an immediate. */
        REG_RM_IMM(true),
        /** ModRM.reg, ModRM.rm, a byte. */
        REG_RM_IMM8(true),
        /** ModRM.rm, ModRM.reg, a byte. */
        RM_REG_IMM8(true),
        /** Accumulator, an immediate. */
        ACC_IMM(false),
        /** The opcode's register, an immediate of the full size. */
        REG_IMM(false),
        /** The opcode's register. */
        REG(false),
        /** The opcode's register, accumulator. */
        REG_ACC(false),
        /** An immediate of the operands' size, at most 4 bytes. */
        IMM(false),
        /** A byte, sign-extended. */
        IMM8(false),
        /** Two bytes. */
        IMM16(false),
        /** Accumulator, memory at an address in the instruction. */
        ACC_OFFSET(false),
        /** Memory at an address in the instruction, accumulator. */
        OFFSET_ACC(false),
        /** A far pointer in the instruction. */
        FAR(false),
        /** ModRM, for a control register: rm is a register whatever mod says. */
        CONTROL(true);

        private final boolean modRm;

        Form(boolean modRm) {
            this.modRm = modRm;
        }

        boolean hasModRm() {
            return modRm;
        }
    }

    static Opcode of(Form form, Operation operation) {
        Operation[] all = new Operation[8];
        Arrays.fill(all, operation);
        return new Opcode(form, false, false, 0, all);
    }

    /** ModRM.reg decides what it does. */
    static Opcode group(Form form, @Nullable Operation... operations) {
        return new Opcode(form, false, false, 0, operations);
    }

    /** Its operands are bytes. */
    Opcode asByte() {
        return new Opcode(form, true, wide, lockable, operations);
    }

    /** Its operands have 64 bits in 64-bit code without a prefix. */
    Opcode asWide() {
        return new Opcode(form, isByte, true, lockable, operations);
    }

    /** LOCK is allowed, if the target is memory. */
    Opcode withLock() {
        return withLock(EVERY);
    }

    /** LOCK is allowed with some of a group. */
    Opcode withLock(int byReg) {
        return new Opcode(form, isByte, wide, byReg, operations);
    }

    Form form() {
        return form;
    }

    boolean isByte() {
        return isByte;
    }

    boolean wide() {
        return wide;
    }

    boolean isLockable(int reg) {
        return (lockable >> reg & 1) != 0;
    }

    /** What it does. */
    Operation operation(int reg) {
        Operation operation = operations[reg];
        return operation == null ? SystemOperations.UNSUPPORTED : operation;
    }
}
