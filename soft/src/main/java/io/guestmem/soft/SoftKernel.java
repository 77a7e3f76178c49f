package io.guestmem.soft;

import io.guestmem.abi.HostMemory;
import io.guestmem.abi.HostMemoryKind;
import io.guestmem.abi.Kernel;
import io.guestmem.abi.KvmFile;
import io.guestmem.abi.UserMemory;
import io.guestmem.soft.cpu.CpuOptions;
import io.guestmem.soft.cpu.CpuOptions.Translate2Rules;
import io.guestmem.soft.cpu.Processor;
import io.guestmem.soft.host.AddressSpace;
import io.guestmem.soft.host.FrameTable;
import io.guestmem.soft.host.ThpPolicy;
import io.guestmem.soft.mmu.KernelMemory;
import io.guestmem.soft.vm.OpenFile;
import io.guestmem.soft.vm.VcpuFile;
import io.guestmem.soft.vm.VirtualCpu;
import io.guestmem.soft.vm.VirtualMachine;
import io.guestmem.soft.vm.VmFile;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/**
 * The software kernel: a simulated host with KVM, and on it a first process, which is the one that uses this object. Everything
 * happens in the calling threads; nothing needs {@code /dev/kvm}. Thread-safe.
 *
 * <p>What it is not: fast as a processor, or a measure of one. Figures from it are figures of a simulation.
 */
public final class SoftKernel implements Kernel, AutoCloseable {
    private static final int FIRST_PID = 1000;

    private final VirtualMachine.Host host;
    private final List<SoftProcess> processes = new CopyOnWriteArrayList<>();
    private final AtomicInteger nextPid = new AtomicInteger(FIRST_PID);
    private final ThreadLocal<SoftThread> thread = ThreadLocal.withInitial(SoftThread::new);
    private final SoftProcess first;

    /** A host whose threads run freely and whose memory code is not traced. */
    public SoftKernel(SoftKernelOptions options) {
        this(options, Schedule.FREE, null);
    }

    /**
     * A host.
     *
     * @param schedule where its threads may be interleaved
     * @param trace hears what its memory code does; null for nobody
     */
    public SoftKernel(SoftKernelOptions options, Schedule schedule, @Nullable Trace trace) {
        this(options, Processor.factory(cpuOptions(options)), schedule, trace);
    }

    /** A host with other vCPUs. */
    SoftKernel(SoftKernelOptions options, VirtualCpu.Factory cpus, Schedule schedule, @Nullable Trace trace) {
        this.host = new VirtualMachine.Host(
                options, new FrameTable(schedule), schedule, new TraceSwitch(trace), new KernelMemory(), cpus);
        this.first = createProcess();
    }

    private static CpuOptions cpuOptions(SoftKernelOptions options) {
        CpuOptions defaults = CpuOptions.defaults();
        Translate2Rules rules = switch (options.proposalRules()) {
            case AS_CODED -> Translate2Rules.RFC_EXACT;
            case AS_DOCUMENTED -> Translate2Rules.DOCUMENTED;
        };
        return new CpuOptions(defaults.vendor(), options.maxHugeLevel() == 3, rules, defaults.translate2Order());
    }

    VirtualMachine.Host host() {
        return host;
    }

    SoftThread thread() {
        return thread.get();
    }

    /** What the simulated host is like. */
    public SoftKernelOptions options() {
        return host.options();
    }

    /** The process that uses this object. */
    public SoftProcess process() {
        return first;
    }

    /** Another process, with memory of its own and without descriptors. */
    public SoftProcess createProcess() {
        ThpPolicy thp = options().transparentHugePages() ? ThpPolicy.ALWAYS : ThpPolicy.MADVISE;
        return add(new AddressSpace(host.frames(), thp, options().kernelVersion()), new FileTable());
    }

    SoftProcess add(AddressSpace memory, FileTable files) {
        SoftProcess process = new SoftProcess(this, nextPid.getAndIncrement(), memory, files);
        processes.add(process);
        return process;
    }

    void remove(SoftProcess process) {
        processes.remove(process);
    }

    @Override
    public String name() {
        return "soft";
    }

    @Override
    public KvmFile open() {
        return first.open();
    }

    @Override
    public KvmFile adopt(int descriptor, String name) {
        return first.adopt(descriptor, name);
    }

    @Override
    public HostMemory allocate(HostMemoryKind kind, long length) {
        return first.allocate(kind, length);
    }

    @Override
    public UserMemory expose(MemorySegment memory) {
        return first.expose(memory);
    }

    @Override
    public SoftThread currentThread() {
        return thread.get();
    }

    /**
     * Looks into a VM of the first process.
     *
     * @throws IllegalArgumentException if it is no open VM of this kernel
     */
    public VmInspector inspect(KvmFile vm) {
        OpenFile file = first.files().get(vm.descriptor());
        try {
            if (file instanceof VmFile machine) {
                return new VmInspector(machine.vm());
            }
            throw new IllegalArgumentException("not a VM: " + vm.name());
        } finally {
            if (file != null) {
                file.put();
            }
        }
    }

    /**
     * Lets a vCPU of the first process run a guest written in Java instead of the instructions in its memory.
     *
     * @param guest null for instructions again
     * @throws IllegalArgumentException if it is no open vCPU of this kernel
     */
    public void runs(KvmFile vcpu, @Nullable JavaGuest guest) {
        OpenFile file = first.files().get(vcpu.descriptor());
        try {
            if (!(file instanceof VcpuFile machine)) {
                throw new IllegalArgumentException("not a vCPU: " + vcpu.name());
            }
            machine.vcpu().setGuest(guest);
        } finally {
            if (file != null) {
                file.put();
            }
        }
    }

    /** From now on somebody else hears what the memory code does; null for nobody. At any time, from any thread. */
    public void trace(@Nullable Trace listener) {
        host.trace().set(listener);
    }

    /** What is in the host now: every process, VM, memslot and stage-2 entry. */
    public KernelSnapshot inspect() {
        return new KernelSnapshot(processes.stream().map(ProcessSnapshot::of).toList());
    }

    /** What the host's memory is used for now. */
    public MemoryUse memoryUse() {
        FrameTable frames = host.frames();
        return new MemoryUse(
                frames.inUse(),
                frames.poisoned(),
                frames.nativeBytes(),
                host.kernelMemory().bytes());
    }

    /** Ends all processes and frees all memory. */
    @Override
    public void close() {
        processes.forEach(SoftProcess::close);
        host.frames().close();
    }
}
