package io.guestmem.soft.cpu;

import io.guestmem.soft.cpu.Opcode.Form;
import org.jspecify.annotations.Nullable;

/** The opcodes of one byte. Source: Intel SDM volume 2, appendix A. */
final class OneByteOpcodes {
    private static final @Nullable Opcode[] TABLE = new Opcode[256];

    /** What 32-bit and 16-bit code has where 64-bit code has REX prefixes and nothing. */
    private static final @Nullable Opcode[] NARROW = new Opcode[256];

    private static final int LOCK_ALL_BUT_COMPARE = 0x7F;
    private static final int LOCK_NOT_NEGATE = 0b1100;
    private static final int LOCK_INCREMENT_DECREMENT = 0b11;

    private OneByteOpcodes() {}

    static {
        arithmetic();
        stack();
        moves();
        groups();
        shifts();
        strings();
        branches();
        ports();
        system();
    }

    static @Nullable Opcode of(int opcode, int bits) {
        Opcode narrow = bits == 64 ? null : NARROW[opcode];
        return narrow == null ? TABLE[opcode] : narrow;
    }

    private static void arithmetic() {
        Operation[] eight = {
            Arithmetic::add,
            Arithmetic::or,
            Arithmetic::addWithCarry,
            Arithmetic::subtractWithBorrow,
            Arithmetic::and,
            Arithmetic::subtract,
            Arithmetic::xor,
            Arithmetic::compare
        };
        for (int n = 0; n < 8; n++) {
            boolean compares = n == 7;
            Opcode toMemory = Opcode.of(Form.RM_REG, eight[n]);
            toMemory = compares ? toMemory : toMemory.withLock();
            TABLE[8 * n] = toMemory.asByte();
            TABLE[8 * n + 1] = toMemory;
            TABLE[8 * n + 2] = Opcode.of(Form.REG_RM, eight[n]).asByte();
            TABLE[8 * n + 3] = Opcode.of(Form.REG_RM, eight[n]);
            TABLE[8 * n + 4] = Opcode.of(Form.ACC_IMM, eight[n]).asByte();
            TABLE[8 * n + 5] = Opcode.of(Form.ACC_IMM, eight[n]);
        }
        TABLE[0x80] =
                Opcode.group(Form.RM_IMM, eight).withLock(LOCK_ALL_BUT_COMPARE).asByte();
        TABLE[0x81] = Opcode.group(Form.RM_IMM, eight).withLock(LOCK_ALL_BUT_COMPARE);
        TABLE[0x83] = Opcode.group(Form.RM_IMM8, eight).withLock(LOCK_ALL_BUT_COMPARE);
        TABLE[0x84] = Opcode.of(Form.RM_REG, Arithmetic::test).asByte();
        TABLE[0x85] = Opcode.of(Form.RM_REG, Arithmetic::test);
        TABLE[0xA8] = Opcode.of(Form.ACC_IMM, Arithmetic::test).asByte();
        TABLE[0xA9] = Opcode.of(Form.ACC_IMM, Arithmetic::test);
        TABLE[0x69] = Opcode.of(Form.REG_RM_IMM, Arithmetic::multiplyImmediate);
        TABLE[0x6B] = Opcode.of(Form.REG_RM_IMM8, Arithmetic::multiplyImmediate);
        for (int n = 0; n < 8; n++) {
            NARROW[0x40 + n] = Opcode.of(Form.REG, Arithmetic::increment);
            NARROW[0x48 + n] = Opcode.of(Form.REG, Arithmetic::decrement);
        }
    }

    private static void groups() {
        Opcode unary = Opcode.group(
                        Form.UNARY,
                        Arithmetic::test,
                        Arithmetic::test,
                        Arithmetic::not,
                        Arithmetic::negate,
                        Arithmetic::multiplyUnsigned,
                        Arithmetic::multiplySignedWide,
                        Arithmetic::divideUnsigned,
                        Arithmetic::divideSigned)
                .withLock(LOCK_NOT_NEGATE);
        TABLE[0xF6] = unary.asByte();
        TABLE[0xF7] = unary;
        TABLE[0xFF] = Opcode.group(
                        Form.INDIRECT,
                        Arithmetic::increment,
                        Arithmetic::decrement,
                        Branches::callIndirect,
                        null,
                        Branches::jumpTo,
                        Branches::jumpFarIndirect,
                        Moves::push,
                        null)
                .withLock(LOCK_INCREMENT_DECREMENT);
        TABLE[0xFE] = Opcode.group(
                        Form.RM, Arithmetic::increment, Arithmetic::decrement, null, null, null, null, null, null)
                .withLock(LOCK_INCREMENT_DECREMENT)
                .asByte();
    }

