package io.guestmem.soft.cpu;

import io.guestmem.paging.PagingFeatures;
import io.guestmem.paging.PagingState;
import io.guestmem.paging.PdpteRegisters;
import io.guestmem.paging.WalkPlan;
import io.guestmem.soft.vm.VcpuContext;
import io.guestmem.soft.vm.VcpuCounter;
import java.util.Optional;

/**
 * A processor core: its registers, its memory, and what instructions are made of. See the package's invariants.
 */
final class Core {
    private static final byte[] NOTHING = {};

    final VcpuContext context;
    final CpuOptions options;
    final RunPage run;
    final Registers registers = new Registers();
    final SystemRegisters system;
    final ModelSpecificRegisters msrs;
    final Abort abort = new Abort();
    final Mmio mmio;
    final PortIo ports;
    final Hypercalls hypercalls;
    final LinearMemory memory;
    final CodeCache code;
    final Exceptions exceptions;
    final SystemManagement smm;

    /** Where execution goes on after the current instruction. */
    long nextRip;

    /** The width of code: 16, 32 or 64. */
    int bits = 16;

    /** Two bits for each protection key. */
    int pkru;

    /** Instructions done since the vCPU was made: also its time stamp counter. */
    long instructions;

    /** HLT was executed: {@code KVM_RUN} returns after the instruction. */
    boolean halted;

    /** The instruction has touched MMIO, or exits when it is done: there is more to do after it than to go on. */
    boolean attention;

    private Cpuid cpuid = Cpuid.NONE;
    private SregsRules rules;

    /** The bytes of the instruction that is being executed. */
    private byte[] current = NOTHING;

    Core(VcpuContext context, CpuOptions options) {
        this.context = context;
        this.options = options;
        this.run = new RunPage(context.run(), context.portData());
        long apicBase = SystemRegisters.APIC_BASE_RESET | (context.id() == 0 ? SystemRegisters.APIC_BASE_BOOT : 0);
        this.system = new SystemRegisters(apicBase);
        this.rules = new SregsRules(cpuid, context.options().kernelVersion());
        this.msrs = new ModelSpecificRegisters(system, rules);
        this.mmio = new Mmio(run);
        this.ports = new PortIo(this);
        this.hypercalls = new Hypercalls(this);
        this.memory = new LinearMemory(this, mmio);
        this.code = new CodeCache(this);
        this.exceptions = new Exceptions(this);
        this.smm = new SystemManagement(this);
    }

    Cpuid cpuid() {
        return cpuid;
    }

    SregsRules rules() {
        return rules;
    }

    void setCpuid(Cpuid newCpuid) {
        cpuid = newCpuid;
        rules = new SregsRules(newCpuid, context.options().kernelVersion());
        msrs.setRules(rules);
        changed();
    }

    /** INIT: what KVM does to an AMD vCPU that shuts down. Source: Linux 7.2 {@code svm.c:shutdown_interception}. */
    void initialise() {
        smm.reset();
        registers.reset(cpuid.signature());
        system.reset();
        exceptions.reset();
        changed();
    }

    void halt() {
        halted = true;
        attention = true;
    }

    /** A register has changed that translations, the width of code or the privilege level depend on. */
    void changed() {
        bits = system.codeBits();
        memory.flush();
        code.reset();
    }

    /** How addresses are translated now. */
    WalkPlan walkPlan() {
        return WalkPlan.of(pagingState());
    }

    PagingState pagingState() {
        PagingFeatures features = new PagingFeatures(
                cpuid.physicalAddressBits(),
                cpuid.isAmdCompatible(),
                options.gigabytePages(),
                PagingFeatures.KVM_PSE36_BITS);
        return new PagingState(system.cr0, system.cr3, system.cr4, system.efer, system.pdptes, pkru, features);
    }

    /**
     * Loads the registers of PAE paging from where a CR3 points to, as KVM does: past stage 2.
     *
     * @return false if they cannot be loaded, and are as before
     */
    boolean loadPdptes(long cr3) {
        Optional<PdpteRegisters> loaded = PdpteRegisters.load(context.tables(), cr3, cpuid.physicalAddressBits());
        loaded.ifPresent(pdptes -> system.pdptes = pdptes);
        return loaded.isPresent();
    }

