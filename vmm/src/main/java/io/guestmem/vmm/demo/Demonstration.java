package io.guestmem.vmm.demo;

import io.guestmem.abi.GuestPhysical;
import io.guestmem.abi.HostMemory;
import io.guestmem.abi.Kernel;
import io.guestmem.abi.KernelException;
import io.guestmem.abi.VmType;
import io.guestmem.kvm.Kvm;
import io.guestmem.kvm.Memslot;
import io.guestmem.kvm.Registers;
import io.guestmem.kvm.Statistics;
import io.guestmem.linux.LinuxException;
import io.guestmem.vmm.Checksum;
import io.guestmem.vmm.GuestProgram;
import io.guestmem.vmm.Machine;
import io.guestmem.vmm.RunLoop;
import io.guestmem.vmm.RunOutcome;
import io.guestmem.vmm.trace.FirstTouchTrace;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;

/**
 * The main job end to end: a file becomes guest memory, a guest reads and checksums all of it, once cold and once for each way
 * to populate that the kernel has. Not thread-safe.
 */
public final class Demonstration {
    private static final Duration RUN_LIMIT = Duration.ofMinutes(5);
    private static final double NANOS = 1e9;

    private final Kernel kernel;
    private final VmType type;
    private final DemoHost host;
    private final DemoWork work;

    /** Hears what happens, for a progress display. */
    public interface Progress {
        /**
         * A step begins.
         *
         * @param step from 0
         * @param steps how many there are
         * @param what it is
         */
        void step(int step, int steps, String what);
    }

    /**
     * Prepares it.
     *
     * @param kernel the real kernel of this host, or a software kernel
     * @param type of the VMs
     * @param image the file
     * @param memory the size of guest memory in bytes, a positive multiple of 4096, at most {@link Machine#MOST_MEMORY}
     */
    public Demonstration(Kernel kernel, VmType type, Path image, long memory) {
        this(kernel, type, new ReadAll(image, memory));
    }

    private Demonstration(Kernel kernel, VmType type, DemoWork work) {
        this.kernel = kernel;
        this.type = type;
        this.host = DemoHost.of(kernel);
        this.work = work;
    }

    /**
     * Prepares one whose guest touches memory as a booting kernel did.
     *
     * @param kernel the real kernel of this host, or a software kernel
     * @param type of the VMs
     * @param trace gives the size of guest memory, too
     * @param hugePages whether the host's memory may have pages of 2 MiB where it is anonymous
     */
    public static Demonstration ofBoot(Kernel kernel, VmType type, FirstTouchTrace trace, boolean hugePages) {
        return new Demonstration(kernel, type, new BootReplay(trace, hugePages));
    }

    /**
     * Runs the guest once for each way, in the order of {@link PopulationWay}.
     *
     * @param ways at least one; {@link PopulationWay#WORKING_SET} only for a boot
     * @throws io.guestmem.abi.KernelUnavailableException if the kernel has no KVM or it may not be used
     * @throws UnavailableVmTypeException if the kernel makes no VMs of the type
     * @throws UnusableImageException if the file cannot be guest memory, or became shorter meanwhile
     * @throws LinuxException if a system call fails
     * @throws KernelException if KVM refuses
     * @throws PopulationException if population stops half-way
     */
    public DemoResult run(Set<PopulationWay> ways, Progress progress) {
        if (ways.contains(PopulationWay.WORKING_SET) && !(work instanceof BootReplay)) {
            throw new IllegalArgumentException("only a trace has a working set");
        }
        int steps = ways.size() + 1;
        List<DemoRun> runs = new ArrayList<>();
        try (Kvm kvm = Kvm.open(kernel);
                GuestImage file = work.open()) {
            if (!kvm.vmTypes().contains(type)) {
                throw new UnavailableVmTypeException(kernel.name(), type);
            }
            progress.step(0, steps, work.firstStep());
            Checksum expected = work.expected(file);
            warmUp(kvm, type);
            for (PopulationWay way : EnumSet.copyOf(ways)) {
                progress.step(runs.size() + 1, steps, way.id());
                Optional<String> lacking = new Lacking(host, kvm, type).reason(way);
                runs.add(
                        lacking.isPresent()
                                ? new DemoRun.Skipped(way, lacking.get())
                                : new OneRun(host, kvm, type, work, file, expected, way).run());
            }
        }
        return new DemoResult(kernel.name(), host.isSimulated(), type, work.subject(), work.memoryBytes(), runs);
    }