    private static void stack() {
        for (int n = 0; n < 8; n++) {
            TABLE[0x50 + n] = Opcode.of(Form.REG, Moves::push).asWide();
            TABLE[0x58 + n] = Opcode.of(Form.REG, Moves::pop).asWide();
        }
        for (int segment = SegmentRegister.ES; segment <= SegmentRegister.DS; segment++) {
            NARROW[0x06 + 8 * segment] = Opcode.of(Form.NONE, SystemOperations.pushSegment(segment));
            if (segment != SegmentRegister.CS) {
                NARROW[0x07 + 8 * segment] = Opcode.of(Form.NONE, SystemOperations.popSegment(segment));
            }
        }
        TABLE[0x68] = Opcode.of(Form.IMM, Moves::pushImmediate).asWide();
        TABLE[0x6A] = Opcode.of(Form.IMM8, Moves::pushImmediate).asWide();
        TABLE[0x8F] = Opcode.group(Form.RM, Moves::pop, null, null, null, null, null, null, null)
                .asWide();
        TABLE[0x9C] = Opcode.of(Form.NONE, Moves::pushFlags).asWide();
        TABLE[0x9D] = Opcode.of(Form.NONE, Moves::popFlags).asWide();
        TABLE[0xC9] = Opcode.of(Form.NONE, Moves::leave).asWide();
    }

    private static void moves() {
        TABLE[0x63] = Opcode.of(Form.REG_RM32, Moves::moveSignExtended);
        NARROW[0x63] = Opcode.of(Form.RM_REG, SystemOperations.UNSUPPORTED);
        TABLE[0x86] = Opcode.of(Form.RM_REG, Moves::exchange).withLock().asByte();
        TABLE[0x87] = Opcode.of(Form.RM_REG, Moves::exchange).withLock();
        TABLE[0x88] = Opcode.of(Form.RM_REG, Moves::move).asByte();
        TABLE[0x89] = Opcode.of(Form.RM_REG, Moves::move);
        TABLE[0x8A] = Opcode.of(Form.REG_RM, Moves::move).asByte();
        TABLE[0x8B] = Opcode.of(Form.REG_RM, Moves::move);
        TABLE[0x8C] = Opcode.of(Form.RM_REG, SystemOperations::storeSegment);
        TABLE[0x8D] = Opcode.of(Form.REG_RM, Moves::loadAddress);
        TABLE[0x8E] = Opcode.of(Form.REG_RM16, SystemOperations::loadSegment);
        for (int n = 0; n < 8; n++) {
            TABLE[0x90 + n] = Opcode.of(Form.REG_ACC, Moves::exchangeOrNothing);
            TABLE[0xB0 + n] = Opcode.of(Form.REG_IMM, Moves::move).asByte();
            TABLE[0xB8 + n] = Opcode.of(Form.REG_IMM, Moves::move);
        }
        TABLE[0x98] = Opcode.of(Form.NONE, Moves::widen);
        TABLE[0x99] = Opcode.of(Form.NONE, Moves::spreadSign);
        TABLE[0x9E] = Opcode.of(Form.NONE, Moves::storeAhIntoFlags);
        TABLE[0x9F] = Opcode.of(Form.NONE, Moves::loadFlagsIntoAh);
        TABLE[0xA0] = Opcode.of(Form.ACC_OFFSET, Moves::move).asByte();
        TABLE[0xA1] = Opcode.of(Form.ACC_OFFSET, Moves::move);
        TABLE[0xA2] = Opcode.of(Form.OFFSET_ACC, Moves::move).asByte();
        TABLE[0xA3] = Opcode.of(Form.OFFSET_ACC, Moves::move);
        TABLE[0xC6] = Opcode.group(Form.RM_IMM, Moves::move, null, null, null, null, null, null, null)
                .asByte();
        TABLE[0xC7] = Opcode.group(Form.RM_IMM, Moves::move, null, null, null, null, null, null, null);
    }

