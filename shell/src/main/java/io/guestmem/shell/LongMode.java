package io.guestmem.shell;

import io.guestmem.abi.CpuidLayout;
import io.guestmem.abi.HostMemory;
import io.guestmem.abi.KvmIoctl;
import io.guestmem.abi.RegsLayout;
import io.guestmem.abi.SegmentLayout;
import io.guestmem.abi.SregsLayout;
import io.guestmem.abi.Struct;
import io.guestmem.kvm.Registers;
import io.guestmem.vmm.GuestProgram;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Locale;

/**
 * Puts a vCPU into user mode of long mode, with gva = gpa, and a program under its instruction pointer. What that needs lies in
 * a memslot of its own, above everything that a session is likely to use:
 *
 * <pre>{@code
 * 511 GiB                                                                            512 GiB
 * | PML4 | PDPT | page directory of each GiB that the program uses, and of 511 | TSS | program |
 * }</pre>
 *
 * <p>Segments, I/O bitmap and privilege are those of {@link io.guestmem.vmm.Machine}, which says why.
 */
final class LongMode {
    /** The memslot for tables and program: the last one that there is. */
    static final int SLOT = 32763;

    private static final long PAGE_SIZE = 4096;
    private static final long GIB = 1L << 30;
    private static final long HUGE_PAGE = 2L << 20;
    private static final long LAST_GIB = 511;
    private static final long START = LAST_GIB * GIB;
    private static final long PDPT = PAGE_SIZE;
    private static final long DIRECTORIES = 2 * PAGE_SIZE;

    /** Present, writable, user. */
    private static final long TABLE = 7;

    private static final long LEAF = TABLE | 1 << 7;
    private static final long TSS_BITMAP_OFFSET = 102;
    private static final short TSS_SIZE = 104;
    private static final int TSS_LIMIT = TSS_SIZE + 0x800 / 8;
    private static final long LONG_MODE_ENABLED = 1 << 8;
    private static final long LONG_MODE_ACTIVE = 1 << 10;
    private static final int MOST_ENTRIES = 256;

    private final Session session;
    private final OpenFile vm;
    private final OpenFile vcpu;

    LongMode(Session session, OpenFile vm, OpenFile vcpu) {
        this.session = session;
        this.vm = vm;
        this.vcpu = vcpu;
    }

    /**
     * Loads a program.
     *
     * @param end the first gpa that it does not touch; page tables cover everything below
     * @return 0 or the negated errno of the first request that failed
     */
    long load(GuestProgram program, long end) {
        long directories = Math.max(1, Math.ceilDiv(end, GIB));
        if (directories > LAST_GIB || end < 0) {
            throw new CommandException("a program can touch memory below 511 GiB");
        }
        long size = DIRECTORIES + (directories + 1) * PAGE_SIZE + 2 * PAGE_SIZE;
        try (Arena arena = Arena.ofConfined()) {
            long result = slot(image(arena, program, directories, size), size, arena);
            if (result >= 0) {
                result = systemRegisters(size, arena);
            }
            return result >= 0 ? registers(program.entry(), size, arena) : result;
        }
    }

    private static MemorySegment image(Arena arena, GuestProgram program, long directories, long size) {
        MemorySegment image = arena.allocate(size, PAGE_SIZE);
        image.set(ValueLayout.JAVA_LONG, 0, START + PDPT | TABLE);
        for (long i = 0; i <= directories; i++) {
            long gib = i == directories ? LAST_GIB : i;
            long directory = DIRECTORIES + i * PAGE_SIZE;
            image.set(ValueLayout.JAVA_LONG, PDPT + gib * Long.BYTES, START + directory | TABLE);
            for (long entry = 0; entry < PAGE_SIZE / Long.BYTES; entry++) {
                image.set(ValueLayout.JAVA_LONG, directory + entry * Long.BYTES, gib * GIB + entry * HUGE_PAGE | LEAF);
            }
        }
        image.set(ValueLayout.JAVA_SHORT, size - 2 * PAGE_SIZE + TSS_BITMAP_OFFSET, TSS_SIZE);
        byte[] code = program.code();
        MemorySegment.copy(code, 0, image, ValueLayout.JAVA_BYTE, size - PAGE_SIZE, code.length);
        return image;
    }