    void count(VcpuCounter counter) {
        context.count(VcpuCounter.EXITS);
        context.count(counter);
    }

    /** The linear address of rip. */
    long codeAddress() {
        return bits == 64 ? registers.rip : narrowCodeAddress();
    }

    private long narrowCodeAddress() {
        SegmentRegister code = system.segments[SegmentRegister.CS];
        return code.base() + registers.rip & 0xFFFF_FFFFL;
    }

    /** The linear address of the next instruction; rip must be inside the code segment. */
    long instructionAddress() {
        if (bits == 64) {
            return registers.rip;
        }
        if (registers.rip > Integer.toUnsignedLong(system.segments[SegmentRegister.CS].limit())) {
            throw generalProtection();
        }
        return narrowCodeAddress();
    }

    /** A linear address, as wide as the mode has them. */
    long wrap(long linear) {
        return system.isLong() ? linear : linear & 0xFFFF_FFFFL;
    }

    /** An instruction pointer or an offset, as wide as code has them. */
    long wrapRip(long rip) {
        return switch (bits) {
            case 64 -> rip;
            case 32 -> rip & 0xFFFF_FFFFL;
            default -> rip & 0xFFFF;
        };
    }

    void begin(Instruction i) {
        current = i.bytes;
        nextRip = wrapRip(registers.rip + i.length);
    }

    /** An exception for the guest, with its error code or -1. */
    Abort fault(int vector, int errorCode) {
        return abort.exception(vector, errorCode);
    }

    Abort invalidOpcode() {
        return fault(Exceptions.INVALID_OPCODE, Exceptions.NO_ERROR_CODE);
    }

    Abort generalProtection() {
        return fault(Exceptions.GENERAL_PROTECTION, 0);
    }

    /** This instruction cannot be run here: {@code KVM_RUN} returns and says so. */
    Abort emulationFailure(int count) {
        count(VcpuCounter.INSN_EMULATION_FAIL);
        run.emulationFailure(current, count);
        return abort.exit(0);
    }

    Abort emulationFailure() {
        return emulationFailure(current.length);
    }

    /**
     * Not even KVM's emulator can run this instruction: privilege level 0 ends {@code KVM_RUN}, anybody else gets an exception.
     * Source: Linux 7.2 {@code x86.c:handle_emulation_failure}.
     */
    Abort notEmulated() {
        if (system.cpl() == 0) {
            return emulationFailure(0);
        }
        count(VcpuCounter.INSN_EMULATION_FAIL);
        return invalidOpcode();
    }

    /** Only privilege level 0 may do this. */
    void requirePrivilege() {
        if (system.cpl() != 0) {
            throw generalProtection();
        }
    }

    void jump(long target) {
        long wrapped = wrapRip(target);
        if (bits == 64) {
            requireCanonical(wrapped);
        } else if (wrapped > Integer.toUnsignedLong(system.segments[SegmentRegister.CS].limit())) {
            throw generalProtection();
        }
        nextRip = wrapped;
        code.jumped();
    }

    void requireCanonical(long address) {
        if (!isCanonical(address)) {
            throw generalProtection();
        }
    }

    boolean isCanonical(long address) {
        int unused = (system.cr4 & ControlBits.CR4_LA57) != 0 ? 64 - 57 : 64 - 48;
        return address << unused >> unused == address;
    }

    /** Sets rflags; what SMAP depends on is in them. */
    void setFlags(long flags) {
        boolean changesTranslation = ((flags ^ registers.rflags) & Flags.AC) != 0;
        registers.rflags = flags;
        if (changesTranslation) {
            memory.flush();
        }
    }

    /** The linear address of data, checked as the mode has it. */
    long linear(int segment, long offset, int size, boolean write) {
        SegmentRegister register = system.segments[segment];
        if (bits == 64) {
            long linear = segment >= SegmentRegister.FS ? register.base() + offset : offset;
            if (!isCanonical(linear) || !isCanonical(linear + size - 1)) {
                throw segmentFault(segment);
            }
            return linear;
        }
        if (!register.contains(offset, size) || (system.isProtected() && !permits(register, write))) {
            throw segmentFault(segment);
        }
        return register.base() + offset & 0xFFFF_FFFFL;
    }