    private static void shifts() {
        Operation[] eight = {
            Shifts::rotateLeft,
            Shifts::rotateRight,
            Shifts::rotateCarryLeft,
            Shifts::rotateCarryRight,
            Shifts::left,
            Shifts::right,
            Shifts::left,
            Shifts::arithmeticRight
        };
        TABLE[0xC0] = Opcode.group(Form.RM_IMM8, eight).asByte();
        TABLE[0xC1] = Opcode.group(Form.RM_IMM8, eight);
        TABLE[0xD0] = Opcode.group(Form.RM_ONE, eight).asByte();
        TABLE[0xD1] = Opcode.group(Form.RM_ONE, eight);
        TABLE[0xD2] = Opcode.group(Form.RM_CL, eight).asByte();
        TABLE[0xD3] = Opcode.group(Form.RM_CL, eight);
    }

    private static void strings() {
        TABLE[0xA4] = Opcode.of(Form.NONE, Strings::move).asByte();
        TABLE[0xA5] = Opcode.of(Form.NONE, Strings::move);
        TABLE[0xA6] = Opcode.of(Form.NONE, Strings::compare).asByte();
        TABLE[0xA7] = Opcode.of(Form.NONE, Strings::compare);
        TABLE[0xAA] = Opcode.of(Form.NONE, Strings::store).asByte();
        TABLE[0xAB] = Opcode.of(Form.NONE, Strings::store);
        TABLE[0xAC] = Opcode.of(Form.NONE, Strings::load).asByte();
        TABLE[0xAD] = Opcode.of(Form.NONE, Strings::load);
        TABLE[0xAE] = Opcode.of(Form.NONE, Strings::scan).asByte();
        TABLE[0xAF] = Opcode.of(Form.NONE, Strings::scan);
    }

    private static void branches() {
        for (int n = 0; n < 16; n++) {
            TABLE[0x70 + n] = Opcode.of(Form.IMM8, Branches::jumpIf).asWide();
        }
        TABLE[0xC2] = Opcode.of(Form.IMM16, Branches::returnAndDrop).asWide();
        TABLE[0xC3] = Opcode.of(Form.NONE, Branches::returnNear).asWide();
        TABLE[0xCB] = Opcode.of(Form.NONE, Branches::returnFar);
        TABLE[0xE0] = Opcode.of(Form.IMM8, Branches::loop).asWide();
        TABLE[0xE1] = Opcode.of(Form.IMM8, Branches::loop).asWide();
        TABLE[0xE2] = Opcode.of(Form.IMM8, Branches::loop).asWide();
        TABLE[0xE3] = Opcode.of(Form.IMM8, Branches::jumpIfCountIsZero).asWide();
        TABLE[0xE8] = Opcode.of(Form.IMM, Branches::call).asWide();
        TABLE[0xE9] = Opcode.of(Form.IMM, Branches::jump).asWide();
        NARROW[0xEA] = Opcode.of(Form.FAR, Branches::jumpFar);
        TABLE[0xEB] = Opcode.of(Form.IMM8, Branches::jump).asWide();
    }

    private static void ports() {
        TABLE[0xE4] = Opcode.of(Form.IMM8, PortIo::in).asByte();
        TABLE[0xE5] = Opcode.of(Form.IMM8, PortIo::in);
        TABLE[0xE6] = Opcode.of(Form.IMM8, PortIo::out).asByte();
        TABLE[0xE7] = Opcode.of(Form.IMM8, PortIo::out);
        TABLE[0xEC] = Opcode.of(Form.NONE, PortIo::in).asByte();
        TABLE[0xED] = Opcode.of(Form.NONE, PortIo::in);
        TABLE[0xEE] = Opcode.of(Form.NONE, PortIo::out).asByte();
        TABLE[0xEF] = Opcode.of(Form.NONE, PortIo::out);
    }

    private static void system() {
        TABLE[0xCC] = Opcode.of(Form.NONE, SystemOperations::breakpoint);
        TABLE[0xCD] = Opcode.of(Form.IMM8, SystemOperations::softwareInterrupt);
        TABLE[0xCF] = Opcode.of(Form.NONE, Exceptions::returnFrom);
        TABLE[0xF4] = Opcode.of(Form.NONE, SystemOperations::halt);
        TABLE[0xF5] = Opcode.of(Form.NONE, Moves::complementCarry);
        TABLE[0xF8] = Opcode.of(Form.NONE, Moves::clearCarry);
        TABLE[0xF9] = Opcode.of(Form.NONE, Moves::setCarry);
        TABLE[0xFA] = Opcode.of(Form.NONE, SystemOperations::clearInterrupts);
        TABLE[0xFB] = Opcode.of(Form.NONE, SystemOperations::setInterrupts);
        TABLE[0xFC] = Opcode.of(Form.NONE, Moves::clearDirection);
        TABLE[0xFD] = Opcode.of(Form.NONE, Moves::setDirection);
    }
}
