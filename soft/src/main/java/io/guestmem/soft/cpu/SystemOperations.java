package io.guestmem.soft.cpu;

import static io.guestmem.soft.cpu.ControlBits.CR0_DEFINED;
import static io.guestmem.soft.cpu.ControlBits.CR0_ET;
import static io.guestmem.soft.cpu.ControlBits.CR0_PG;
import static io.guestmem.soft.cpu.ControlBits.CR4_LA57;
import static io.guestmem.soft.cpu.ControlBits.CR4_PAE;
import static io.guestmem.soft.cpu.ControlBits.CR4_PCIDE;
import static io.guestmem.soft.cpu.ControlBits.CR4_PGE;
import static io.guestmem.soft.cpu.ControlBits.CR4_PSE;
import static io.guestmem.soft.cpu.ControlBits.CR4_SMEP;
import static io.guestmem.soft.cpu.ControlBits.EFER_LMA;
import static io.guestmem.soft.cpu.ControlBits.EFER_LME;

import io.guestmem.soft.vm.VcpuCounter;

/**
 * Instructions that look after the processor itself. Source: Intel SDM volume 2; Linux 7.2 {@code regs.c:kvm_set_cr0},
 * {@code kvm_set_cr3}, {@code kvm_set_cr4} for what they refuse.
 */
final class SystemOperations {
    private static final long CR4_PDPTR_BITS = CR4_PGE | CR4_PSE | CR4_PAE | CR4_SMEP;

    /** An instruction that exists, perhaps, and that nobody has written here. */
    static final Operation UNSUPPORTED = (core, _) -> {
        throw core.emulationFailure();
    };

    static final Operation INVALID_OPCODE = (core, _) -> {
        throw core.invalidOpcode();
    };

    private SystemOperations() {}

    /** rip points behind it at the exit. Source: Linux 7.2 {@code x86.c:kvm_emulate_halt}. */
    static void halt(Core core, Instruction i) {
        core.requirePrivilege();
        core.halt();
    }

    static void clearInterrupts(Core core, Instruction i) {
        requireIoPrivilege(core);
        core.registers.rflags &= ~Flags.IF;
    }

    static void setInterrupts(Core core, Instruction i) {
        requireIoPrivilege(core);
        core.registers.rflags |= Flags.IF;
    }

    private static void requireIoPrivilege(Core core) {
        if (core.system.cpl() > (core.registers.rflags & Flags.IOPL) >> Flags.IOPL_SHIFT) {
            throw core.generalProtection();
        }
    }

    /** Opcode 0F 01: with memory by ModRM.reg, otherwise by all of ModRM. */
    static void systemGroup(Core core, Instruction i) {
        if (i.target == Instruction.MEMORY) {
            switch (i.selector) {
                case 2 -> loadGlobalTable(core, i);
                case 3 -> loadInterruptTable(core, i);
                case 7 -> invalidatePage(core);
                default -> throw core.emulationFailure();
            }
            return;
        }
        switch (0xC0 | i.selector << 3 | (i.target & 7)) {
            case 0xC1, 0xD9 -> Hypercalls.call(core);
            case 0xCA -> setAlignmentCheck(core, false);
            case 0xCB -> setAlignmentCheck(core, true);
            case 0xEE -> readProtectionKeys(core);
            case 0xEF -> writeProtectionKeys(core);
            case 0xF8 -> swapGs(core);
            default -> throw core.emulationFailure();
        }
    }

    /** Opcode 0F AE: fences and CLFLUSH do nothing here; what belongs to the FPU is not modelled. */
    static void fenceGroup(Core core, Instruction i) {
        boolean fence = i.target != Instruction.MEMORY && i.selector >= 5;
        boolean flush = i.target == Instruction.MEMORY && i.selector == 7;
        if (!fence && !flush) {
            throw core.emulationFailure();
        }
    }

    private static void setAlignmentCheck(Core core, boolean set) {
        if (!core.cpuid().has(Cpuid.Feature.SMAP) || core.system.cpl() != 0) {
            throw core.invalidOpcode();
        }
        core.setFlags(Flags.with(core.registers.rflags, Flags.AC, set));
    }

    static void softwareInterrupt(Core core, Instruction i) {
        core.exceptions.software((int) i.immediate & 0xFF);
        core.nextRip = core.registers.rip;
    }

    static void breakpoint(Core core, Instruction i) {
        core.exceptions.software(Exceptions.BREAKPOINT);
        core.nextRip = core.registers.rip;
    }