    /** A slot that is there is deleted first: its size cannot change. */
    private long slot(MemorySegment image, long size, Arena arena) {
        OpenFile.Slot present = vm.slots().get(SLOT);
        if (present != null) {
            String before = session.symbolic(present.hva());
            long deleted = region(0, 0, arena);
            if (deleted < 0) {
                return deleted;
            }
            session.close(before);
        }
        HostMemory memory = session.kernel().allocate(size);
        session.mapped(memory, "boot");
        long stored = memory.store(0, image);
        return stored < 0 ? stored : region(size, memory.hva(), arena);
    }

    private long region(long size, long hva, Arena arena) {
        StructBuffer region = buffer(KvmIoctl.SET_USER_MEMORY_REGION, arena);
        region.set("slot", SLOT);
        region.set("guest_phys_addr", START);
        region.set("memory_size", size);
        region.set("userspace_addr", hva);
        return Requests.call(vm, KvmIoctl.SET_USER_MEMORY_REGION, region.memory());
    }

    private long cpuid(Arena arena) {
        MemorySegment cpuid =
                arena.allocate(CpuidLayout.ENTRIES + (long) MOST_ENTRIES * CpuidLayout.ENTRY.size(), Long.BYTES);
        cpuid.set(ValueLayout.JAVA_INT, CpuidLayout.NENT, MOST_ENTRIES);
        OpenFile system = session.file(Session.SYSTEM).orElseThrow(() -> new CommandException("kvm is closed"));
        long result = Requests.call(system, KvmIoctl.GET_SUPPORTED_CPUID, cpuid);
        return result < 0 ? result : Requests.call(vcpu, KvmIoctl.SET_CPUID2, cpuid);
    }

    private long systemRegisters(long size, Arena arena) {
        StructBuffer sregs = buffer(KvmIoctl.GET_SREGS, arena);
        long result = Requests.call(vcpu, KvmIoctl.GET_SREGS, sregs.memory());
        // The first time: a vCPU that has run refuses another CPUID.
        if (result >= 0 && (sregs.get("efer") & LONG_MODE_ACTIVE) == 0) {
            result = cpuid(arena);
        }
        if (result < 0) {
            return result;
        }
        segment(sregs, "cs", "selector=0x33 limit=0xffffffff type=11 present=1 dpl=3 s=1 l=1 g=1");
        for (String data : new String[] {"ds", "es", "fs", "gs", "ss"}) {
            segment(sregs, data, "selector=0x2b limit=0xffffffff type=3 present=1 dpl=3 db=1 s=1 g=1");
        }
        segment(
                sregs,
                "tr",
                "selector=0x40 type=11 present=1 limit=" + TSS_LIMIT + " base=" + (START + size - 2 * PAGE_SIZE));
        sregs.set("cr0", 1 | 1 << 4 | 1 << 5 | 1 << 16 | 1L << 31); // PE, ET, NE, WP, PG
        sregs.set("cr3", START);
        sregs.set("cr4", 1 << 5); // PAE
        sregs.set("efer", LONG_MODE_ENABLED | LONG_MODE_ACTIVE);
        return Requests.call(vcpu, KvmIoctl.SET_SREGS, sregs.memory());
    }

    private static void segment(StructBuffer sregs, String name, String fields) {
        sregs.memory().asSlice(offset(name), SegmentLayout.STRUCT.size()).fill((byte) 0);
        for (String word : Words.words(fields)) {
            int equals = word.indexOf('=');
            sregs.set(name + "." + word.substring(0, equals), Values.number(word.substring(equals + 1)));
        }
    }

    private static long offset(String segment) {
        return SregsLayout.STRUCT.fields().stream()
                .filter(field -> field.name().equals(segment))
                .findFirst()
                .orElseThrow()
                .offset();
    }

    private long registers(Registers entry, long size, Arena arena) {
        StructBuffer regs = buffer(KvmIoctl.SET_REGS, arena);
        for (Registers.Register register : Registers.Register.values()) {
            regs.set(register.name().toLowerCase(Locale.ROOT), entry.get(register));
        }
        regs.memory().set(ValueLayout.JAVA_LONG, RegsLayout.RIP, START + size - PAGE_SIZE);
        regs.memory().set(ValueLayout.JAVA_LONG, RegsLayout.RFLAGS, 1 << 1 | 3 << 12); // the fixed bit, I/O privilege 3
        return Requests.call(vcpu, KvmIoctl.SET_REGS, regs.memory());
    }

    private static StructBuffer buffer(KvmIoctl request, Arena arena) {
        Struct shape = request.struct().orElseThrow();
        return new StructBuffer(shape, arena.allocate(shape.size(), Long.BYTES));
    }
}