    private static boolean permits(SegmentRegister register, boolean write) {
        return !register.unusable() && (write ? register.isWritable() : register.isReadable());
    }

    private Abort segmentFault(int segment) {
        return fault(segment == SegmentRegister.SS ? Exceptions.STACK_FAULT : Exceptions.GENERAL_PROTECTION, 0);
    }

    /** The offset that an instruction's memory operand has in its segment. */
    long offset(Instruction i) {
        long offset = i.displacement;
        if (i.base == Instruction.BASE_RIP) {
            offset += nextRip;
        } else if (i.base >= 0) {
            offset += registers.general[i.base];
        }
        if (i.index >= 0) {
            offset += registers.general[i.index] << i.scale;
        }
        return truncate(offset, i.addressSize);
    }

    static long truncate(long value, int size) {
        return size == 8 ? value : value & (1L << (8 * size)) - 1;
    }

    static long signExtend(long value, int size) {
        int unused = 64 - 8 * size;
        return value << unused >> unused;
    }

    private long operandAddress(Instruction i, int size, boolean write) {
        return linear(i.segment, offset(i), size, write);
    }

    long register(int operand, int size) {
        return operand >= Instruction.HIGH_BYTE
                ? registers.general[operand - Instruction.HIGH_BYTE] >>> 8 & 0xFF
                : truncate(registers.general[operand], size);
    }

    /** Four bytes clear the upper half; one and two leave the rest as it is. */
    void setRegister(int operand, int size, long value) {
        long[] general = registers.general;
        if (size == 8) {
            general[operand] = value;
        } else if (size == 4) {
            general[operand] = value & 0xFFFF_FFFFL;
        } else if (operand >= Instruction.HIGH_BYTE) {
            int number = operand - Instruction.HIGH_BYTE;
            general[number] = (general[number] & ~0xFF00L) | (value & 0xFF) << 8;
        } else {
            long mask = size == 1 ? 0xFF : 0xFFFF;
            general[operand] = (general[operand] & ~mask) | (value & mask);
        }
    }

    /** The value of an operand, unsigned. */
    long load(Instruction i, int operand, int size) {
        return switch (operand) {
            case Instruction.MEMORY -> memory.read(operandAddress(i, size, false), size);
            case Instruction.IMMEDIATE -> truncate(i.immediate, size);
            default -> register(operand, size);
        };
    }

    long loadTarget(Instruction i) {
        return load(i, i.target, i.size);
    }

    long loadSource(Instruction i) {
        return load(i, i.source, i.sourceSize);
    }

    void storeTarget(Instruction i, long value) {
        if (i.target == Instruction.MEMORY) {
            memory.write(operandAddress(i, i.size, true), i.size, value);
        } else {
            setRegister(i.target, i.size, value);
        }
    }

    /** The value of a target that will be changed with {@link #change}. */
    long loadToChange(Instruction i) {
        return i.target == Instruction.MEMORY
                ? memory.readToWrite(operandAddress(i, i.size, true), i.size)
                : register(i.target, i.size);
    }

    /** Replaces what {@link #loadToChange} has read; with LOCK only if nobody else did. */
    void change(Instruction i, long before, long after) {
        if (i.target == Instruction.MEMORY && i.lock) {
            memory.replace(operandAddress(i, i.size, true), i.size, before, truncate(after, i.size));
        } else {
            storeTarget(i, after);
        }
    }

    /** The width of the stack pointer in bytes. */
    int stackSize() {
        if (bits == 64) {
            return 8;
        }
        return system.segments[SegmentRegister.SS].db() ? 4 : 2;
    }

    /** Pushes a value; the stack pointer changes last. */
    void push(long value, int size) {
        int width = stackSize();
        long top = truncate(registers.general[Registers.RSP] - size, width);
        memory.write(linear(SegmentRegister.SS, top, size, true), size, value);
        setRegister(Registers.RSP, width, top);
    }

    /** What lies on the stack, some bytes above its top. */
    long peek(int above, int size) {
        long at = truncate(registers.general[Registers.RSP] + above, stackSize());
        return memory.read(linear(SegmentRegister.SS, at, size, false), size);
    }

    void dropStack(int count) {
        int width = stackSize();
        setRegister(Registers.RSP, width, truncate(registers.general[Registers.RSP] + count, width));
    }
}
