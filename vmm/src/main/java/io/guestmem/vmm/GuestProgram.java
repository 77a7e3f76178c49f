package io.guestmem.vmm;

import io.guestmem.abi.GuestRange;
import io.guestmem.kvm.Registers;
import io.guestmem.kvm.Registers.Register;

/**
 * What a guest does: position-independent machine code for user mode in long mode, and the registers that it starts with.
 *
 * <p>A program ends with output to {@link #DONE_PORT}; its results are in the registers then.
 */
public final class GuestProgram {
    /** The port that a program writes to when it is done. */
    public static final int DONE_PORT = 0x10;

    private static final long PAGE_SIZE = 4096;

    private final String name;
    private final byte[] code;
    private final Registers entry;

    private GuestProgram(String name, Assembler assembler, Registers entry) {
        this.name = name;
        this.code = assembler.assemble();
        this.entry = entry;
    }

    /** How a program touches a page. */
    public enum Access {
        /** Reads the first 8 bytes. */
        READ,
        /** Overwrites the first 8 bytes with the number of touches that are left. */
        WRITE
    }

    /**
     * Reads every 8-byte word of a range, in order, and computes its {@link Checksum}; it is in rax and rbx at the end.
     *
     * @param range in bytes, a positive multiple of 8
     */
    public static GuestProgram checksum(GuestRange range) {
        Assembler assembler = new Assembler();
        int loop = assembler.here();
        assembler
                .addFromMemory(Register.RAX, Register.RSI)
                .add(Register.RBX, Register.RAX)
                .add(Register.RSI, (byte) 8)
                .decrement(Register.RCX)
                .jumpIfNotZero(loop);
        Registers entry = over(range, positive(range.size() / 8));
        return new GuestProgram("checksum", finish(assembler), entry);
    }

    /** The checksum that the program {@link #checksum} has left in its registers. */
    public static Checksum checksumOf(Registers atTheEnd) {
        return new Checksum(atTheEnd.get(Register.RAX), atTheEnd.get(Register.RBX));
    }

    /**
     * Writes every 8-byte word of a range, in order: word i becomes {@code first + i * step}.
     *
     * @param range in bytes, a positive multiple of 8
     */
    public static GuestProgram writePattern(GuestRange range, long first, long step) {
        Assembler assembler = new Assembler();
        int loop = assembler.here();
        assembler
                .moveToMemory(Register.RSI, Register.RDX)
                .add(Register.RDX, Register.RDI)
                .add(Register.RSI, (byte) 8)
                .decrement(Register.RCX)
                .jumpIfNotZero(loop);
        Registers entry = over(range, positive(range.size() / 8))
                .with(Register.RDX, first)
                .with(Register.RDI, step);
        return new GuestProgram("write pattern", finish(assembler), entry);
    }

    /**
     * Touches the first 8 bytes of every {@code stride} bytes, in order.
     *
     * @param range in bytes, at least one stride
     * @param stride in bytes, positive
     */
    public static GuestProgram touch(GuestRange range, long stride, Access access) {
        Assembler assembler = new Assembler();
        int loop = assembler.here();
        touch(assembler, access)
                .add(Register.RSI, Register.RDX)
                .decrement(Register.RCX)
                .jumpIfNotZero(loop);
        Registers entry = over(range, positive(range.size() / positive(stride))).with(Register.RDX, stride);
        return new GuestProgram("touch", finish(assembler), entry);
    }

    /**
     * Touches the first 8 bytes of every page once, in the order of {@link RandomOrder}.
     *
     * @param range in bytes, at least one page
     * @param seed gives the order
     */
    public static GuestProgram touchInRandomOrder(GuestRange range, long seed, Access access) {
        RandomOrder order = new RandomOrder(positive(range.size() / PAGE_SIZE), seed);
        Assembler assembler = new Assembler();
        int next = assembler.here();
        // rdi = rdi * r8 + r9 & r10 until it is below rdx, the number of pages.
        assembler
                .multiply(Register.RDI, Register.R8)
                .add(Register.RDI, Register.R9)
                .and(Register.RDI, Register.R10)
                .compare(Register.RDI, Register.RDX)
                .jumpIfNotBelow(next)
                .move(Register.RSI, Register.RDI)
                .shiftLeft(Register.RSI, 12)
                .add(Register.RSI, Register.R11);
        touch(assembler, access).decrement(Register.RCX).jumpIfNotZero(next);
        Registers entry = over(range, order.pages())
                .with(Register.RDI, order.first())
                .with(Register.RDX, order.pages())
                .with(Register.R8, RandomOrder.MULTIPLIER)
                .with(Register.R9, order.increment())
                .with(Register.R10, order.mask())
                .with(Register.R11, range.start().value());
        return new GuestProgram("touch in random order", finish(assembler), entry);
    }

    /**
     * Touches the first 8 bytes at each address of a list, in order.
     *
     * @param list guest memory with 8-byte addresses, at least one
     */
    public static GuestProgram touchListed(GuestRange list, Access access) {
        Assembler assembler = new Assembler();
        int loop = assembler.here();
        touch(assembler.moveFromMemory(Register.RSI, Register.RDI), access)
                .add(Register.RDI, (byte) 8)
                .decrement(Register.RCX)
                .jumpIfNotZero(loop);
        return new GuestProgram("touch listed", finish(assembler), overList(list));
    }

    /**
     * Reads the 8-byte word at each address of a list, in order, and computes the {@link Checksum} of the words, as {@link
     * #checksum} does.
     *
     * @param list guest memory with 8-byte addresses, at least one
     */
    public static GuestProgram checksumListed(GuestRange list) {
        Assembler assembler = new Assembler();
        int loop = assembler.here();
        assembler
                .moveFromMemory(Register.RSI, Register.RDI)
                .addFromMemory(Register.RAX, Register.RSI)
                .add(Register.RBX, Register.RAX)
                .add(Register.RDI, (byte) 8)
                .decrement(Register.RCX)
                .jumpIfNotZero(loop);
        return new GuestProgram("checksum listed", finish(assembler), overList(list));
    }

    /** Never ends: for run loops with a limit. */
    public static GuestProgram spin() {
        Assembler assembler = new Assembler();
        return new GuestProgram("spin", assembler.jump(assembler.here()), Registers.initial());
    }

    private static Assembler touch(Assembler assembler, Access access) {
        return switch (access) {
            case READ -> assembler.addFromMemory(Register.RAX, Register.RSI);
            case WRITE -> assembler.moveToMemory(Register.RSI, Register.RCX);
        };
    }

    private static Assembler finish(Assembler assembler) {
        assembler.output(DONE_PORT);
        return assembler.jump(assembler.here());
    }

    private static Registers over(GuestRange range, long count) {
        return Registers.initial().with(Register.RSI, range.start().value()).with(Register.RCX, count);
    }

    private static Registers overList(GuestRange list) {
        return Registers.initial()
                .with(Register.RDI, list.start().value())
                .with(Register.RCX, positive(list.size() / Long.BYTES));
    }

    private static long positive(long count) {
        if (count <= 0) {
            throw new IllegalArgumentException("a program needs something to touch, not " + count);
        }
        return count;
    }

    /** What it does, for messages. */
    public String name() {
        return name;
    }

    /** The machine code; a copy. */
    public byte[] code() {
        return code.clone();
    }

    /** The registers that it starts with, but for rip and rflags, which the machine sets. */
    public Registers entry() {
        return entry;
    }

    @Override
    public String toString() {
        return name;
    }
}
