package io.guestmem.soft.cpu;

import io.guestmem.soft.cpu.Opcode.Form;
import org.jspecify.annotations.Nullable;

/**
 * Turns bytes into instructions. Source: Intel SDM volume 2, 2.1 and 2.2, and appendix A.
 *
 * <p>Not thread-safe.
 */
final class Decoder {
    /** The longest instruction. */
    static final int MOST_BYTES = 15;

    private static final int REX_W = 8;
    private static final int REX_R = 4;
    private static final int REX_X = 2;
    private static final int REX_B = 1;
    private static final int NO_SEGMENT = -1;

    /** {@code call}, {@code jmp} and {@code push} of opcode FF, by ModRM.reg. */
    private static final int INDIRECT_WIDE = 0b101_0100;

    /** Base and index of the eight addressing forms of 16-bit code. */
    private static final int[] BASE_16 = {
        Registers.RBX,
        Registers.RBX,
        Registers.RBP,
        Registers.RBP,
        Registers.RSI,
        Registers.RDI,
        Registers.RBP,
        Registers.RBX
    };

    private static final int[] INDEX_16 = {Registers.RSI, Registers.RDI, Registers.RSI, Registers.RDI, -1, -1, -1, -1};

    private byte[] code = {};
    private int available;
    private int at;
    private boolean ranOut;

    private int bits;
    private int rex;
    private boolean operandPrefix;
    private boolean addressPrefix;
    private int segmentPrefix;
    private Instruction result = new Instruction();

    /**
     * Decodes one instruction.
     *
     * @param bytes that start with it
     * @param count how many there are
     * @param codeBits 16, 32 or 64
     * @return null if there are too few bytes
     */
    @Nullable
    Instruction decode(byte[] bytes, int count, int codeBits) {
        code = bytes;
        available = count;
        at = 0;
        ranOut = false;
        bits = codeBits;
        rex = 0;
        operandPrefix = false;
        addressPrefix = false;
        segmentPrefix = NO_SEGMENT;
        result = new Instruction();
        int opcode = prefixes();
        boolean two = opcode == 0x0F;
        if (two) {
            opcode = next();
        }
        result.addressSize = addressSize();
        result.selector = opcode & 0xF;
        Opcode meaning = two ? TwoByteOpcodes.TABLE[opcode] : OneByteOpcodes.of(opcode, bits);
        if (meaning != null) {
            operands(meaning, opcode);
        }
        if (ranOut) {
            return null;
        }
        result.length = at;
        result.seal(code, 0);
        return result;
    }

    private int prefixes() {
        while (true) {
            int value = next();
            switch (value) {
                case 0x26 -> segmentPrefix = SegmentRegister.ES;
                case 0x2E -> segmentPrefix = SegmentRegister.CS;
                case 0x36 -> segmentPrefix = SegmentRegister.SS;
                case 0x3E -> segmentPrefix = SegmentRegister.DS;
                case 0x64 -> segmentPrefix = SegmentRegister.FS;
                case 0x65 -> segmentPrefix = SegmentRegister.GS;
                case 0x66 -> operandPrefix = true;
                case 0x67 -> addressPrefix = true;
                case 0xF0 -> result.lock = true;
                case 0xF2 -> result.repeat = Instruction.REPEAT_NOT_EQUAL;
                case 0xF3 -> result.repeat = Instruction.REPEAT;
                default -> {
                    if (bits == 64 && (value & 0xF0) == 0x40) {
                        rex = value;
                        return next();
                    }
                    return value;
                }
            }
            if (ranOut) {
                return 0;
            }
        }
    }

    private int addressSize() {
        return switch (bits) {
            case 64 -> addressPrefix ? 4 : 8;
            case 32 -> addressPrefix ? 2 : 4;
            default -> addressPrefix ? 4 : 2;
        };
    }

    private int operandSize(Opcode meaning, int reg) {
        if (meaning.isByte()) {
            return 1;
        }
        if (bits == 64) {
            if ((rex & REX_W) != 0) {
                return 8;
            }
            if (operandPrefix) {
                return 2;
            }
            boolean near = meaning.form() == Form.INDIRECT && (INDIRECT_WIDE >> reg & 1) != 0;
            return meaning.wide() || near ? 8 : 4;
        }
        return (bits == 32) == operandPrefix ? 2 : 4;
    }

    private void operands(Opcode meaning, int opcode) {
        int rm = 0;
        int reg = 0;
        if (meaning.form().hasModRm()) {
            int modRm = next();
            reg = modRm >> 3 & 7;
            rm = meaning.form() == Form.CONTROL ? register(modRm & 7, REX_B) : modRm(modRm);
        }
        result.size = operandSize(meaning, reg);
        result.sourceSize = result.size;
        result.operation = meaning.operation(reg);
        assign(meaning.form(), rm, reg, opcode);
        if (segmentPrefix != NO_SEGMENT) {
            overrideSegment();
        }
        if (result.lock && !(meaning.isLockable(reg) && result.target == Instruction.MEMORY)) {
            result.operation = SystemOperations.INVALID_OPCODE;
        }
    }

    /** In 64-bit code only fs and gs have bases, and the other prefixes mean nothing. */
    private void overrideSegment() {
        if (bits != 64 || segmentPrefix >= SegmentRegister.FS) {
            result.segment = segmentPrefix;
        }
    }