    static void cpuid(Core core, Instruction i) {
        int function = (int) core.registers.general[Registers.RAX];
        Cpuid.Entry entry = core.cpuid().find(function, (int) core.registers.general[Registers.RCX]);
        core.setRegister(Registers.RAX, 4, entry == null ? 0 : entry.eax());
        core.setRegister(Registers.RBX, 4, entry == null ? 0 : entry.ebx());
        core.setRegister(Registers.RCX, 4, entry == null ? 0 : entry.ecx());
        core.setRegister(Registers.RDX, 4, entry == null ? 0 : entry.edx());
    }

    static void readTimeStamp(Core core, Instruction i) {
        if ((core.system.cr4 & ControlBits.CR4_TSD) != 0) {
            core.requirePrivilege();
        }
        setPair(core, core.msrs.read(ModelSpecificRegisters.TSC, core.instructions));
    }

    static void readMsr(Core core, Instruction i) {
        core.requirePrivilege();
        int index = (int) core.registers.general[Registers.RCX];
        if (!core.msrs.exists(index)) {
            throw core.generalProtection();
        }
        setPair(core, core.msrs.read(index, core.instructions));
    }

    static void writeMsr(Core core, Instruction i) {
        core.requirePrivilege();
        int index = (int) core.registers.general[Registers.RCX];
        long value = core.register(Registers.RDX, 4) << 32 | core.register(Registers.RAX, 4);
        if (!core.msrs.exists(index) || !core.msrs.write(index, value, core.instructions, false)) {
            throw core.generalProtection();
        }
        core.changed();
    }

    private static void setPair(Core core, long value) {
        core.setRegister(Registers.RAX, 4, value);
        core.setRegister(Registers.RDX, 4, value >>> 32);
    }

    private static void readProtectionKeys(Core core) {
        requireKeys(core);
        core.setRegister(Registers.RAX, 4, core.pkru);
        core.setRegister(Registers.RDX, 4, 0);
    }

    private static void writeProtectionKeys(Core core) {
        requireKeys(core);
        if (core.register(Registers.RDX, 4) != 0) {
            throw core.generalProtection();
        }
        core.pkru = (int) core.registers.general[Registers.RAX];
        core.changed();
    }

    private static void requireKeys(Core core) {
        if ((core.system.cr4 & ControlBits.CR4_PKE) == 0) {
            throw core.invalidOpcode();
        }
        if (core.register(Registers.RCX, 4) != 0) {
            throw core.generalProtection();
        }
    }

    static void readControl(Core core, Instruction i) {
        core.requirePrivilege();
        long value = switch (i.selector) {
            case 0 -> core.system.cr0;
            case 2 -> core.system.cr2;
            case 3 -> core.system.cr3;
            case 4 -> core.system.cr4;
            case 8 -> core.system.cr8;
            default -> throw core.invalidOpcode();
        };
        core.setRegister(i.target, i.size, value);
    }

    static void writeControl(Core core, Instruction i) {
        core.requirePrivilege();
        long value = core.register(i.target, i.size);
        switch (i.selector) {
            case 0 -> writeCr0(core, value);
            case 2 -> core.system.cr2 = value;
            case 3 -> writeCr3(core, value);
            case 4 -> writeCr4(core, value);
            case 8 -> {
                if ((value & ~ControlBits.CR8_DEFINED) != 0) {
                    throw core.generalProtection();
                }
                core.system.cr8 = value;
            }
            default -> throw core.invalidOpcode();
        }
        core.changed();
    }

    private static void require(Core core, boolean condition) {
        if (!condition) {
            throw core.generalProtection();
        }
    }

    private static void writeCr0(Core core, long value) {
        SystemRegisters system = core.system;
        require(core, core.rules().acceptsCr0(value));
        long cr0 = (value & CR0_DEFINED) | CR0_ET;
        boolean paging = (cr0 & CR0_PG) != 0;
        boolean wasPaging = (system.cr0 & CR0_PG) != 0;
        boolean longEnabled = (system.efer & EFER_LME) != 0;
        if (paging && !wasPaging && longEnabled) {
            require(core, (system.cr4 & CR4_PAE) != 0 && !system.segments[SegmentRegister.CS].l());
            system.efer |= EFER_LMA;
        } else if (!paging && wasPaging) {
            require(core, core.bits != 64 && (system.cr4 & CR4_PCIDE) == 0);
            system.efer &= ~EFER_LMA;
        }
        long before = system.cr0;
        system.cr0 = cr0;
        if (system.isPaePaging() && cr0 != before && !core.loadPdptes(system.cr3)) {
            system.cr0 = before;
            throw core.generalProtection();
        }
    }

