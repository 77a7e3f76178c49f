package io.guestmem.soft;

import static io.guestmem.soft.SoftHost.HUGE;
import static io.guestmem.soft.SoftHost.LOG;
import static io.guestmem.soft.SoftHost.PAGE;
import static org.assertj.core.api.Assertions.assertThat;

import io.guestmem.abi.Capability;
import io.guestmem.abi.ClearDirtyLogLayout;
import io.guestmem.abi.DirtyLogLayout;
import io.guestmem.abi.HostAdvice;
import io.guestmem.abi.HostMemory;
import io.guestmem.abi.KvmFile;
import io.guestmem.abi.KvmIoctl;
import io.guestmem.abi.UserMemory;
import io.guestmem.soft.mmu.NativeMemory;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * No write is lost: guests write while their memory is copied away by the dirty log, as for a migration, and the process changes
 * how its memory is mapped. At the end the copy is the memory.
 */
class DirtyStressTest {
    private static final int PAGES = (int) (2 * HUGE / PAGE);
    private static final int WRITERS = 3;
    private static final int RUNS = 3000;
    private static final int WRITES = 40;

    /** A host, and how its log is cleared. */
    record Kind(SoftKernelOptions options, boolean manual) {
        @Override
        public String toString() {
            return (manual ? "manual" : "at once")
                    + (options.accessedDirtyBits() ? "" : ", no A/D")
                    + (options.pageModificationLogging() ? ", PML" : "");
        }
    }

    static Stream<Kind> kinds() {
        SoftKernelOptions defaults = SoftKernelOptions.defaults();
        return Stream.of(
                        defaults,
                        defaults.with().accessedDirtyBits(false).build(),
                        defaults.with().pageModificationLogging(true).build())
                .flatMap(options -> Stream.of(new Kind(options, false), new Kind(options, true)));
    }

    @ParameterizedTest
    @MethodSource("kinds")
    void theCopyIsTheMemory(Kind kind) throws InterruptedException {
        long seed = System.nanoTime();
        try (SoftHost host = new SoftHost(kind.options);
                HostMemory memory = host.kernel.allocate(2 * HUGE);
                Migration migration = new Migration(host, memory, kind.manual)) {
            host.slot(0, LOG, 0, 2 * HUGE, memory.hva());
            AtomicInteger writing = new AtomicInteger(WRITERS);
            List<Thread> threads = new ArrayList<>();
            for (int i = 0; i < WRITERS; i++) {
                KvmFile vcpu = i == 0 ? host.vcpuFile : host.createVcpu(i);
                ScriptedCpu cpu = i == 0 ? host.cpu : host.lastCpu();
                Random random = new Random(seed + i);
                threads.add(Thread.ofPlatform().name("writer " + i).start(() -> {
                    write(vcpu, cpu, random);
                    writing.decrementAndGet();
                }));
            }
            Random random = new Random(seed - 1);
            while (writing.get() != 0) {
                remap(host, memory, random);
                migration.round();
            }
            for (Thread thread : threads) {
                thread.join();
            }
            migration.round();
            assertThat(migration.differences()).as("%s, seed %d", kind, seed).isEmpty();
            assertThat(migration.copied).as("pages copied").isGreaterThan(PAGES / 2);
            Invariants.check(host.vm, kind + ", seed " + seed);
        }
    }

    private static void write(KvmFile vcpu, ScriptedCpu cpu, Random random) {
        for (int run = 0; run < RUNS; run++) {
            cpu.program = memory -> {
                for (int i = 0; i < WRITES; i++) {
                    long address = memory.write(random.nextInt(PAGES) * PAGE);
                    if (address < 0) {
                        return address;
                    }
                    NativeMemory.set(address, random.nextLong());
                }
                return 0;
            };
            assertThat(vcpu.ioctl(KvmIoctl.RUN.code(), 0)).isZero();
        }
    }

    /** The content stays; what maps it changes. */
    private static void remap(SoftHost host, HostMemory memory, Random random) {
        switch (random.nextInt(4)) {
            case 0 -> host.kernel.process().fork().close();
            case 1 -> memory.advise(HostAdvice.COLLAPSE, random.nextInt(2) * HUGE, HUGE);
            case 2 -> SoftHost.preFault(host.vcpuFile, random.nextInt(PAGES) * PAGE, PAGE);
            default -> {}
        }
    }

    /** Copies dirty pages. */
    private static final class Migration implements AutoCloseable {
        private final SoftHost host;
        private final HostMemory memory;
        private final boolean manual;
        private final Arena arena = Arena.ofShared();
        private final MemorySegment bitmap = arena.allocate(PAGES / 8, 8);
        private final UserMemory shown;
        private final long[] copy = new long[PAGES];
        int copied;

        Migration(SoftHost host, HostMemory memory, boolean manual) {
            this.host = host;
            this.memory = memory;
            this.manual = manual;
            this.shown = host.kernel.expose(bitmap);
            if (manual) {
                assertThat(host.enable(Capability.MANUAL_DIRTY_LOG_PROTECT2.number(), 1))
                        .isZero();
            }
        }

        /** The log is fetched and cleared first, so that what is written meanwhile is in the next. */
        void round() {
            MemorySegment get = SoftHost.struct(DirtyLogLayout.STRUCT.size());
            get.set(ValueLayout.JAVA_LONG, DirtyLogLayout.DIRTY_BITMAP, shown.address());
            assertThat(host.vmFile.ioctl(KvmIoctl.GET_DIRTY_LOG.code(), get)).isZero();
            if (manual) {
                MemorySegment clear = SoftHost.struct(ClearDirtyLogLayout.STRUCT.size());
                clear.set(ValueLayout.JAVA_INT, ClearDirtyLogLayout.NUM_PAGES, PAGES);
                clear.set(ValueLayout.JAVA_LONG, ClearDirtyLogLayout.DIRTY_BITMAP, shown.address());
                assertThat(host.vmFile.ioctl(KvmIoctl.CLEAR_DIRTY_LOG.code(), clear))
                        .isZero();
            }
            for (int page = 0; page < PAGES; page++) {
                if ((bitmap.getAtIndex(ValueLayout.JAVA_LONG, page / 64) >>> page & 1) != 0) {
                    copy[page] = word(page);
                    copied++;
                }
            }
        }

        private long word(int page) {
            MemorySegment word = SoftHost.struct(Long.BYTES);
            assertThat(memory.load(page * PAGE, word)).isZero();
            return word.get(ValueLayout.JAVA_LONG, 0);
        }

        List<Integer> differences() {
            List<Integer> different = new ArrayList<>();
            for (int page = 0; page < PAGES; page++) {
                if (copy[page] != word(page)) {
                    different.add(page);
                }
            }
            return different;
        }

        @Override
        public void close() {
            shown.close();
            arena.close();
        }
    }
}
