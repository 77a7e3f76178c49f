package io.guestmem.soft.cpu;

import java.util.Arrays;

/**
 * A decoded instruction. Fields are set by the {@link Decoder} and not changed afterwards.
 *
 * <p>Operands are numbers: 0 to 15 a general register, {@link #HIGH_BYTE} to +3 ah, ch, dh and bh, {@link #MEMORY},
 * {@link #IMMEDIATE}.
 */
final class Instruction {
    static final int HIGH_BYTE = 16;
    static final int MEMORY = 32;
    static final int IMMEDIATE = 33;
    static final int NO_REGISTER = -1;
    static final int BASE_RIP = 16;

    static final int NO_REPEAT = 0;
    static final int REPEAT = 1;
    static final int REPEAT_NOT_EQUAL = 2;

    Operation operation = SystemOperations.UNSUPPORTED;
    int length;

    /** The bytes that it was decoded from. */
    byte[] bytes = {};

    private long firstWord;
    private long firstMask;
    private long secondWord;
    private long secondMask;

    /** The width of the operands, and that of the source where it differs, in bytes. */
    int size;

    int sourceSize;

    /** The width of addresses in bytes: 2, 4 or 8. */
    int addressSize;

    int target = IMMEDIATE;
    int source = IMMEDIATE;

    /** The low bits of the opcode or of ModRM.reg, where they say what to do: a condition, a segment or control register. */
    int selector;

    long immediate;

    /** The selector of a far pointer. */
    int farSelector;

    int base = NO_REGISTER;
    int index = NO_REGISTER;
    int scale;
    long displacement;
    int segment = SegmentRegister.DS;
    boolean lock;
    int repeat = NO_REPEAT;

    /** The instruction is complete: notes the bytes, to be recognised by. */
    void seal(byte[] code, int from) {
        bytes = Arrays.copyOfRange(code, from, from + length);
        for (int i = 0; i < length; i++) {
            if (i < Long.BYTES) {
                firstWord |= (bytes[i] & 0xFFL) << (8 * i);
                firstMask |= 0xFFL << (8 * i);
            } else {
                secondWord |= (bytes[i] & 0xFFL) << (8 * (i - Long.BYTES));
                secondMask |= 0xFFL << (8 * (i - Long.BYTES));
            }
        }
    }

    /** Whether memory still has the bytes that this was decoded from; 16 bytes at the address can be read. */
    boolean isAt(long address) {
        return (RawMemory.get64(address) & firstMask) == firstWord
                && (length <= Long.BYTES || (RawMemory.get64(address + Long.BYTES) & secondMask) == secondWord);
    }

    /** Whether the first operand of ModRM is memory. */
    boolean hasMemory() {
        return target == MEMORY || source == MEMORY;
    }
}
