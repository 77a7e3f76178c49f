package io.guestmem.vmm.demo;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import io.guestmem.abi.Kernel;
import io.guestmem.abi.VmType;
import io.guestmem.kvm.Kvm;
import io.guestmem.soft.SoftKernel;
import io.guestmem.soft.SoftKernelOptions;
import io.guestmem.soft.VmSnapshot;
import io.guestmem.vmm.HostKernel;
import io.guestmem.vmm.Machine;
import io.guestmem.vmm.RunLoop;
import io.guestmem.vmm.RunOutcome;
import io.guestmem.vmm.trace.FirstTouchTrace;
import io.guestmem.vmm.trace.FirstTouchTrace.Run;
import io.guestmem.vmm.trace.FirstTouchTrace.Sample;
import java.nio.file.Path;
import java.time.Duration;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A small boot, replayed: what the guest touches is the trace and nothing else, in its order. */
class BootReplayTest {
    private static final Set<PopulationWay> ALL = EnumSet.allOf(PopulationWay.class);
    private static final Demonstration.Progress SILENT = (_, _, _) -> {};

    /** In 4 MiB: 10 pages are loaded, 23 touched. */
    private static final FirstTouchTrace TRACE = new FirstTouchTrace(
            "6.12",
            4 << 20,
            List.of(new Run(0, 2), new Run(0x100, 8)),
            List.of(
                    new Sample(5, List.of(new Run(0x3F0, 16))),
                    new Sample(9, List.of(new Run(2, 1), new Run(0x201, 1))),
                    new Sample(9, List.of(new Run(0x80, 5)))));

    private static final long PAGES = 33;
    private static final long LOADED = 10;
    private static final long TOUCHED = PAGES - LOADED;

    private final SoftKernel soft = new SoftKernel(SoftKernelOptions.defaults());

    @AfterEach
    void close() {
        soft.close();
    }

    private static List<DemoRun.Completed> completed(Kernel kernel, VmType type, Set<PopulationWay> ways) {
        DemoResult result = Demonstration.ofBoot(kernel, type, TRACE, false).run(ways, SILENT);
        assertThat(result.subject()).isEqualTo(new DemoSubject.Boot(TRACE, false));
        assertThat(result.memory()).isEqualTo(4 << 20);
        assertThat(result.ok()).as(result.toString()).isTrue();
        return result.runs().stream().flatMap(run -> run.completed().stream()).toList();
    }

    /** What is counted while the guest runs. */
    private record Faults(long guest, long host, long uffd) {}

    /**
     * Anonymous memory that was only read is the page of zeroes: KVM maps it for reading, and the guest's write faults, lets the
     * host copy it, which takes KVM's entry away, and faults again.
     */
    @Test
    void eachWayTakesTheFaultsAwayThatItPromises() {
        List<DemoRun.Completed> runs = completed(soft, VmType.DEFAULT, ALL);

        assertThat(runs)
                .extracting(DemoRun.Completed::way)
                .containsExactlyElementsOf(EnumSet.complementOf(EnumSet.of(PopulationWay.GMEM_POPULATE)));
        for (DemoRun.Completed run : runs) {
            assertThat(run.pages()).isEqualTo(PAGES);
            assertThat(new Faults(run.guestFaults().orElseThrow(), run.hostFaults(), run.uffdFaults()))
                    .as(run.way().id())
                    .isEqualTo(
                            switch (run.way()) {
                                case NONE -> new Faults(PAGES, TOUCHED, 0);
                                case POPULATE -> new Faults(PAGES + TOUCHED, TOUCHED, 0);
                                case PRE_FAULT, MAP_MEMORY -> new Faults(2 * TOUCHED, TOUCHED, 0);
                                case POPULATOR, WORKING_SET -> new Faults(0, 0, 0);
                                case POPULATE_WRITE, UFFD, GUEST_MEMFD, GMEM_POPULATE -> new Faults(PAGES, 0, 0);
                                case UFFD_DEMAND -> new Faults(PAGES, 0, PAGES);
                            });
        }
    }

    @Test
    void privateMemoryIsTouchedInTheSameOrder() {
        List<DemoRun.Completed> runs =
                completed(soft, VmType.SW_PROTECTED, EnumSet.of(PopulationWay.NONE, PopulationWay.GMEM_POPULATE));

        assertThat(runs).hasSize(2);
        assertThat(runs.getLast().guestFaults()).hasValue(PAGES);
    }

    @Test
    void aRealKernelRunsItToo() {
        List<DemoRun.Completed> runs = completed(HostKernel.get(), VmType.DEFAULT, ALL);

        assertThat(runs).isNotEmpty();
        for (DemoRun.Completed run : runs) {
            double present = run.pictures().getLast().present() * (4 << 20) / 4096;
            if (run.way() == PopulationWay.NONE || run.way() == PopulationWay.WORKING_SET) {
                assertThat(present).as("pages of the host after " + run.way()).isEqualTo(PAGES);
            }
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"NONE", "WORKING_SET"})
    void stageTwoHasTheTracesPagesAndNoOther(PopulationWay way) {
        BootReplay work = new BootReplay(TRACE, false);
        DemoHost host = DemoHost.of(soft);
        try (Kvm kvm = Kvm.open(soft);
                GuestImage image = work.open();
                Machine machine = Machine.create(kvm, VmType.DEFAULT, work.memoryBytes(), work.list());
                DemoMemory memory = new MappedGuestMemory(way, host, work.map(host, soft, image), work.workingSet())) {
            machine.vm().set(memory.slot());
            memory.populate(machine);
            Set<Long> populated = gfns(machine);
            machine.load(work.program(machine));
            assertThat(new RunLoop(machine.vcpu()).run(Duration.ofMinutes(1))).isInstanceOf(RunOutcome.Finished.class);

            Set<Long> trace = new TreeSet<>();
            for (long address : TRACE.addresses()) {
                trace.add(address / 4096);
            }
            assertThat(populated).isEqualTo(way == PopulationWay.NONE ? Set.of() : trace);
            assertThat(gfns(machine)).isEqualTo(trace);
        }
    }

    /** The gfns of guest memory that stage 2 maps. */
    private Set<Long> gfns(Machine machine) {
        Set<Long> gfns = new TreeSet<>();
        for (VmSnapshot.RootTable root : soft.inspect().machines().getFirst().roots()) {
            for (VmSnapshot.Entry leaf : root.leaves()) {
                assertThat(leaf.level()).as("pages of 4 KiB").isEqualTo(1);
                if (leaf.gfn() < machine.memory().size() / 4096) {
                    gfns.add(leaf.gfn());
                }
            }
        }
        return gfns;
    }

    @Test
    void onlyATraceHasAWorkingSet() {
        Demonstration reading = new Demonstration(soft, VmType.DEFAULT, Path.of("file"), 4096);

        assertThatIllegalArgumentException().isThrownBy(() -> reading.run(Set.of(PopulationWay.WORKING_SET), SILENT));
    }
}
