package io.guestmem.kvm;

import io.guestmem.abi.GuestPhysical;
import io.guestmem.abi.GuestRange;
import io.guestmem.abi.HostMemory;
import io.guestmem.kvm.Registers.Register;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.HexFormat;

/**
 * A guest in long mode that runs machine code in user mode, with an identity map of the first 2 GiB.
 *
 * <pre>{@code
 * 1 GiB + 0x0000  PML4
 *         0x1000  page-directory-pointer table
 *         0x2000  two page directories of 2 MiB pages
 *         0x4000  task state segment, whose I/O bitmap allows all ports below 0x800
 *         0x5000  code
 * }</pre>
 */
final class MachineCodeGuest implements Guest, AutoCloseable {
    private static final int SLOT = 1000;
    private static final long START = 1L << 30;
    private static final long SIZE = 0x6000;
    private static final long TASK = 0x4000;
    private static final long CODE = 0x5000;
    private static final long TABLE = 7;
    private static final long LEAF = TABLE | 1 << 7;
    private static final int USER = 3;

    /** I/O privilege for user mode, for CPUs on which the I/O bitmap is not enough (QEMU's). */
    private static final long RFLAGS = 0x3002;

    /** {@code mov [rsi], rcx; add rsi, rdx; dec rcx; jnz; out 0x10, al}, as GNU as assembles it. */
    private static final String WRITE = "48890e" + "4801d6" + "48ffc9" + "75f5" + "e610";

    /** {@code add rax, [rsi]; add rsi, rdx; dec rcx; jnz; out 0x10, al}. */
    private static final String READ = "480306" + "4801d6" + "48ffc9" + "75f5" + "e610";

    /** {@code inc qword ptr [rsi]; jmp}. */
    private static final String COUNT = "48ff06" + "ebfb";

    private static final String UD2 = "0f0b";
    private static final String HLT = "f4";

    private final HostMemory memory;
    private final Vcpu vcpu;

    MachineCodeGuest(Kvm kvm, Vm vm) {
        memory = kvm.kernel().allocate(SIZE);
        vm.set(Memslot.of(SLOT, new GuestPhysical(START), memory));
        // Every page is written now: one that is written later is another page, and its mapping is gone.
        memory.segment().fill((byte) 0);
        buildTables(memory.segment());
        vcpu = vm.createVcpu(0);
        vcpu.setCpuid(kvm.supportedCpuid());
    }

    private static void buildTables(MemorySegment memory) {
        memory.set(ValueLayout.JAVA_LONG, 0, START + 0x1000 | TABLE);
        for (long gib = 0; gib < 2; gib++) {
            memory.set(ValueLayout.JAVA_LONG, 0x1000 + gib * 8, START + 0x2000 + gib * 0x1000 | TABLE);
            for (long i = 0; i < 512; i++) {
                memory.set(ValueLayout.JAVA_LONG, 0x2000 + gib * 0x1000 + i * 8, gib << 30 | i << 21 | LEAF);
            }
        }
        memory.set(ValueLayout.JAVA_SHORT, TASK + 102, (short) 104);
    }

    private void load(String code, int privilege, Registers registers) {
        byte[] bytes = HexFormat.of().parseHex(code);
        MemorySegment.copy(bytes, 0, memory.segment(), ValueLayout.JAVA_BYTE, CODE, bytes.length);
        SystemRegisters now = vcpu.systemRegisters();
        SystemRegisters.Segments segments = now.segments()
                .flat(
                        Segment.longModeCode(0x30 | privilege, privilege),
                        Segment.flatData(0x28 | privilege, privilege),
                        Segment.task(0x40, START + TASK, 104 + 0x800 / 8));
        // Protection, ET, NE, write protection, paging; PAE; long mode. No interrupt descriptors.
        SystemRegisters longMode = now.withSegments(segments).withPaging(0x8001_0031L, START, 1 << 5, 0x500);
        vcpu.setSystemRegisters(new SystemRegisters(
                longMode.segments(),
                longMode.gdt(),
                new DescriptorTable(0, 0),
                longMode.cr0(),
                longMode.cr2(),
                longMode.cr3(),
                longMode.cr4(),
                longMode.cr8(),
                longMode.efer(),
                longMode.apicBase()));
        vcpu.setRegisters(registers.with(Register.RIP, START + CODE).with(Register.RFLAGS, RFLAGS));
    }

    private static Registers over(long gpa, long count) {
        return Registers.initial()
                .with(Register.RSI, gpa)
                .with(Register.RCX, count)
                .with(Register.RDX, 4096);
    }

    @Override
    public Vcpu vcpu() {
        return vcpu;
    }

    @Override
    public GuestRange ownMemory() {
        return GuestRange.of(START, SIZE);
    }

    @Override
    public Exit write(long gpa, long count) {
        load(WRITE, USER, over(gpa, count));
        return vcpu.run();
    }

    @Override
    public Exit read(long gpa, long count) {
        load(READ, USER, over(gpa, count));
        return vcpu.run();
    }

    @Override
    public long sum() {
        return vcpu.registers().get(Register.RAX);
    }

    @Override
    public Exit goOn() {
        return vcpu.run();
    }

    @Override
    public Exit count(long gpa) {
        load(COUNT, USER, over(gpa, 0));
        return vcpu.run();
    }

    @Override
    public Exit fail() {
        load(UD2, USER, Registers.initial());
        return vcpu.run();
    }

    @Override
    public Exit halt() {
        load(HLT, 0, Registers.initial());
        return vcpu.run();
    }

    @Override
    public void close() {
        memory.close();
    }
}
