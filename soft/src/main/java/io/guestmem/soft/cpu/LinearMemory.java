package io.guestmem.soft.cpu;

import static io.guestmem.abi.ErrorNumber.EFAULT;
import static io.guestmem.abi.ErrorNumber.EHWPOISON;
import static io.guestmem.abi.ErrorNumber.EINTR;

import io.guestmem.abi.ExitReason;
import io.guestmem.paging.Access;
import io.guestmem.paging.CheckOrder;
import io.guestmem.paging.PagingMode;
import io.guestmem.paging.SetBits;
import io.guestmem.paging.WalkResult;
import io.guestmem.paging.Walker;
import io.guestmem.soft.mmu.GuestAccess;
import io.guestmem.soft.vm.VcpuCounter;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * Memory by linear address: through a TLB and the guest's tables to a gpa, and from there through {@link GuestAccess} to bytes.
 *
 * <p>The TLB holds pages of 4 KiB for each kind of access, for the current privilege level, with RFLAGS.AC as it is. It is
 * emptied whenever one of the registers that a walk depends on changes, by INVLPG, and when {@code KVM_RUN} starts: memslots may
 * have changed since.
 */
final class LinearMemory {
    private static final long PAGE = 4096;
    private static final long IN_PAGE = PAGE - 1;
    private static final int KIND_BITS = 8;
    private static final int ENTRIES = 1 << KIND_BITS;
    private static final int READ = 0;
    private static final int WRITE = 1;
    private static final int FETCH = 2;
    private static final int KINDS = 3;
    private static final int SET_BITS = SetBits.ACCESSED | SetBits.DIRTY;

    private final Core core;
    private final Mmio mmio;
    private final GuestTables tables = new GuestTables(this);

    /** Linear pages with bit 0 set, by kind and number; 0 is empty. */
    private final long[] tags = new long[KINDS * ENTRIES];

    /** The gpas of the pages. */
    private final long[] pages = new long[KINDS * ENTRIES];

    private @Nullable Walker walker;
    private @Nullable GuestAccess access;
    private long asks;

    /** What the emulator has read. */
    private final long[] emulated = new long[1];

    /** Of {@link GuestAccess#flushes}, what the TLB is newer than. */
    private long flushes;

    LinearMemory(Core core, Mmio mmio) {
        this.core = core;
        this.mmio = mmio;
    }

    /** {@code KVM_RUN} starts. */
    void enter(GuestAccess guestAccess) {
        access = guestAccess;
        flush();
    }

    /** A register that walks depend on has changed, or the guest wants it: INVLPG of a large page concerns all its pieces here. */
    void flush() {
        Arrays.fill(tags, 0);
        walker = null;
        asks++;
    }

    /** How often memory was asked, or translations changed: an address is good as long as this stays the same. */
    long asks() {
        return asks;
    }

    /** Memory, to be asked for something: earlier addresses are void. */
    GuestAccess ask() {
        asks++;
        return memory();
    }

    private GuestAccess memory() {
        GuestAccess current = access;
        if (current == null) {
            throw new IllegalStateException("a guest has memory only in KVM_RUN");
        }
        return current;
    }

    /** Reads 1 to 8 bytes. */
    long read(long linear, int size) {
        if ((linear & IN_PAGE) + size <= PAGE) {
            return readPiece(translate(READ, linear), size);
        }
        int first = (int) (PAGE - (linear & IN_PAGE));
        long gpa = translate(READ, linear);
        long next = translate(READ, core.wrap(linear + first));
        return readPiece(gpa, first) | readPiece(next, size - first) << (8 * first);
    }

    /** Reads what is to be written next: the page must be writable. */
    long readToWrite(long linear, int size) {
        long gpa = translate(WRITE, linear);
        if ((linear & IN_PAGE) + size > PAGE) {
            translate(WRITE, core.wrap(linear + size - 1));
            return read(linear, size);
        }
        if (mmio.isEmulating()) {
            return readPiece(gpa, size);
        }
        long at = ask().write(gpa);
        if (at >= 0) {
            return RawMemory.get(at, size);
        }
        if (at == GuestAccess.MMIO) {
            mmio.emulate();
            return readPiece(gpa, size);
        }
        throw failed(at);
    }

    /** Writes 1, 2, 4 or 8 bytes; nothing is written if a part cannot be. */
    void write(long linear, int size, long value) {
        if ((linear & IN_PAGE) + size <= PAGE) {
            writePiece(translate(WRITE, linear), size, value);
            return;
        }
        int first = (int) (PAGE - (linear & IN_PAGE));
        long gpa = translate(WRITE, linear);
        long next = translate(WRITE, core.wrap(linear + first));
        writePiece(gpa, first, value);
        writePiece(next, size - first, value >>> (8 * first));
    }

    /** Replaces what {@link #readToWrite} has read, atomically unless it crosses pages; otherwise the instruction starts again. */
    void replace(long linear, int size, long expected, long value) {
        if ((linear & IN_PAGE) + size > PAGE) {
            write(linear, size, value);
            return;
        }
        long gpa = translate(WRITE, linear);
        long at = mmio.isEmulating() ? GuestAccess.MMIO : ask().write(gpa);
        if (at == GuestAccess.MMIO) {
            mmio.emulate();
            writePiece(gpa, size, value);
        } else if (!RawMemory.compareAndSet(checked(at), size, expected, value)) {
            throw core.abort.again();
        }
    }

