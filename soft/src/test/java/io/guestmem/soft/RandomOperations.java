package io.guestmem.soft;

import static io.guestmem.soft.SoftHost.GMEM;
import static io.guestmem.soft.SoftHost.HUGE;
import static io.guestmem.soft.SoftHost.LOG;
import static io.guestmem.soft.SoftHost.PAGE;
import static io.guestmem.soft.SoftHost.READONLY;

import io.guestmem.abi.ClearDirtyLogLayout;
import io.guestmem.abi.DirtyLogLayout;
import io.guestmem.abi.HostAdvice;
import io.guestmem.abi.HostMemory;
import io.guestmem.abi.HostProtection;
import io.guestmem.abi.KvmFile;
import io.guestmem.abi.KvmIoctl;
import io.guestmem.abi.UserMemory;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Random;

/** Things that a VMM, its process and its guest can do, drawn by lot. Whatever they answer is right; nothing may break. */
final class RandomOperations implements AutoCloseable {
    static final long SIZE = 4 * HUGE;
    private static final long[] BASES = {0, HUGE, 16 * HUGE, 16 * HUGE + PAGE};

    private final SoftHost host;
    private final HostMemory memory;
    private final KvmFile memfd;

    /** Memory that is unmapped from time to time, and mapped elsewhere. */
    private volatile HostMemory passing;

    private final boolean hasPrivate;
    private final Arena arena = Arena.ofShared();
    private final MemorySegment bitmap = arena.allocate(SIZE / PAGE / 8, 8);
    private final UserMemory shown;

    RandomOperations(SoftHost host) {
        this.host = host;
        this.memory = host.kernel.allocate(SIZE);
        this.passing = host.kernel.allocate(SIZE);
        this.hasPrivate = host.vm.type().privateMemory();
        this.memfd = host.guestMemfd(SIZE, 0);
        this.shown = host.kernel.expose(bitmap);
    }

    HostMemory memory() {
        return memory;
    }

    /** Does something to slots, attributes or logs. */
    void vmm(Random random) {
        int id = random.nextInt(2);
        int slot = hasPrivate ? id : id | random.nextInt(2) << 16;
        long size = random.nextBoolean() ? SIZE : (1 + random.nextInt(1024)) * PAGE;
        long base = BASES[random.nextInt(BASES.length)];
        switch (random.nextInt(10)) {
            case 0, 1, 2 -> {
                if (hasPrivate && random.nextBoolean()) {
                    host.slot2(slot, GMEM, base, size, memory.hva(), memfd.descriptor(), 0);
                    return;
                }
                int flags = (random.nextInt(4) == 0 ? READONLY : 0) | (random.nextBoolean() ? LOG : 0);
                host.slot(slot, flags, base, size, random.nextInt(3) == 0 ? passing.hva() : memory.hva());
            }
            case 3 -> host.slot(slot, 0, 0, 0, 0);
            case 4 -> host.slot2(slot, GMEM, base, size, memory.hva(), memfd.descriptor(), 0);
            case 5, 6 ->
                host.attributes(
                        BASES[random.nextInt(BASES.length)] + random.nextInt(20) * PAGE,
                        (1 + random.nextInt(600)) * PAGE,
                        random.nextBoolean() ? 8 : 0);
            case 7 -> getDirtyLog(slot);
            case 8 -> clearDirtyLog(slot, random);
            default -> toggleLogging(slot);
        }
    }

    private void toggleLogging(int slot) {
        var now = host.vm.slots().active(slot >>> 16).get(slot & 0xFFFF);
        if (now != null) {
            host.slot(slot, now.flags() ^ LOG, now.baseGfn() << 12, now.pages() << 12, now.hva());
        }
    }

    private void getDirtyLog(int slot) {
        MemorySegment struct = SoftHost.struct(DirtyLogLayout.STRUCT.size());
        struct.set(ValueLayout.JAVA_INT, DirtyLogLayout.SLOT, slot);
        struct.set(ValueLayout.JAVA_LONG, DirtyLogLayout.DIRTY_BITMAP, shown.address());
        host.vmFile.ioctl(KvmIoctl.GET_DIRTY_LOG.code(), struct);
    }

    private void clearDirtyLog(int slot, Random random) {
        MemorySegment struct = SoftHost.struct(ClearDirtyLogLayout.STRUCT.size());
        struct.set(ValueLayout.JAVA_INT, ClearDirtyLogLayout.SLOT, slot);
        struct.set(ValueLayout.JAVA_INT, ClearDirtyLogLayout.NUM_PAGES, 64);
        struct.set(ValueLayout.JAVA_LONG, ClearDirtyLogLayout.FIRST_PAGE, random.nextInt(16) * 64L);
        struct.set(ValueLayout.JAVA_LONG, ClearDirtyLogLayout.DIRTY_BITMAP, shown.address());
        bitmap.set(ValueLayout.JAVA_LONG, 0, random.nextLong());
        host.vmFile.ioctl(KvmIoctl.CLEAR_DIRTY_LOG.code(), struct);
    }

    /** Does something to the process's memory. */
    void process(Random random) {
        long offset = random.nextInt((int) (SIZE / PAGE)) * PAGE;
        long length = Math.min(SIZE - offset, (1 + random.nextInt(600)) * PAGE);
        switch (random.nextInt(11)) {
            case 0, 1, 2 -> memory.advise(HostAdvice.POPULATE_WRITE, offset, length);
            case 3 -> memory.advise(HostAdvice.POPULATE_READ, offset, length);
            case 4 -> memory.advise(HostAdvice.DONT_NEED, offset, length);
            case 5 -> {
                memory.advise(HostAdvice.HUGE_PAGE, 0, SIZE);
                memory.advise(HostAdvice.COLLAPSE, offset & -HUGE, HUGE);
            }
            case 6 -> {
                memory.protect(random.nextBoolean() ? HostProtection.READ : HostProtection.NONE, offset, length);
                memory.protect(HostProtection.READ_WRITE, 0, SIZE);
            }
            case 7 -> host.kernel.process().fork().close();
            case 8 -> passing.advise(HostAdvice.POPULATE_WRITE, offset, length);
            case 9 -> {
                passing.close();
                passing = host.kernel.allocate(SIZE);
            }
            default -> memfd.allocate(random.nextBoolean() ? 1 : 3, offset, length);
        }
    }

    /** Does something as a vCPU. */
    void guest(KvmFile vcpu, ScriptedCpu cpu, Random random) {
        // Mostly a few pages, so that what is done to them meets.
        long gpa = BASES[random.nextInt(BASES.length)]
                + (random.nextInt(4) == 0 ? random.nextInt(2048) : random.nextInt(16)) * PAGE;
        if (random.nextInt(3) == 0) {
            SoftHost.preFault(vcpu, gpa, (1 + random.nextInt(700)) * PAGE);
            return;
        }
        boolean smm = !hasPrivate && random.nextInt(4) == 0;
        if (smm != cpu.systemManagement) {
            cpu.systemManagement = smm;
            cpu.context.roleChanged();
        }
        cpu.program = memory -> {
            for (int i = 0; i < 20; i++) {
                long at = gpa + i * PAGE;
                switch (i % 3) {
                    case 0 -> memory.read(at);
                    case 1 -> memory.write(at);
                    default -> memory.fetch(at);
                }
            }
            return 0;
        };
        vcpu.ioctl(KvmIoctl.RUN.code(), 0);
    }

    @Override
    public void close() {
        shown.close();
        arena.close();
        passing.close();
        memory.close();
    }
}
