package io.guestmem.vmm.demo;

import io.guestmem.abi.Capability;
import io.guestmem.abi.CreateGuestMemfdLayout;
import io.guestmem.abi.GuestPhysical;
import io.guestmem.abi.HostMemory;
import io.guestmem.abi.Kernel;
import io.guestmem.abi.KernelException;
import io.guestmem.abi.VmType;
import io.guestmem.kvm.Kvm;
import io.guestmem.kvm.Memslot;
import io.guestmem.kvm.Registers;
import io.guestmem.kvm.Statistics;
import io.guestmem.linux.FaultScope;
import io.guestmem.linux.LinuxException;
import io.guestmem.linux.MappedMemory;
import io.guestmem.linux.PageMap;
import io.guestmem.linux.ResourceUsage;
import io.guestmem.linux.Userfaultfd;
import io.guestmem.vmm.Checksum;
import io.guestmem.vmm.GuestProgram;
import io.guestmem.vmm.Machine;
import io.guestmem.vmm.RunLoop;
import io.guestmem.vmm.RunOutcome;
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
    private final Path image;
    private final long memory;

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
     * @param kernel a kernel of this host, whose VMs run over memory that this process maps
     * @param image the file
     * @param memory the size of guest memory in bytes, a positive multiple of 4096, at most {@link Machine#MOST_MEMORY}
     */
    public Demonstration(Kernel kernel, Path image, long memory) {
        this.kernel = kernel;
        this.image = image;
        this.memory = memory;
    }

    /**
     * Runs the guest once for each way, in the order of {@link PopulationWay}.
     *
     * @param ways at least one
     * @throws io.guestmem.abi.KernelUnavailableException if the kernel has no KVM or it may not be used
     * @throws UnusableImageException if the file cannot be guest memory, or became shorter meanwhile
     * @throws LinuxException if a system call fails
     * @throws KernelException if KVM refuses
     * @throws PopulationException if population stops half-way
     */
    public List<DemoRun> run(Set<PopulationWay> ways, Progress progress) {
        int steps = ways.size() + 1;
        List<DemoRun> runs = new ArrayList<>();
        try (Kvm kvm = Kvm.open(kernel);
                GuestImage file = GuestImage.open(image, memory)) {
            progress.step(0, steps, "checksum of the file");
            Checksum expected = file.checksum();
            warmUp(kvm);
            for (PopulationWay way : EnumSet.copyOf(ways)) {
                progress.step(runs.size() + 1, steps, way.id());
                Optional<String> lacking = lacking(kvm, way);
                runs.add(
                        lacking.isPresent()
                                ? new DemoRun.Skipped(way, lacking.get())
                                : new OneRun(kvm, file, expected, way).run());
            }
        }
        return runs;
    }

    /** One small run that is not measured, so that the first one measured does not pay for loading code. */
    private static void warmUp(Kvm kvm) {
        long size = 16 * GuestPhysical.PAGE_SIZE;
        try (HostMemory some = kvm.kernel().allocate(size);
                Machine machine = Machine.create(kvm, VmType.DEFAULT, size)) {
            machine.vm().set(Memslot.of(Machine.MEMORY_SLOT, machine.memory().start(), some));
            machine.load(GuestProgram.checksum(machine.memory()));
            finish(new RunLoop(machine.vcpu()).run(RUN_LIMIT));
        }
    }

    /** Why this kernel cannot do it. */
    private static Optional<String> lacking(Kvm kvm, PopulationWay way) {
        return switch (way) {
            case NONE, POPULATE -> Optional.empty();
            case PRE_FAULT ->
                kvm.capability(Capability.PRE_FAULT_MEMORY) != 0
                        ? Optional.empty()
                        : Optional.of("KVM_CAP_PRE_FAULT_MEMORY is 0: shadow paging, or a kernel before 6.11");
            case UFFD, UFFD_DEMAND -> lackingUserfaultfd();
            case GUEST_MEMFD -> {
                long needed = CreateGuestMemfdLayout.MMAP | CreateGuestMemfdLayout.INIT_SHARED;
                int flags = kvm.capability(Capability.GUEST_MEMFD_FLAGS);
                yield (flags & needed) == needed
                        ? Optional.empty()
                        : Optional.of("KVM_CAP_GUEST_MEMFD_FLAGS is " + flags + ": no guest_memfd that can be mapped");
            }
        };
    }

    private static Optional<String> lackingUserfaultfd() {
        try (Userfaultfd _ = Userfaultfd.open(FaultScope.USER_AND_KERNEL)) {
            return Optional.empty();
        } catch (LinuxException refused) {
            return Optional.of(refused.getMessage());
        }
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
    private record OneRun(Kvm kvm, GuestImage file, Checksum expected, PopulationWay way) {
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
            try (Machine machine = Machine.create(kvm, VmType.DEFAULT, file.memory());
                    DemoMemory guestMemory = memory(machine);
                    Statistics statistics = machine.vcpu().statistics()) {
                machine.vm().set(guestMemory.slot());
                machine.load(GuestProgram.checksum(machine.memory()));
                return measure(machine, guestMemory, statistics);
            }
        }

        private DemoMemory memory(Machine machine) {
            return switch (way) {
                case NONE, POPULATE, PRE_FAULT -> FileMemory.map(way, file);
                case UFFD -> UserfaultfdMemory.create(file, true);
                case UFFD_DEMAND -> UserfaultfdMemory.create(file, false);
                case GUEST_MEMFD -> GuestMemfdMemory.create(machine.vm(), file);
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
            long hostBefore = hostFaults();
            start = System.nanoTime();
            RunOutcome outcome = loop.run(RUN_LIMIT);
            double guestSeconds = (System.nanoTime() - start) / NANOS;
            long hostFaults = hostFaults() - hostBefore;
            Checksum checksum = GuestProgram.checksumOf(finish(outcome));

            OptionalLong taken = statistics.value("pf_taken");
            pictures.add(picture("after the guest", guestMemory));
            return new DemoRun.Completed(
                    way,
                    file.memory() / GuestPhysical.PAGE_SIZE,
                    taken.isPresent() ? OptionalLong.of(taken.getAsLong() - takenBefore.orElse(0)) : taken,
                    hostFaults,
                    guestMemory.servedFaults() - servedBefore,
                    populateSeconds,
                    guestSeconds,
                    checksum.toString(),
                    checksum.equals(expected),
                    pictures);
        }

        private static MemoryPicture picture(String moment, DemoMemory memory) {
            int pages = (int) (memory.mapping().length() / MappedMemory.PAGE_SIZE);
            return MemoryPicture.of(moment, PageMap.present(memory.mapping()), pages);
        }

        private static long hostFaults() {
            ResourceUsage usage = ResourceUsage.ofProcess();
            return usage.minorFaults() + usage.majorFaults();
        }
    }
}
