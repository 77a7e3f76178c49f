package io.guestmem.soft.cpu;

import io.guestmem.paging.Access;

/**
 * Loading segment registers from descriptor tables. Source: Intel SDM volume 2 (MOV, JMP, LTR), volume 3, 5.
 *
 * <p>Accessed bits of descriptors are not set; call gates and task gates are not modelled.
 */
final class Descriptors {
    private static final int TABLE_LOCAL = 4;
    private static final int TYPE_LDT = 2;
    private static final int TYPE_TSS_AVAILABLE = 9;
    private static final int TYPE_TSS_BUSY = 0xB;

    private Descriptors() {}

    /** The 8 bytes of a descriptor; a selector outside its table is {@code fault(selector)}. */
    static long read(Core core, int selector, int fault) {
        SystemRegisters system = core.system;
        boolean local = (selector & TABLE_LOCAL) != 0;
        long base = local ? system.localTable.base() : system.gdtBase;
        long limit = local ? Integer.toUnsignedLong(system.localTable.limit()) : system.gdtLimit;
        if ((selector | 7) > limit || (local && system.localTable.unusable())) {
            throw core.fault(fault, selector & 0xFFFC);
        }
        return core.memory.readImplicit(base + (selector & 0xFFF8), Long.BYTES);
    }

    static boolean isNull(int selector) {
        return (selector & 0xFFFC) == 0;
    }

    /** {@code mov sreg}: not for the code segment. */
    static void load(Core core, int register, int selector) {
        SystemRegisters system = core.system;
        if (!system.isProtected()) {
            system.segments[register] = system.segments[register].withRealModeSelector(selector);
        } else if (register == SegmentRegister.SS) {
            system.segments[register] = stack(core, selector, system.cpl(), Exceptions.GENERAL_PROTECTION);
        } else if (isNull(selector)) {
            system.segments[register] = SegmentRegister.nullSegment(selector, 0);
        } else {
            system.segments[register] = data(core, selector);
        }
        core.changed();
    }

    private static SegmentRegister data(Core core, int selector) {
        SegmentRegister loaded =
                SegmentRegister.ofDescriptor(selector, read(core, selector, Exceptions.GENERAL_PROTECTION));
        int weaker = Math.max(core.system.cpl(), selector & 3);
        boolean anyPrivilege = loaded.isCode() && loaded.isConforming();
        if (!loaded.isReadable() || (!anyPrivilege && weaker > loaded.dpl())) {
            throw core.fault(Exceptions.GENERAL_PROTECTION, selector & 0xFFFC);
        }
        requirePresent(core, loaded, Exceptions.NOT_PRESENT);
        return loaded;
    }

    /**
     * A stack segment for a privilege level. In 64-bit code a null selector will do below level 3.
     *
     * @param fault the exception for a selector that does not fit
     */
    static SegmentRegister stack(Core core, int selector, int cpl, int fault) {
        if (isNull(selector)) {
            if (core.system.isLong() && cpl < 3) {
                return SegmentRegister.nullSegment(selector, cpl);
            }
            throw core.fault(fault, 0);
        }
        SegmentRegister loaded = SegmentRegister.ofDescriptor(selector, read(core, selector, fault));
        if ((selector & 3) != cpl || loaded.dpl() != cpl || !loaded.isWritable()) {
            throw core.fault(fault, selector & 0xFFFC);
        }
        requirePresent(core, loaded, Exceptions.STACK_FAULT);
        return loaded;
    }

    private static void requirePresent(Core core, SegmentRegister loaded, int fault) {
        if (!loaded.present()) {
            throw core.fault(fault, loaded.selector() & 0xFFFC);
        }
    }

    /** A code segment, as far as every kind of transfer checks it. */
    static SegmentRegister code(Core core, int selector) {
        if (isNull(selector)) {
            throw core.generalProtection();
        }
        SegmentRegister loaded =
                SegmentRegister.ofDescriptor(selector, read(core, selector, Exceptions.GENERAL_PROTECTION));
        if (!loaded.isCode() || (core.system.isLong() && loaded.l() && loaded.db())) {
            throw core.fault(Exceptions.GENERAL_PROTECTION, selector & 0xFFFC);
        }
        requirePresent(core, loaded, Exceptions.NOT_PRESENT);
        return loaded;
    }

    /** A far jump at the same privilege level. */
    static void jumpFar(Core core, int selector, long rip) {
        SystemRegisters system = core.system;
        if (!system.isProtected()) {
            SegmentRegister code = system.segments[SegmentRegister.CS].withRealModeSelector(selector);
            enter(core, code, rip);
            return;
        }
        SegmentRegister code = code(core, selector);
        int cpl = system.cpl();
        boolean allowed = code.isConforming() ? code.dpl() <= cpl : code.dpl() == cpl && (selector & 3) <= cpl;
        if (!allowed) {
            throw core.fault(Exceptions.GENERAL_PROTECTION, selector & 0xFFFC);
        }
        SegmentRegister atLevel = new SegmentRegister(
                code.base(),
                code.limit(),
                (selector & 0xFFFC) | cpl,
                code.type(),
                true,
                code.dpl(),
                code.db(),
                true,
                code.l(),
                code.g(),
                code.avl(),
                false);
        enter(core, atLevel, rip);
    }

    /** Code goes on in a segment; its width may be another. */
    static void enter(Core core, SegmentRegister code, long rip) {
        SegmentRegister before = core.system.segments[SegmentRegister.CS];
        core.system.segments[SegmentRegister.CS] = code;
        core.changed();
        try {
            core.jump(rip);
        } catch (Abort outside) {
            core.system.segments[SegmentRegister.CS] = before;
            core.changed();
            throw outside;
        }
    }

    /** {@code lldt}. */
    static void loadLocalTable(Core core, int selector) {
        core.system.localTable =
                isNull(selector) ? SegmentRegister.nullSegment(selector, 0) : system(core, selector, TYPE_LDT);
    }

    /** {@code ltr}; the descriptor becomes busy. */
    static void loadTask(Core core, int selector) {
        if (isNull(selector)) {
            throw core.generalProtection();
        }
        SegmentRegister available = system(core, selector, TYPE_TSS_AVAILABLE);
        long busyByte = core.system.gdtBase + (selector & 0xFFF8) + 5;
        long value = core.memory.readImplicit(busyByte, 1);
        core.memory.writeAs(busyByte, 1, value | 2, Access.IMPLICIT);
        core.system.task = new SegmentRegister(
                available.base(),
                available.limit(),
                selector,
                TYPE_TSS_BUSY,
                true,
                available.dpl(),
                false,
                false,
                false,
                available.g(),
                available.avl(),
                false);
    }

    private static SegmentRegister system(Core core, int selector, int type) {
        if ((selector & TABLE_LOCAL) != 0) {
            throw core.fault(Exceptions.GENERAL_PROTECTION, selector & 0xFFFC);
        }
        SegmentRegister loaded =
                SegmentRegister.ofDescriptor(selector, read(core, selector, Exceptions.GENERAL_PROTECTION));
        if (loaded.s() || loaded.type() != type) {
            throw core.fault(Exceptions.GENERAL_PROTECTION, selector & 0xFFFC);
        }
        requirePresent(core, loaded, Exceptions.NOT_PRESENT);
        if (!core.system.isLong()) {
            return loaded;
        }
        long upper = core.memory.readImplicit(core.system.gdtBase + (selector & 0xFFF8) + 8, Integer.BYTES);
        return loaded.withBase(loaded.base() | upper << 32);
    }
}
