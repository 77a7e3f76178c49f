package io.guestmem.soft.cpu;

import static io.guestmem.soft.cpu.ControlBits.CR0_EM;
import static io.guestmem.soft.cpu.ControlBits.CR0_PE;
import static io.guestmem.soft.cpu.ControlBits.CR0_PG;
import static io.guestmem.soft.cpu.ControlBits.CR0_TS;

/**
 * System management mode, as far as it chooses the second address space: entry, and {@code rsm}.
 *
 * <p>The state is kept here; the save area in the guest's memory is neither written nor read. Source: Linux 7.2
 * {@code smm.c:enter_smm}.
 */
final class SystemManagement {
    private static final long BASE = 0x3_0000;
    private static final long ENTRY = 0x8000;
    private static final int TYPE_DATA = 3;

    private final Core core;
    private final Registers savedRegisters = new Registers();
    private final SystemRegisters savedSystem = new SystemRegisters(0);
    private boolean pending;
    private boolean active;

    SystemManagement(Core core) {
        this.core = core;
    }

    boolean isActive() {
        return active;
    }

    /** {@code KVM_SMI}: at the start of the next {@code KVM_RUN} that finds the vCPU outside. */
    void request() {
        pending = true;
    }

    /** Enters if it was asked to and is not there yet. */
    void enterIfPending() {
        if (!pending || active) {
            return;
        }
        pending = false;
        savedRegisters.copyFrom(core.registers);
        savedSystem.copyFrom(core.system);
        setActive(true);
        SystemRegisters system = core.system;
        core.registers.rflags = Flags.FIXED;
        core.registers.rip = ENTRY;
        system.cr0 &= ~(CR0_PE | CR0_EM | CR0_TS | CR0_PG);
        system.cr4 = 0;
        system.efer = 0;
        system.idtBase = 0;
        system.idtLimit = 0;
        for (int i = 0; i < system.segments.length; i++) {
            system.segments[i] = flat(0, 0);
        }
        system.segments[SegmentRegister.CS] = flat((int) (BASE >> 4), BASE);
        core.changed();
    }

    private static SegmentRegister flat(int selector, long base) {
        return new SegmentRegister(base, -1, selector, TYPE_DATA, true, 0, false, true, false, true, false, false);
    }

    /** {@code rsm}. */
    static void leave(Core core, Instruction i) {
        SystemManagement smm = core.smm;
        if (!smm.active) {
            throw core.invalidOpcode();
        }
        smm.restore();
        core.nextRip = core.registers.rip;
    }

    private void restore() {
        core.registers.copyFrom(savedRegisters);
        core.system.copyFrom(savedSystem);
        setActive(false);
        core.changed();
    }

    /** A reset ends it. */
    void reset() {
        pending = false;
        if (active) {
            setActive(false);
        }
    }

    private void setActive(boolean nowActive) {
        active = nowActive;
        core.context.roleChanged();
    }
}
