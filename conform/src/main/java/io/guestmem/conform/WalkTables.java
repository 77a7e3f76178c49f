package io.guestmem.conform;

import io.guestmem.abi.HostMemory;
import io.guestmem.abi.RegsLayout;
import io.guestmem.abi.SregsLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * A vCPU in 64-bit mode, which never runs, and one path through its page tables:
 *
 * <pre>{@code
 * 0x1000 PML4[1] -> 0x2000 PDPT[2] -> 0x3000 directory[3] -> 0x4000 table[4] -> 0x7000
 * }</pre>
 */
final class WalkTables {
    /** The address that the path leads from. */
    static final long LINEAR = 1L << 39 | 2L << 30 | 3L << 21 | 4L << 12 | 0x123;

    /** Where it leads to. */
    static final long DATA = 0x7000;

    static final long PRESENT = 1;
    static final long WRITABLE = 1 << 1;
    static final long USER = 1 << 2;
    static final long ACCESSED = 1 << 5;
    static final long DIRTY = 1 << 6;
    static final long LARGE = 1 << 7;
    static final long GLOBAL = 1 << 8;
    static final long NO_EXECUTE = 1L << 63;
    static final long ALL_RIGHTS = PRESENT | WRITABLE | USER;

    static final long PML5 = 0x8000;
    static final long PML4 = 0x1000;
    static final int SLOT = 0;

    private static final long SIZE = 0x10000;
    private static final long RFLAGS_FIXED = 1 << 1;
    private static final long RFLAGS_AC = 1 << 18;

    private final Trial trial;
    private final RawVm vm;
    private final RawVcpu vcpu;
    private final MemorySegment memory;

    private WalkTables(Trial trial, RawVm vm, RawVcpu vcpu, MemorySegment memory) {
        this.trial = trial;
        this.vm = vm;
        this.vcpu = vcpu;
        this.memory = memory;
    }

    /** The path is there, and the vCPU in 64-bit supervisor mode. */
    static WalkTables of(Trial t) {
        return of(t, CpuidTable.supported(t), 0);
    }

    static WalkTables of(Trial t, CpuidTable cpuid) {
        return of(t, cpuid, 0);
    }

    /**
     * The same with more said.
     *
     * @param flags of the memslot that the tables are in
     */
    static WalkTables of(Trial t, CpuidTable cpuid, int flags) {
        RawVm vm = t.vm();
        HostMemory memory = t.memory(SIZE);
        t.must("memslot", vm.set(Region.of(SLOT, 0, memory).withFlags(flags)));
        RawVcpu vcpu = vm.vcpu(0);
        vcpu.setCpuid(cpuid);
        WalkTables tables = new WalkTables(t, vm, vcpu, memory.segment());
        tables.reset();
        MemorySegment sregs = vcpu.systemRegisters();
        LongMode.supervisor(sregs, PML4);
        t.must("KVM_SET_SREGS", vcpu.setSystemRegisters(sregs));
        return tables;
    }

    /** The path as it was at first: every right, neither accessed nor dirty. */
    void reset() {
        set(4, 0x2000 | ALL_RIGHTS);
        set(3, 0x3000 | ALL_RIGHTS);
        set(2, 0x4000 | ALL_RIGHTS);
        set(1, DATA | ALL_RIGHTS);
    }

    RawVm vm() {
        return vm;
    }

    RawVcpu vcpu() {
        return vcpu;
    }

    /** The gpa of the path's entry at a level, 4 down to 1. */
    static long entry(int level) {
        return switch (level) {
            case 4 -> PML4 + 8;
            case 3 -> 0x2000 + 2 * 8;
            case 2 -> 0x3000 + 3 * 8;
            case 1 -> 0x4000 + 4 * 8;
            default -> throw new IllegalArgumentException("level " + level);
        };
    }

    void set(int level, long value) {
        put(entry(level), value);
    }

    long get(int level) {
        return at(entry(level));
    }

    /** Adds bits to the path's entry at a level. */
    void add(int level, long bits) {
        set(level, get(level) | bits);
    }

    void put(long gpa, long value) {
        memory.set(ValueLayout.JAVA_LONG, gpa, value);
    }

    void put32(long gpa, int value) {
        memory.set(ValueLayout.JAVA_INT, gpa, value);
    }

    long at(long gpa) {
        return memory.get(ValueLayout.JAVA_LONG, gpa);
    }

    /** Accessed and dirty bits from level 4 down to 1, such as {@code A A A AD}. */
    String accessedAndDirty() {
        StringBuilder text = new StringBuilder();
        for (int level = 4; level >= 1; level--) {
            long entry = get(level);
            text.append(text.isEmpty() ? "" : " ");
            text.append((entry & ACCESSED) != 0 ? "A" : "-").append((entry & DIRTY) != 0 ? "D" : "");
        }
        return text.toString();
    }

    /** What the walk of an address must answer: the gpa, or -1 for an invalid one. */
    void expect(String what, long gpa, long linear) {
        RawVcpu.Translated answer = vcpu.translate(linear);
        String expected = gpa == -1 ? "invalid" : "0x" + Long.toHexString(gpa);
        String actual = answer.valid() == 0 ? "invalid" : "0x" + Long.toHexString(answer.gpa());
        trial.must(what, answer.result());
        trial.expectSame(what, expected, actual);
    }

    /** The path leads to its data. */
    void expectValid(String what) {
        expect(what, DATA | (LINEAR & (Numbers.PAGE - 1)), LINEAR);
    }

    /** The path leads nowhere. */
    void expectInvalid(String what) {
        expect(what, -1, LINEAR);
    }

    /** Changes one register of {@link SregsLayout}; 0 or a negated errno. */
    long setRegister(int register, long value) {
        MemorySegment sregs = vcpu.systemRegisters();
        sregs.set(ValueLayout.JAVA_LONG, register, value);
        return vcpu.setSystemRegisters(sregs);
    }

    long register(int register) {
        return vcpu.systemRegisters().get(ValueLayout.JAVA_LONG, register);
    }

    void addToRegister(int register, long bits) {
        trial.must("KVM_SET_SREGS", setRegister(register, register(register) | bits));
    }

    /** Sets RFLAGS.AC, which suspends SMAP. */
    void setAlignmentCheck(boolean on) {
        MemorySegment registers = vcpu.registers();
        registers.set(ValueLayout.JAVA_LONG, RegsLayout.RFLAGS, RFLAGS_FIXED | (on ? RFLAGS_AC : 0));
        vcpu.setRegisters(registers);
    }
}
