package io.guestmem.soft;

import static io.guestmem.soft.SoftHost.LOG;
import static io.guestmem.soft.SoftHost.PAGE;
import static org.assertj.core.api.Assertions.assertThat;

import io.guestmem.abi.DirtyLogLayout;
import io.guestmem.abi.HostMemory;
import io.guestmem.abi.KvmIoctl;
import io.guestmem.abi.UserMemory;
import io.guestmem.abi.VmType;
import io.guestmem.soft.mmu.NativeMemory;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import org.junit.jupiter.api.Test;

/** A vCPU uses no translation that was taken away from it, not even one that it has just got. */
class RemoteFlushTest {
    private static final int ROUNDS = 40;

    /** Writes numbers to the first page; anything may happen between a translation and the write. */
    private static void count(SoftHost host, Schedule schedule, long[] written) {
        host.guest(memory -> {
            for (long i = 1; i <= ROUNDS * 5; i++) {
                long address = memory.write(0);
                schedule.point(Schedule.Point.WAITING);
                NativeMemory.set(address, i);
                written[0] = i;
            }
            return 0;
        });
    }

    @Test
    void whatAChildHasGotAtItsForkStaysAsItWas() {
        for (long seed = 1; seed <= 20; seed++) {
            SeededSchedule schedule = new SeededSchedule(seed);
            try (SoftHost host = new SoftHost(SoftKernelOptions.defaults(), VmType.DEFAULT, schedule);
                    HostMemory memory = host.kernel.allocate(PAGE)) {
                host.slot(0, 0, 0, PAGE, memory.hva());
                SoftHost.touch(memory);
                long[] written = {0};
                schedule.run(List.of(() -> count(host, schedule, written), () -> {
                    for (int round = 0; round < ROUNDS / 4; round++) {
                        SoftProcess child = host.kernel.process().fork();
                        long first = read(child, memory.hva());
                        for (int i = 0; i < 8; i++) {
                            schedule.point(Schedule.Point.WAITING);
                        }
                        assertThat(read(child, memory.hva())).isEqualTo(first);
                        child.close();
                    }
                }));
                assertThat(read(host.kernel.process(), memory.hva()))
                        .as("seed %d: no write is lost", seed)
                        .isEqualTo(ROUNDS * 5);
            } catch (RuntimeException | Error failed) {
                throw new AssertionError("seed " + seed, failed);
            }
        }
    }

    private static long read(SoftProcess process, long hva) {
        MemorySegment word = SoftHost.struct(8);
        assertThat(process.memory().load(hva, word)).isEqualTo(8);
        return word.get(ValueLayout.JAVA_LONG, 0);
    }

    @Test
    void aWriteAfterThePageWasFoundCleanMakesItDirtyAgain() {
        for (long seed = 1; seed <= 20; seed++) {
            SeededSchedule schedule = new SeededSchedule(seed);
            try (SoftHost host = new SoftHost(SoftKernelOptions.defaults(), VmType.DEFAULT, schedule);
                    HostMemory memory = host.kernel.allocate(PAGE);
                    Arena arena = Arena.ofShared()) {
                host.slot(0, LOG, 0, PAGE, memory.hva());
                SoftHost.touch(memory);
                MemorySegment bitmap = arena.allocate(8, 8);
                UserMemory shown = host.kernel.expose(bitmap);
                long[] written = {0};
                long[] copied = {0};
                schedule.run(List.of(() -> count(host, schedule, written), () -> {
                    for (int round = 0; round < ROUNDS * 5; round++) {
                        schedule.point(Schedule.Point.WAITING);
                        if (fetch(host, shown, bitmap)) {
                            copied[0] = read(host.kernel.process(), memory.hva());
                        }
                    }
                }));
                // As a migration does: what is dirty at the end is copied once more, and then nothing may be missing.
                if (fetch(host, shown, bitmap)) {
                    copied[0] = read(host.kernel.process(), memory.hva());
                }
                assertThat(copied[0]).as("seed %d", seed).isEqualTo(ROUNDS * 5);
            } catch (RuntimeException | Error failed) {
                throw new AssertionError("seed " + seed, failed);
            }
        }
    }

    private static boolean fetch(SoftHost host, UserMemory shown, MemorySegment bitmap) {
        MemorySegment struct = SoftHost.struct(DirtyLogLayout.STRUCT.size());
        struct.set(ValueLayout.JAVA_LONG, DirtyLogLayout.DIRTY_BITMAP, shown.address());
        assertThat(host.vmFile.ioctl(KvmIoctl.GET_DIRTY_LOG.code(), struct)).isZero();
        return bitmap.get(ValueLayout.JAVA_LONG, 0) != 0;
    }
}