    private void assign(Form form, int rm, int reg, int opcode) {
        int register = register(reg, REX_R);
        switch (form) {
            case NONE -> {}
            case RM_REG -> targetAndSource(byteRegister(rm), byteRegister(register));
            case REG_RM -> targetAndSource(byteRegister(register), byteRegister(rm));
            case REG_RM8 -> extend(register, rm, 1);
            case REG_RM16 -> extend(register, rm, 2);
            case REG_RM32 -> extend(register, rm, 4);
            case RM_IMM -> targetAndImmediate(byteRegister(rm), immediate(Math.min(result.size, 4)));
            case RM_IMM8 -> targetAndImmediate(byteRegister(rm), immediate(1));
            case RM_ONE -> targetAndImmediate(byteRegister(rm), 1);
            case RM_CL -> targetAndSource(byteRegister(rm), Registers.RCX);
            case RM, INDIRECT -> result.target = byteRegister(rm);
            case RM_SELECTED -> {
                result.target = rm;
                result.selector = reg;
            }
            case UNARY -> {
                result.target = byteRegister(rm);
                result.immediate = reg < 2 ? immediate(Math.min(result.size, 4)) : 0;
            }
            case REG_RM_IMM -> three(register, rm, immediate(Math.min(result.size, 4)));
            case REG_RM_IMM8 -> three(register, rm, immediate(1));
            case RM_REG_IMM8 -> three(rm, register, immediate(1));
            case ACC_IMM -> targetAndImmediate(Registers.RAX, immediate(Math.min(result.size, 4)));
            case REG_IMM -> targetAndImmediate(byteRegister(register(opcode & 7, REX_B)), immediate(result.size));
            case REG -> result.target = byteRegister(register(opcode & 7, REX_B));
            case REG_ACC -> targetAndSource(register(opcode & 7, REX_B), Registers.RAX);
            case IMM -> result.immediate = immediate(Math.min(result.size, 4));
            case IMM8 -> result.immediate = immediate(1);
            case IMM16 -> result.immediate = immediate(2) & 0xFFFF;
            case ACC_OFFSET -> {
                offset();
                targetAndSource(Registers.RAX, Instruction.MEMORY);
            }
            case OFFSET_ACC -> {
                offset();
                targetAndSource(Instruction.MEMORY, Registers.RAX);
            }
            case FAR -> {
                result.immediate = immediate(result.size);
                result.farSelector = (int) immediate(2) & 0xFFFF;
            }
            case CONTROL -> {
                result.target = rm;
                result.selector = register;
                result.size = bits == 64 ? 8 : 4;
            }
        }
    }

    private void targetAndSource(int target, int source) {
        result.target = target;
        result.source = source;
    }

    private void targetAndImmediate(int target, long value) {
        result.target = target;
        result.immediate = value;
    }

    private void extend(int target, int source, int size) {
        result.sourceSize = size;
        targetAndSource(target, size == 1 ? highByte(source) : source);
    }

    private void three(int target, int source, long value) {
        targetAndSource(target, source);
        result.immediate = value;
    }

    private int register(int low, int extension) {
        return low | ((rex & extension) != 0 ? 8 : 0);
    }

    private int byteRegister(int operand) {
        return result.size == 1 ? highByte(operand) : operand;
    }

    /** Without a REX prefix, the byte registers 4 to 7 are ah, ch, dh and bh. */
    private int highByte(int operand) {
        return rex == 0 && operand >= 4 && operand < 8 ? Instruction.HIGH_BYTE + operand - 4 : operand;
    }

    private int modRm(int modRm) {
        int mod = modRm >> 6;
        int rm = modRm & 7;
        if (mod == 3) {
            return register(rm, REX_B);
        }
        if (result.addressSize == 2) {
            address16(mod, rm);
        } else {
            address(mod, rm);
        }
        return Instruction.MEMORY;
    }

    private void address16(int mod, int rm) {
        if (mod == 0 && rm == 6) {
            result.displacement = immediate(2) & 0xFFFF;
            return;
        }
        result.base = BASE_16[rm];
        result.index = INDEX_16[rm];
        result.displacement = mod == 0 ? 0 : immediate(mod);
        if (result.base == Registers.RBP) {
            result.segment = SegmentRegister.SS;
        }
    }

    private void address(int mod, int rm) {
        if (rm == 4) {
            sib(mod);
        } else if (mod == 0 && rm == 5) {
            result.base = bits == 64 ? Instruction.BASE_RIP : Instruction.NO_REGISTER;
            result.displacement = immediate(4);
        } else {
            result.base = register(rm, REX_B);
        }
        if (mod != 0) {
            result.displacement = immediate(mod == 1 ? 1 : 4);
        }
        if (result.base == Registers.RSP || result.base == Registers.RBP) {
            result.segment = SegmentRegister.SS;
        }
    }

    private void sib(int mod) {
        int sib = next();
        int index = register(sib >> 3 & 7, REX_X);
        if (index != Registers.RSP) {
            result.index = index;
            result.scale = sib >> 6;
        }
        if (mod == 0 && (sib & 7) == 5) {
            result.displacement = immediate(4);
        } else {
            result.base = register(sib & 7, REX_B);
        }
    }

    private void offset() {
        result.displacement = immediate(result.addressSize);
    }

    /** Sign-extended. */
    private long immediate(int size) {
        long value = 0;
        for (int i = 0; i < size; i++) {
            value |= (long) next() << (8 * i);
        }
        int unused = 64 - 8 * size;
        return value << unused >> unused;
    }

    private int next() {
        if (at == available) {
            ranOut = true;
            return 0;
        }
        return code[at++] & 0xFF;
    }
}