    /** One small run that is not measured, so that the first one measured does not pay for loading code. */
    private static void warmUp(Kvm kvm, VmType type) {
        long size = 16 * GuestPhysical.PAGE_SIZE;
        try (HostMemory some = kvm.kernel().allocate(size);
                Machine machine = Machine.create(kvm, type, size)) {
            machine.vm().set(Memslot.of(Machine.MEMORY_SLOT, machine.memory().start(), some));
            runToEnd(machine, GuestProgram.checksum(machine.memory()));
        }
    }

    private static Registers runToEnd(Machine machine, GuestProgram program) {
        machine.load(program);
        return finish(new RunLoop(machine.vcpu()).run(RUN_LIMIT));
    }

    private static Registers finish(RunOutcome outcome) {
        return switch (outcome) {
            case RunOutcome.Finished finished -> finished.registers();
            case RunOutcome.TimedOut late ->
                throw new PopulationException(
                        "the guest was not done within " + RUN_LIMIT.toMinutes() + " minutes: " + late.registers());
            case RunOutcome.Stopped stopped -> throw new PopulationException("stopped: " + stopped.registers());
            case RunOutcome.Failed failed ->
                throw new PopulationException("the guest failed: " + failed.exit() + " " + failed.registers());
        };
    }

    /** One way, with a machine and memory of its own. */
    private record OneRun(
            DemoHost host, Kvm kvm, VmType type, DemoWork work, GuestImage file, Checksum expected, PopulationWay way) {
        DemoRun run() {
            try {
                DemoRun.Completed run = runInMachine();
                if (!run.ok()) {
                    file.checkSize();
                }
                return run;
            } catch (KernelException | PopulationException failed) {
                explain(failed);
                throw failed;
            }
        }

        /** A file that has become shorter is the reason for most failures, and says more than any of them. */
        private void explain(RuntimeException failed) {
            try {
                file.checkSize();
            } catch (UnusableImageException shorter) {
                shorter.addSuppressed(failed);
                throw shorter;
            }
        }

        private DemoRun.Completed runInMachine() {
            try (Machine machine = Machine.create(kvm, type, file.memory(), work.list());
                    DemoMemory guestMemory = memory(machine);
                    Statistics statistics = machine.vcpu().statistics()) {
                machine.vm().set(guestMemory.slot());
                work.before(machine).ifPresent(program -> runToEnd(machine, program));
                machine.load(work.program(machine));
                return measure(machine, guestMemory, statistics);
            }
        }

        private DemoMemory memory(Machine machine) {
            return switch (way) {
                case NONE, POPULATE, POPULATE_WRITE, PRE_FAULT, POPULATOR, WORKING_SET, MAP_MEMORY ->
                    new MappedGuestMemory(way, host, work.map(host, kvm.kernel(), file), work.workingSet());
                case UFFD -> host.guard(file, true);
                case UFFD_DEMAND -> host.guard(file, false);
                case GUEST_MEMFD -> GuestMemfdMemory.create(host, machine.vm(), file);
                case GMEM_POPULATE -> PrivateMemory.create(machine.vm(), file);
            };
        }

        private DemoRun.Completed measure(Machine machine, DemoMemory guestMemory, Statistics statistics) {
            List<MemoryPicture> pictures = new ArrayList<>();
            pictures.add(picture("before", guestMemory));
            long start = System.nanoTime();
            guestMemory.populate(machine);
            double populateSeconds = (System.nanoTime() - start) / NANOS;
            pictures.add(picture("populated", guestMemory));

            long servedBefore = guestMemory.servedFaults();
            OptionalLong takenBefore = statistics.value("pf_taken");
            RunLoop loop = new RunLoop(machine.vcpu());
            long hostBefore = host.pageFaults();
            start = System.nanoTime();
            RunOutcome outcome = loop.run(RUN_LIMIT);
            double guestSeconds = (System.nanoTime() - start) / NANOS;
            long hostFaults = host.pageFaults() - hostBefore;
            Registers end = finish(outcome);

            OptionalLong taken = statistics.value("pf_taken");
            pictures.add(picture("after the guest", guestMemory));
            long served = guestMemory.servedFaults() - servedBefore;
            Checksum checksum = GuestProgram.checksumOf(work.after(machine)
                    .map(program -> runToEnd(machine, program))
                    .orElse(end));
            return new DemoRun.Completed(
                    way,
                    work.pages(),
                    taken.isPresent() ? OptionalLong.of(taken.getAsLong() - takenBefore.orElse(0)) : taken,
                    hostFaults,
                    served,
                    populateSeconds,
                    guestSeconds,
                    checksum.toString(),
                    checksum.equals(expected),
                    pictures);
        }

        private MemoryPicture picture(String moment, DemoMemory memory) {
            return MemoryPicture.of(moment, memory.presentPages(), (int) (file.memory() / GuestPhysical.PAGE_SIZE));
        }
    }
}
