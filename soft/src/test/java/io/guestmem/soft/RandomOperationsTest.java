package io.guestmem.soft;

import static org.assertj.core.api.Assertions.assertThat;

import io.guestmem.abi.KvmFile;
import io.guestmem.abi.VmType;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** MMU-19 and kernel.md 6.13: whatever happens, in whatever order, the invariants hold. */
class RandomOperationsTest {
    /** Among random operations is the hazard of kernel.md 3.7, and each retry is a turn of a schedule. */
    private static final SoftKernelOptions WATCHED =
            SoftKernelOptions.defaults().with().preFaultRetries(1000).build();

    /** A host, and the type of its VM. */
    record Kind(SoftKernelOptions options, VmType type) {
        @Override
        public String toString() {
            return type
                    + (options.accessedDirtyBits() ? "" : ", no A/D")
                    + (options.pageModificationLogging() ? ", PML" : "")
                    + (options.nxHugePages() ? ", NX huge pages" : "");
        }
    }

    static Stream<Kind> kinds() {
        SoftKernelOptions defaults = WATCHED;
        return Stream.of(
                new Kind(defaults, VmType.DEFAULT),
                new Kind(defaults, VmType.SW_PROTECTED),
                new Kind(defaults.with().accessedDirtyBits(false).build(), VmType.DEFAULT),
                new Kind(defaults.with().pageModificationLogging(true).build(), VmType.DEFAULT),
                new Kind(
                        defaults.with()
                                .nxHugePages(true)
                                .transparentHugePages(true)
                                .build(),
                        VmType.SW_PROTECTED));
    }

    @ParameterizedTest
    @MethodSource("kinds")
    void oneAfterTheOther(Kind kind) {
        long seed = System.nanoTime();
        Random random = new Random(seed);
        try (SoftHost host = new SoftHost(kind.options, kind.type);
                RandomOperations operations = new RandomOperations(host)) {
            for (int i = 0; i < 1500; i++) {
                switch (random.nextInt(4)) {
                    case 0 -> operations.vmm(random);
                    case 1 -> operations.process(random);
                    default -> operations.guest(host.vcpuFile, host.cpu, random);
                }
                if (i % 10 == 0) {
                    Invariants.check(host.vm, kind + ", seed " + seed + ", operation " + i);
                }
            }
        }
    }

    @ParameterizedTest
    @MethodSource("kinds")
    void allAtOnce(Kind kind) throws InterruptedException {
        long seed = System.nanoTime();
        try (SoftHost host = new SoftHost(kind.options, kind.type);
                RandomOperations operations = new RandomOperations(host)) {
            AtomicReference<@Nullable Throwable> failure = new AtomicReference<>();
            for (int round = 0; round < 10; round++) {
                List<Thread> threads = new ArrayList<>();
                for (Runnable task : tasks(
                        host, operations, seed + round, 150, host.vm.vcpus().size() < 3)) {
                    threads.add(Thread.ofPlatform()
                            .name("random " + threads.size())
                            .start(() -> {
                                try {
                                    task.run();
                                } catch (RuntimeException | Error failed) { // told below
                                    failure.compareAndSet(null, failed);
                                }
                            }));
                }
                for (Thread thread : threads) {
                    thread.join();
                }
                assertThat(failure.get()).as("%s, seed %d", kind, seed).isNull();
                Invariants.check(host.vm, kind + ", seed " + seed + ", round " + round);
            }
        }
    }

    private static List<Runnable> tasks(
            SoftHost host, RandomOperations operations, long seed, int count, boolean newVcpus) {
        List<Runnable> tasks = new ArrayList<>();
        tasks.add(repeat(new Random(seed), count, operations::vmm));
        tasks.add(repeat(new Random(seed + 1), count, operations::process));
        tasks.add(repeat(new Random(seed + 2), count, random -> operations.guest(host.vcpuFile, host.cpu, random)));
        for (int i = 1; newVcpus && i < 3; i++) {
            KvmFile file = host.createVcpu(host.vm.vcpus().size());
            ScriptedCpu cpu = host.lastCpu();
            tasks.add(repeat(new Random(seed + 2 + i), count, random -> operations.guest(file, cpu, random)));
        }
        return tasks;
    }

    private static Runnable repeat(Random random, int count, java.util.function.Consumer<Random> operation) {
        return () -> {
            for (int i = 0; i < count; i++) {
                operation.accept(random);
            }
        };
    }

    @Test
    void inEveryOrderThatASeedGives() {
        for (long seed = 1; seed <= 60; seed++) {
            SeededSchedule schedule = new SeededSchedule(seed);
            VmType type = seed % 2 == 0 ? VmType.DEFAULT : VmType.SW_PROTECTED;
            try (SoftHost host = new SoftHost(WATCHED, type, schedule);
                    RandomOperations operations = new RandomOperations(host)) {
                operations.vmm(new Random(seed));
                schedule.run(tasks(host, operations, seed, 4, true));
                Invariants.check(host.vm, "seed " + seed);
            } catch (RuntimeException | Error failed) {
                throw new AssertionError("seed " + seed, failed);
            }
        }
    }

    @Test
    void aSeedGivesOneOrder() {
        List<List<String>> traces = new ArrayList<>();
        for (int round = 0; round < 2; round++) {
            List<String> events = new ArrayList<>();
            SeededSchedule schedule = new SeededSchedule(7);
            try (SoftHost host = new SoftHost(WATCHED, schedule, event -> events.add(event.json()));
                    RandomOperations operations = new RandomOperations(host)) {
                schedule.run(tasks(host, operations, 7, 5, true));
            }
            traces.add(events);
        }
        assertThat(traces.get(0)).isNotEmpty().isEqualTo(traces.get(1));
    }
}
