package io.guestmem.soft.cpu;

import io.guestmem.soft.cpu.Opcode.Form;
import org.jspecify.annotations.Nullable;

/** The opcodes that start with 0F. Source: Intel SDM volume 2, appendix A. */
final class TwoByteOpcodes {
    static final @Nullable Opcode[] TABLE = new Opcode[256];

    private static final int LOCK_SET_RESET_COMPLEMENT = 0b1110_0000;

    private TwoByteOpcodes() {}

    static {
        system();
        conditions();
        bits();
        data();
    }

    private static void system() {
        TABLE[0x00] = Opcode.group(
                Form.RM,
                null,
                null,
                SystemOperations::loadLocalTable,
                SystemOperations::loadTask,
                null,
                null,
                null,
                null);
        TABLE[0x01] = Opcode.of(Form.RM_SELECTED, SystemOperations::systemGroup);
        TABLE[0x06] = Opcode.of(Form.NONE, SystemOperations::clearTaskSwitched);
        TABLE[0x08] = Opcode.of(Form.NONE, SystemOperations::privilegedNothing);
        TABLE[0x09] = Opcode.of(Form.NONE, SystemOperations::privilegedNothing);
        TABLE[0x0B] = Opcode.of(Form.NONE, SystemOperations.INVALID_OPCODE);
        TABLE[0x0D] = Opcode.of(Form.RM, Moves::nothing);
        for (int hint = 0x18; hint <= 0x1F; hint++) {
            TABLE[hint] = Opcode.of(Form.RM, Moves::nothing);
        }
        TABLE[0x20] = Opcode.of(Form.CONTROL, SystemOperations::readControl);
        TABLE[0x22] = Opcode.of(Form.CONTROL, SystemOperations::writeControl);
        TABLE[0x30] = Opcode.of(Form.NONE, SystemOperations::writeMsr);
        TABLE[0x31] = Opcode.of(Form.NONE, SystemOperations::readTimeStamp);
        TABLE[0x32] = Opcode.of(Form.NONE, SystemOperations::readMsr);
        TABLE[0xA0] = Opcode.of(Form.NONE, SystemOperations.pushSegment(SegmentRegister.FS))
                .asWide();
        TABLE[0xA1] = Opcode.of(Form.NONE, SystemOperations.popSegment(SegmentRegister.FS))
                .asWide();
        TABLE[0xA8] = Opcode.of(Form.NONE, SystemOperations.pushSegment(SegmentRegister.GS))
                .asWide();
        TABLE[0xA9] = Opcode.of(Form.NONE, SystemOperations.popSegment(SegmentRegister.GS))
                .asWide();
        TABLE[0xAA] = Opcode.of(Form.NONE, SystemManagement::leave);
        TABLE[0xA2] = Opcode.of(Form.NONE, SystemOperations::cpuid);
        TABLE[0xAE] = Opcode.of(Form.RM_SELECTED, SystemOperations::fenceGroup);
    }

    private static void conditions() {
        for (int n = 0; n < 16; n++) {
            TABLE[0x40 + n] = Opcode.of(Form.REG_RM, Moves::moveIf);
            TABLE[0x80 + n] = Opcode.of(Form.IMM, Branches::jumpIf).asWide();
            TABLE[0x90 + n] = Opcode.of(Form.RM, Moves::setIf).asByte();
        }
    }

    private static void bits() {
        TABLE[0xA3] = Opcode.of(Form.RM_REG, Shifts::bitTest);
        TABLE[0xAB] = Opcode.of(Form.RM_REG, Shifts::bitTestAndSet).withLock();
        TABLE[0xB3] = Opcode.of(Form.RM_REG, Shifts::bitTestAndReset).withLock();
        TABLE[0xBB] = Opcode.of(Form.RM_REG, Shifts::bitTestAndComplement).withLock();
        TABLE[0xBA] = Opcode.group(
                        Form.RM_IMM8,
                        null,
                        null,
                        null,
                        null,
                        Shifts::bitTest,
                        Shifts::bitTestAndSet,
                        Shifts::bitTestAndReset,
                        Shifts::bitTestAndComplement)
                .withLock(LOCK_SET_RESET_COMPLEMENT);
        TABLE[0xA4] = Opcode.of(Form.RM_REG_IMM8, Shifts::doubleLeft);
        TABLE[0xA5] = Opcode.of(Form.RM_REG, Shifts::doubleLeft);
        TABLE[0xAC] = Opcode.of(Form.RM_REG_IMM8, Shifts::doubleRight);
        TABLE[0xAD] = Opcode.of(Form.RM_REG, Shifts::doubleRight);
        TABLE[0xB8] = Opcode.of(Form.REG_RM, Shifts::countBits);
        TABLE[0xBC] = Opcode.of(Form.REG_RM, Shifts::scanForward);
        TABLE[0xBD] = Opcode.of(Form.REG_RM, Shifts::scanReverse);
    }

    private static void data() {
        TABLE[0xAF] = Opcode.of(Form.REG_RM, Arithmetic::multiplyInto);
        TABLE[0xB0] = Opcode.of(Form.RM_REG, Arithmetic::compareAndExchange)
                .withLock()
                .asByte();
        TABLE[0xB1] = Opcode.of(Form.RM_REG, Arithmetic::compareAndExchange).withLock();
        TABLE[0xB6] = Opcode.of(Form.REG_RM8, Moves::move);
        TABLE[0xB7] = Opcode.of(Form.REG_RM16, Moves::move);
        TABLE[0xBE] = Opcode.of(Form.REG_RM8, Moves::moveSignExtended);
        TABLE[0xBF] = Opcode.of(Form.REG_RM16, Moves::moveSignExtended);
        TABLE[0xC0] =
                Opcode.of(Form.RM_REG, Arithmetic::exchangeAndAdd).withLock().asByte();
        TABLE[0xC1] = Opcode.of(Form.RM_REG, Arithmetic::exchangeAndAdd).withLock();
        TABLE[0xC3] = Opcode.of(Form.RM_REG, Moves::move);
        TABLE[0xC7] =
                Opcode.of(Form.RM_SELECTED, Arithmetic::compareAndExchangeWide).withLock();
        for (int n = 0; n < 8; n++) {
            TABLE[0xC8 + n] = Opcode.of(Form.REG, Shifts::swapBytes);
        }
    }
}