    private static void writeCr3(Core core, long value) {
        long cr3 = (core.system.cr4 & CR4_PCIDE) != 0 ? value & ~ControlBits.CR3_NO_FLUSH : value;
        require(core, core.rules().acceptsCr3(cr3));
        require(core, !core.system.isPaePaging() || core.loadPdptes(cr3));
        core.system.cr3 = cr3;
    }

    private static void writeCr4(Core core, long value) {
        SystemRegisters system = core.system;
        long changed = value ^ system.cr4;
        require(core, core.rules().acceptsCr4(value));
        if (system.isLong()) {
            require(core, (value & CR4_PAE) != 0 && (changed & CR4_LA57) == 0);
        }
        if ((value & changed & CR4_PCIDE) != 0) {
            require(core, system.isLong() && (system.cr3 & ControlBits.CR3_PCID) == 0);
        }
        long before = system.cr4;
        system.cr4 = value;
        if (system.isPaePaging() && (changed & CR4_PDPTR_BITS) != 0 && !core.loadPdptes(system.cr3)) {
            system.cr4 = before;
            throw core.generalProtection();
        }
    }

    static void clearTaskSwitched(Core core, Instruction i) {
        core.requirePrivilege();
        core.system.cr0 &= ~ControlBits.CR0_TS;
    }

    /** All translations go, not only the page's. */
    private static void invalidatePage(Core core) {
        core.requirePrivilege();
        core.count(VcpuCounter.INVLPG);
        core.changed();
    }

    static void privilegedNothing(Core core, Instruction i) {
        core.requirePrivilege();
    }

    private static void loadGlobalTable(Core core, Instruction i) {
        long linear = tableOperand(core, i);
        int limit = (int) core.memory.read(linear, 2);
        core.system.gdtBase = tableBase(core, i, linear);
        core.system.gdtLimit = limit;
    }

    private static void loadInterruptTable(Core core, Instruction i) {
        long linear = tableOperand(core, i);
        int limit = (int) core.memory.read(linear, 2);
        core.system.idtBase = tableBase(core, i, linear);
        core.system.idtLimit = limit;
    }

    private static long tableOperand(Core core, Instruction i) {
        core.requirePrivilege();
        if (i.target != Instruction.MEMORY) {
            throw core.invalidOpcode();
        }
        return core.linear(i.segment, core.offset(i), core.bits == 64 ? 10 : 6, false);
    }

    /** 16-bit operands leave 24 bits of the base. */
    private static long tableBase(Core core, Instruction i, long linear) {
        if (core.bits == 64) {
            return core.memory.read(linear + 2, 8);
        }
        long base = core.memory.read(core.wrap(linear + 2), 4);
        return i.size == 2 ? base & 0xFF_FFFF : base;
    }

    static void loadLocalTable(Core core, Instruction i) {
        core.requirePrivilege();
        Descriptors.loadLocalTable(core, (int) core.load(i, i.target, 2));
    }

    static void loadTask(Core core, Instruction i) {
        core.requirePrivilege();
        Descriptors.loadTask(core, (int) core.load(i, i.target, 2));
    }

    static void loadSegment(Core core, Instruction i) {
        if (i.target > SegmentRegister.GS || i.target == SegmentRegister.CS) {
            throw core.invalidOpcode();
        }
        Descriptors.load(core, i.target, (int) core.load(i, i.source, 2));
    }

    static void storeSegment(Core core, Instruction i) {
        if (i.source > SegmentRegister.GS) {
            throw core.invalidOpcode();
        }
        int selector = core.system.segments[i.source].selector();
        if (i.target == Instruction.MEMORY) {
            core.memory.write(core.linear(i.segment, core.offset(i), 2, true), 2, selector);
        } else {
            core.setRegister(i.target, i.size, selector);
        }
    }

    static Operation pushSegment(int segment) {
        return (core, i) -> core.push(core.system.segments[segment].selector(), i.size);
    }

    static Operation popSegment(int segment) {
        return (core, i) -> {
            Descriptors.load(core, segment, (int) core.peek(0, i.size) & 0xFFFF);
            core.dropStack(i.size);
        };
    }

    private static void swapGs(Core core) {
        if (core.bits != 64) {
            throw core.invalidOpcode();
        }
        core.requirePrivilege();
        long base = core.system.segments[SegmentRegister.GS].base();
        long kernel = core.msrs.read(ModelSpecificRegisters.KERNEL_GS_BASE, 0);
        core.msrs.write(ModelSpecificRegisters.GS_BASE, kernel, 0, true);
        core.msrs.write(ModelSpecificRegisters.KERNEL_GS_BASE, base, 0, true);
    }
}