    /** Reads a descriptor table or a task state segment, as the processor does. */
    long readImplicit(long linear, int size) {
        long value = 0;
        for (int i = 0; i < size; i++) {
            value |= readPiece(walk(core.wrap(linear + i), Access.IMPLICIT), 1) << (8 * i);
        }
        return value;
    }

    /** Writes to a stack as a given privilege level, or to a descriptor table. */
    void writeAs(long linear, int size, long value, int access) {
        for (int i = 0; i < size; i++) {
            walk(core.wrap(linear + i), access | Access.WRITE);
        }
        for (int i = 0; i < size; i++) {
            writePiece(walk(core.wrap(linear + i), access | Access.WRITE), 1, value >>> (8 * i));
        }
    }

    /** The native address of an instruction's first byte. */
    long fetch(long linear) {
        long at = ask().fetch(translate(FETCH, linear));
        if (at == GuestAccess.MMIO) {
            throw core.notEmulated();
        }
        return checked(at);
    }

    /** The gpa of an instruction. */
    long fetchGpa(long linear) {
        return translate(FETCH, linear);
    }

    private static int slot(int kind, long linear) {
        return kind << KIND_BITS | ((int) (linear >>> 12) & (ENTRIES - 1));
    }

    private long translate(int kind, long linear) {
        long now = memory().flushes();
        if (now != flushes) {
            flushes = now;
            flush();
        }
        int slot = slot(kind, linear);
        if (tags[slot] == (linear & -PAGE) + 1) {
            return pages[slot] | (linear & IN_PAGE);
        }
        int wanted = switch (kind) {
            case WRITE -> Access.WRITE;
            case FETCH -> Access.EXECUTE;
            default -> Access.READ;
        };
        long gpa = walk(linear, wanted | (core.system.cpl() == 3 ? Access.USER : 0));
        tags[slot] = (linear & -PAGE) + 1;
        pages[slot] = gpa & -PAGE;
        return gpa;
    }

    private long walk(long linear, int wanted) {
        Walker current = walker;
        if (current == null) {
            current = new Walker(core.walkPlan(), tables);
            walker = current;
        }
        if (current.plan().mode() == PagingMode.NONE) {
            return linear;
        }
        int how = wanted | ((core.registers.rflags & Flags.AC) != 0 ? Access.ALIGNMENT_CHECK : 0);
        tables.begin();
        long result = current.walk(linear, how, SET_BITS, CheckOrder.ARCHITECTURAL);
        if (!WalkResult.isPage(result)) {
            core.system.cr2 = linear;
            throw core.abort.exception(Exceptions.PAGE_FAULT, current.plan().pageFaultErrorCode(result, how));
        }
        return WalkResult.address(result);
    }

    private long readPiece(long gpa, int size) {
        if (!mmio.isEmulating()) {
            long at = ask().read(gpa);
            if (at >= 0) {
                return Integer.bitCount(size) == 1 ? RawMemory.get(at, size) : bytes(at, size);
            }
            if (at != GuestAccess.MMIO) {
                throw failed(at);
            }
            mmio.emulate();
        } else if (ask().emulatedRead(gpa, size, emulated)) {
            core.attention = true;
            return emulated[0];
        }
        if (mmio.hasAnswer(gpa, size)) {
            core.attention = true;
            return mmio.answer();
        }
        if (mmio.isFull()) {
            throw core.notEmulated();
        }
        mmio.ask(gpa, size);
        core.count(VcpuCounter.MMIO_EXITS);
        throw core.abort.exit(0);
    }

    private static long bytes(long at, int size) {
        long value = 0;
        for (int i = 0; i < size; i++) {
            value |= RawMemory.get(at + i, 1) << (8 * i);
        }
        return value;
    }

    private void writePiece(long gpa, int size, long value) {
        if (mmio.isEmulating()) {
            emulatedWrite(gpa, size, value);
            return;
        }
        long at = ask().write(gpa);
        if (at >= 0) {
            if (Integer.bitCount(size) == 1) {
                RawMemory.set(at, size, value);
            } else {
                for (int i = 0; i < size; i++) {
                    RawMemory.set(at + i, 1, value >>> (8 * i));
                }
            }
        } else if (at != GuestAccess.MMIO) {
            throw failed(at);
        } else {
            mmio.emulate();
            emulatedWrite(gpa, size, value);
        }
    }

    private void emulatedWrite(long gpa, int size, long value) {
        core.attention = true;
        if (ask().emulatedWrite(gpa, size, value)) {
            return;
        }
        if (mmio.isFull()) {
            throw core.notEmulated();
        }
        mmio.write(gpa, size, value);
    }

    /** An address that memory gave; anything else ends the instruction. */
    long checked(long at) {
        if (at < 0) {
            throw failed(at);
        }
        return at;
    }

    private Abort failed(long outcome) {
        if (outcome == GuestAccess.INTERRUPTED) {
            core.run.exit(ExitReason.INTR);
            return core.abort.exit(-EINTR.number());
        }
        if (outcome == GuestAccess.RING_FULL) {
            core.run.exit(ExitReason.DIRTY_RING_FULL);
            return core.abort.exit(0);
        }
        return core.abort.exit(outcome == GuestAccess.EHWPOISON ? -EHWPOISON.number() : -EFAULT.number());
    }
}
