package io.guestmem.vmm;

import io.guestmem.abi.GuestPhysical;
import io.guestmem.abi.GuestRange;
import io.guestmem.abi.HostMemory;
import io.guestmem.abi.VmType;
import io.guestmem.kvm.Kvm;
import io.guestmem.kvm.Memslot;
import io.guestmem.kvm.Registers.Register;
import io.guestmem.kvm.Segment;
import io.guestmem.kvm.SystemRegisters;
import io.guestmem.kvm.Vcpu;
import io.guestmem.kvm.Vm;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * A VM with one vCPU in long mode and a boot slot behind its memory; the memory itself is put in by the caller, as slot
 * {@value #MEMORY_SLOT}.
 *
 * <p>Closing it closes the VM. Not thread-safe but for {@link Vcpu#interrupt}.
 */
public final class Machine implements AutoCloseable {
    /** The memslot that the caller puts guest memory into. */
    public static final int MEMORY_SLOT = 0;

    private static final int BOOT_SLOT = 1;
    private static final long GIB = 1L << 30;
    private static final long HUGE_PAGE = 2L << 20;

    /** The boot slot: PML4, PDPT, one page directory for each GiB, then the task state segment, the program and its list. */
    private static final long PML4 = 0;

    private static final long PDPT = GuestPhysical.PAGE_SIZE;
    private static final long DIRECTORIES = 2 * GuestPhysical.PAGE_SIZE;

    /** Present, writable, user. */
    private static final long TABLE = 7;

    /** A table entry that maps 2 MiB itself. */
    private static final long LEAF = TABLE | 1 << 7;

    private static final long CR0_PE_ET_NE_WP_PG = 1 | 1 << 4 | 1 << 5 | 1 << 16 | 1L << 31;
    private static final long CR4_PAE = 1 << 5;
    private static final long EFER_LME_LMA = 1 << 8 | 1 << 10;
    private static final long RFLAGS_FIXED_IOPL3 = 1 << 1 | 3 << 12;
    private static final int USER = 3;
    private static final int USER_CODE = 0x30 | USER;
    private static final int USER_DATA = 0x28 | USER;
    private static final int TASK = 0x40;

    /**
     * A task state segment whose I/O bitmap lets user mode reach every port below 0x800. I/O privilege 3 in rflags says the
     * same, and both are needed: kvm_pvm drops the privilege, QEMU's software CPU finds no bitmap in a busy task.
     */
    private static final int TSS_LIMIT = 104 + 0x800 / 8;

    private static final long TSS_BITMAP_OFFSET = 102;

    private final Vm vm;
    private final Vcpu vcpu;
    private final HostMemory boot;
    private final GuestRange memory;
    private final GuestRange bootRange;

    /** Offset in the boot slot of the task state segment; a page later comes the program, then the list. */
    private final long tss;

    private Machine(Vm vm, Vcpu vcpu, HostMemory boot, GuestRange memory, GuestRange bootRange, long tss) {
        this.vm = vm;
        this.vcpu = vcpu;
        this.boot = boot;
        this.memory = memory;
        this.bootRange = bootRange;
        this.tss = tss;
    }

    /** The most memory that one page-directory-pointer table reaches, less the GiB of the boot slot. */
    public static final long MOST_MEMORY = 511 * GIB;

    /** The most words of a list for a program: as many as fit into the GiB of the boot slot with its tables. */
    public static final int LONGEST_LIST = 1 << 26;

    /**
     * Makes a machine whose guest memory is not there yet.
     *
     * @param memorySize in bytes, a positive multiple of 4096, at most {@link #MOST_MEMORY}
     * @throws io.guestmem.abi.KernelException if KVM refuses
     */
    public static Machine create(Kvm kvm, VmType type, long memorySize) {
        return create(kvm, type, memorySize, new long[0]);
    }

    /**
     * Makes a machine with a list for its program behind it.
     *
     * @param list 8-byte words, at most {@link #LONGEST_LIST}
     */
    public static Machine create(Kvm kvm, VmType type, long memorySize, long[] list) {
        if (memorySize <= 0 || memorySize % GuestPhysical.PAGE_SIZE != 0 || memorySize > MOST_MEMORY) {
            throw new IllegalArgumentException("not a size for guest memory: " + memorySize);
        }
        if (list.length > LONGEST_LIST) {
            throw new IllegalArgumentException("the list has " + list.length + " words, more than " + LONGEST_LIST);
        }
        long bootStart = Math.ceilDiv(memorySize, GIB) * GIB;
        long directories = bootStart / GIB + 1;
        long tss = DIRECTORIES + directories * GuestPhysical.PAGE_SIZE;
        long listPages = Math.ceilDiv((long) list.length * Long.BYTES, GuestPhysical.PAGE_SIZE);
        long bootSize = list(tss) + listPages * GuestPhysical.PAGE_SIZE;
        HostMemory boot = kvm.kernel().allocate(bootSize);
        Vm vm = null;
        try {
            vm = kvm.createVm(type);
            GuestRange bootRange = GuestRange.of(bootStart, bootSize);
            buildTables(boot.segment(), bootStart, directories);
            boot.segment().set(ValueLayout.JAVA_SHORT, tss + TSS_BITMAP_OFFSET, (short) 104);
            MemorySegment.copy(list, 0, boot.segment(), ValueLayout.JAVA_LONG, list(tss), list.length);
            vm.set(Memslot.of(BOOT_SLOT, bootRange.start(), boot));
            Vcpu vcpu = vm.createVcpu(0);
            vcpu.setCpuid(kvm.supportedCpuid());
            vcpu.setSystemRegisters(longMode(vcpu.systemRegisters(), bootStart, tss));
            return new Machine(vm, vcpu, boot, GuestRange.of(0, memorySize), bootRange, tss);
        } catch (RuntimeException failed) {
            if (vm != null) {
                vm.close();
            }
            boot.close();
            throw failed;
        }
    }

    private static void buildTables(MemorySegment boot, long bootStart, long directories) {
        entry(boot, PML4, bootStart + PDPT | TABLE);
        for (long gib = 0; gib < directories; gib++) {
            long directory = DIRECTORIES + gib * GuestPhysical.PAGE_SIZE;
            entry(boot, PDPT + gib * Long.BYTES, bootStart + directory | TABLE);
            for (long i = 0; i < 512; i++) {
                entry(boot, directory + i * Long.BYTES, gib * GIB + i * HUGE_PAGE | LEAF);
            }
        }
    }

    private static void entry(MemorySegment boot, long at, long value) {
        boot.set(ValueLayout.JAVA_LONG, at, value);
    }

    private static long program(long tss) {
        return tss + GuestPhysical.PAGE_SIZE;
    }

    private static long list(long tss) {
        return tss + 2 * GuestPhysical.PAGE_SIZE;
    }

    private static SystemRegisters longMode(SystemRegisters reset, long bootStart, long tss) {
        SystemRegisters.Segments segments = reset.segments()
                .flat(
                        Segment.longModeCode(USER_CODE, USER),
                        Segment.flatData(USER_DATA, USER),
                        Segment.task(TASK, bootStart + tss, TSS_LIMIT));
        return reset.withSegments(segments).withPaging(CR0_PE_ET_NE_WP_PG, bootStart + PML4, CR4_PAE, EFER_LME_LMA);
    }

    /** The virtual machine. */
    public Vm vm() {
        return vm;
    }

    /** Its CPU. */
    public Vcpu vcpu() {
        return vcpu;
    }

    /** The range that is for guest memory. */
    public GuestRange memory() {
        return memory;
    }

    /** The range with the page tables and the program: a few pages that the guest touches as well. */
    public GuestRange bootRange() {
        return bootRange;
    }

    /**
     * Where words of the list are.
     *
     * @param count of all words, from the first
     */
    public GuestRange list(int count) {
        return GuestRange.of(bootRange.start().value() + list(tss), (long) count * Long.BYTES);
    }

    /** Puts a program into the boot slot and points the vCPU to it. */
    public void load(GuestProgram program) {
        byte[] code = program.code();
        long at = program(tss);
        MemorySegment.copy(code, 0, boot.segment(), ValueLayout.JAVA_BYTE, at, code.length);
        vcpu.setRegisters(program.entry()
                .with(Register.RIP, bootRange.start().value() + at)
                .with(Register.RFLAGS, RFLAGS_FIXED_IOPL3));
    }

    @Override
    public void close() {
        try {
            vm.close();
        } finally {
            boot.close();
        }
    }
}
