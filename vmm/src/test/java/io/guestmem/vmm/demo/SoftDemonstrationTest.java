package io.guestmem.vmm.demo;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.guestmem.abi.VmType;
import io.guestmem.soft.KernelVersion;
import io.guestmem.soft.SoftKernel;
import io.guestmem.soft.SoftKernelOptions;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** The demonstration on a software kernel, where every fault is foreseen. */
class SoftDemonstrationTest extends DemonstrationContract {
    private static final long PAGES = 512;

    /** Of the boot slot: three page tables, the task state segment and the program. */
    private static final long BOOT_PAGES = 5;

    private final SoftKernel kernel = new SoftKernel(SoftKernelOptions.defaults());

    @AfterEach
    void close() {
        kernel.close();
    }

    @Override
    SoftKernel kernel() {
        return kernel;
    }

    @Override
    Set<PopulationWay> lacking() {
        return Set.of(PopulationWay.GMEM_POPULATE);
    }

    @Override
    void assertNothingIsLeftInTheKernel() {
        assertThat(kernel.inspect().processes()).singleElement().satisfies(process -> {
            assertThat(process.memory()).isEmpty();
            assertThat(process.machines()).isEmpty();
        });
        assertThat(Thread.getAllStackTraces().keySet())
                .extracting(Thread::getName)
                .doesNotContain("fault-server", "run-limit");
    }

    /** What is counted while the guest runs. */
    private record Faults(long guest, long host, long uffd) {
        static Faults of(DemoRun.Completed run) {
            return new Faults(run.guestFaults().orElseThrow(), run.hostFaults(), run.uffdFaults());
        }
    }

    @Test
    void eachWayTakesTheFaultsAwayThatItPromises() {
        List<DemoRun> runs = assertAllRun(file((int) (2 * MIB)), 2 * MIB);

        for (DemoRun.Completed run :
                runs.stream().flatMap(run -> run.completed().stream()).toList()) {
            assertThat(Faults.of(run))
                    .as(run.way().id())
                    .isEqualTo(
                            switch (run.way()) {
                                case NONE -> new Faults(PAGES + BOOT_PAGES, PAGES, 0);
                                case PRE_FAULT, MAP_MEMORY -> new Faults(0, 0, 0);
                                case POPULATE, UFFD, GUEST_MEMFD, GMEM_POPULATE -> new Faults(PAGES + BOOT_PAGES, 0, 0);
                                case POPULATE_WRITE, POPULATOR, WORKING_SET ->
                                    throw new AssertionError(run.way() + " is not for reading");
                                case UFFD_DEMAND -> new Faults(PAGES + BOOT_PAGES, 0, PAGES);
                            });
        }
    }

    @Test
    void privateMemoryIsInNoPageTableOfTheHost() {
        DemoRun run = assertAllRun(file(8192), 16384).getLast();
        assumeTrue(run instanceof DemoRun.Completed, run::toString);

        assertThat(run.completed().orElseThrow().pictures())
                .extracting(MemoryPicture::present)
                .as("what the kernel has taken content for")
                .containsExactly(0.0, 1.0, 1.0);
    }

    @Test
    void anOlderKernelHasNoGuestMemfdToMap() {
        try (SoftKernel old = new SoftKernel(SoftKernelOptions.defaults()
                .with()
                .kernelVersion(KernelVersion.V6_12)
                .build())) {
            assertThat(new Demonstration(old, VmType.DEFAULT, file(1), 4096)
                            .run(Set.of(PopulationWay.GUEST_MEMFD), SILENT)
                            .runs())
                    .containsExactly(new DemoRun.Skipped(
                            PopulationWay.GUEST_MEMFD,
                            "KVM_CAP_GUEST_MEMFD_FLAGS is 0: no guest_memfd that the host can map and touch"));
        }
    }

    @Test
    void aKernelWithoutPrivateMemorySaysSo() {
        try (SoftKernel plain = new SoftKernel(SoftKernelOptions.defaults()
                .with()
                .vmTypes(Set.of(VmType.DEFAULT))
                .build())) {
            assertThatExceptionOfType(UnavailableVmTypeException.class)
                    .isThrownBy(() -> new Demonstration(plain, VmType.SW_PROTECTED, file(1), MIB).run(ALL, SILENT))
                    .withMessage("KVM_CAP_VM_TYPES: the kernel soft makes no VM of type sw_protected");
        }
    }
}
