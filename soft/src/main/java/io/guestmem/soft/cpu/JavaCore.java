package io.guestmem.soft.cpu;

import io.guestmem.soft.JavaGuest;

/** The processor as a {@link JavaGuest} sees it. */
final class JavaCore implements JavaGuest.Cpu {
    private final Core core;

    JavaCore(Core core) {
        this.core = core;
    }

    @Override
    public long read(long linear, int size) {
        requireSize(size, 8);
        return core.memory.read(checked(linear), size);
    }

    @Override
    public void write(long linear, int size, long value) {
        requireSize(size, 8);
        core.memory.write(checked(linear), size, value);
    }

    @Override
    public void fetch(long linear) {
        core.memory.fetch(checked(linear));
    }

    @Override
    public long in(int port, int size) {
        requireSize(size, 4);
        return core.ports.inByStep(port & 0xFFFF, size);
    }

    @Override
    public void out(int port, int size, long value) {
        requireSize(size, 4);
        core.ports.outAfterStep(port & 0xFFFF, size, value);
    }

    @Override
    public void halt() {
        core.halt();
    }

    @Override
    public long register(int number) {
        return core.registers.general[number];
    }

    @Override
    public void setRegister(int number, long value) {
        core.registers.general[number] = value;
    }

    /** In 64-bit code a linear address is canonical; elsewhere it has 32 bits. */
    private long checked(long linear) {
        if (core.bits == 64) {
            core.requireCanonical(linear);
        }
        return core.wrap(linear);
    }

    private static void requireSize(int size, int most) {
        if (Integer.bitCount(size) != 1 || size > most) {
            throw new IllegalArgumentException("no access has " + size + " bytes");
        }
    }
}
