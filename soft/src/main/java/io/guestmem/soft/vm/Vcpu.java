package io.guestmem.soft.vm;

import io.guestmem.abi.ExitReason;
import io.guestmem.abi.KvmIoctl;
import io.guestmem.abi.RunLayout;
import io.guestmem.paging.PhysicalMemory;
import io.guestmem.soft.JavaGuest;
import io.guestmem.soft.SoftKernelOptions;
import io.guestmem.soft.confidential.ConfidentialGuest;
import io.guestmem.soft.confidential.RunPermission;
import io.guestmem.soft.mmu.DirtyBitmap;
import io.guestmem.soft.mmu.DirtyLogger;
import io.guestmem.soft.mmu.KernelMemory;
import io.guestmem.soft.mmu.Memslot;
import io.guestmem.soft.mmu.MmuRole;
import io.guestmem.soft.mmu.ReadSections;
import io.guestmem.soft.mmu.Root;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.EnumMap;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * A vCPU: {@code struct kvm_vcpu}. Everything but its counters and its ring is used under its mutex.
 */
public final class Vcpu implements VcpuContext, DirtyLogger {
    private static final long PAGE = 4096;
    private static final int LARGE_ADDRESS_BITS = 48;

    /** The processor did not like the VMCB. */
    private static final long SVM_EXIT_ERR = -1;

    private final VirtualMachine vm;
    private final int id;
    private final KernelMemory.Area area;
    private final MemorySegment pages;
    private final @Nullable MemorySegment ringPages;
    private final @Nullable DirtyRing ring;
    private final Map<VcpuCounter, AtomicLong> counters = counters();
    private final ReentrantLock mutex = new ReentrantLock();
    private final ReadSections.Reader slotReader;
    private final ReadSections.Reader tableReader;
    private final VcpuFaults faults;
    private final PreFault preFault;
    private final VcpuMemory memory;
    private final GuestTables tables;
    private final VirtualCpu cpu;

    private @Nullable Caller caller;
    private @Nullable Root root;
    private boolean roleChanged;

    Vcpu(VirtualMachine vm, int id) {
        this.vm = vm;
        this.id = id;
        this.area = vm.kernelMemory().open();
        this.pages = area.allocate(SystemFile.VCPU_MAP_SIZE, PAGE);
        long ringBytes = vm.ringBytes();
        this.ringPages = ringBytes == 0 ? null : area.allocate(ringBytes, PAGE);
        this.ring = ringPages == null ? null : new DirtyRing(ringPages.address(), ringBytes);
        this.slotReader = vm.slots().readers().add();
        this.tableReader = vm.mmu().readers().add();
        this.faults = new VcpuFaults(vm, this);
        this.preFault = new PreFault(this);
        this.tables = new GuestTables(vm, this);
        this.memory = new VcpuMemory(vm, this, faults, tables);
        this.cpu = vm.cpus().create(this);
    }

    // The vCPU's mutex.

    /** Takes the mutex for a request of a caller. */
    void enter(Caller by) {
        vm.schedule().lock(mutex);
        caller = by;
    }

    /** The request is over. */
    void leave() {
        caller = null;
        mutex.unlock();
    }

    /** Whether a signal is pending that the calling thread does not block. */
    boolean isInterrupted() {
        Caller now = caller;
        return now != null && now.signals().pending();
    }

    /** {@code KVM_RUN}. */
    long runGuest() {
        ConfidentialGuest guest = vm.confidential();
        return guest == null ? enterGuest() : runGuest(guest);
    }

    private long runGuest(ConfidentialGuest guest) {
        RunPermission permission = guest.mayRun(id);
        if (permission == RunPermission.INVALID) {
            return Failure.EINVAL;
        }
        if (permission == RunPermission.FAILS) {
            run().set(ValueLayout.JAVA_INT, RunLayout.EXIT_REASON, ExitReason.FAIL_ENTRY);
            run().set(ValueLayout.JAVA_LONG, RunLayout.FAIL_ENTRY_REASON, SVM_EXIT_ERR);
            run().set(ValueLayout.JAVA_INT, RunLayout.FAIL_ENTRY_CPU, 0);
            return 0;
        }
        guest.entered();
        // The addresses of pages are those of the plaintext, which was somewhere else the last time.
        memory.flush();
        try {
            return enterGuest();
        } finally {
            guest.left();
        }
    }

    private long enterGuest() {
        reloadRoot();
        memory.startRunning();
        try {
            return cpu.run(memory);
        } finally {
            memory.stopRunning();
        }
    }

    /** Lets Java code run instead of instructions; null for instructions again. Waits until the vCPU does not run. */
    public void setGuest(@Nullable JavaGuest guest) {
        vm.schedule().lock(mutex);
        try {
            cpu.setGuest(guest);
        } finally {
            mutex.unlock();
        }
    }

    /** A request of the kernel itself, when no other is under way. */
    void request(KvmIoctl code, UserArgument argument) {
        vm.schedule().lock(mutex);
        try {
            cpu.request(code.code(), argument);
        } finally {
            mutex.unlock();
        }
    }

    // Roots.

    /** Makes sure that there is a valid root for the current state: {@code kvm_mmu_reload}. */
    Root reloadRoot() {
        Root now = root;
        if (now != null && !now.isInvalid() && !roleChanged) {
            return now;
        }
        MmuRole role = role();
        roleChanged = false;
        if (now != null) {
            if (!now.isInvalid() && now.role().equals(role)) {
                return now;
            }
            root = null;
            vm.mmu().releaseRoot(now);
        }
        Root acquired = vm.mmu().acquireRoot(role);
        root = acquired;
        memory.flush();
        return acquired;
    }

    private MmuRole role() {
        SoftKernelOptions options = vm.options();
        boolean five = options.tdpLevels() == 5 && cpu.physicalAddressBits() > LARGE_ADDRESS_BITS;
        boolean smm = cpu.inSystemManagementMode() && vm.slots().addressSpaces() > 1;
        return new MmuRole(five ? 5 : 4, smm, cpu.inGuestMode(), options.accessedDirtyBits());
    }

    /** The address space of the current state. */
    int addressSpace() {
        return cpu.inSystemManagementMode() && vm.slots().addressSpaces() > 1 ? 1 : 0;
    }

    /** Whether faults go to the TDP fault handler: not while a nested guest has stage-2 tables of its own. */
    boolean usesTdp() {
        return !(cpu.inGuestMode() && cpu.nestedPaging());
    }

    // What the parts of a vCPU need of each other.

    VirtualMachine vm() {
        return vm;
    }

    VirtualCpu cpu() {
        return cpu;
    }

    VcpuFaults faults() {
        return faults;
    }

    PreFault preFault() {
        return preFault;
    }

    VcpuMemory memory() {
        return memory;
    }

    /** Who reads memslots for this vCPU. */
    ReadSections.Reader slotReader() {
        return slotReader;
    }

    /** Who walks tables for this vCPU. */
    ReadSections.Reader tableReader() {
        return tableReader;
    }

    @Nullable
    DirtyRing ring() {
        return ring;
    }

    MemorySegment runPages(long offset, long length) {
        return pages.asSlice(offset, length);
    }

    MemorySegment ringPages(long offset, long length) {
        if (ringPages == null) {
            throw new IllegalStateException("there is no ring");
        }
        return ringPages.asSlice(offset, length);
    }

    /** {@code kvm_prepare_memory_fault_exit}. */
    void prepareMemoryFaultExit(long gfn, boolean isPrivate) {
        MemorySegment run = run();
        run.set(ValueLayout.JAVA_INT, RunLayout.EXIT_REASON, ExitReason.MEMORY_FAULT);
        run.set(ValueLayout.JAVA_LONG, RunLayout.MEMORY_FAULT_FLAGS, isPrivate ? RunLayout.MEMORY_FAULT_PRIVATE : 0);
        run.set(ValueLayout.JAVA_LONG, RunLayout.MEMORY_FAULT_GPA, gfn << 12);
        run.set(ValueLayout.JAVA_LONG, RunLayout.MEMORY_FAULT_SIZE, PAGE);
    }

    /** {@code kvm_handle_signal_exit}. */
    void prepareSignalExit() {
        run().set(ValueLayout.JAVA_INT, RunLayout.EXIT_REASON, ExitReason.INTR);
        count(VcpuCounter.SIGNAL_EXITS);
    }

    /** {@code kvm_send_hwpoison_signal}: the thread touched broken memory. */
    void sendBusError() {
        Caller now = caller;
        if (now != null) {
            now.signals().send(ThreadSignals.SIGBUS);
        }
    }

    @Override
    public void markDirty(Memslot slot, long gfn) {
        if (ring != null) {
            ring.push(slot.slot(), gfn - slot.baseGfn());
            return;
        }
        DirtyBitmap bitmap = slot.dirty();
        if (bitmap != null) {
            bitmap.set(gfn - slot.baseGfn());
        }
    }

    /** The value of a counter. Thread-safe. */
    public long counter(VcpuCounter counter) {
        return read(counter).get();
    }

    private AtomicLong read(VcpuCounter counter) {
        return Objects.requireNonNull(counters.get(counter));
    }

    private static Map<VcpuCounter, AtomicLong> counters() {
        Map<VcpuCounter, AtomicLong> zero = new EnumMap<>(VcpuCounter.class);
        for (VcpuCounter counter : VcpuCounter.values()) {
            zero.put(counter, new AtomicLong());
        }
        return zero;
    }

    /** The root that it uses; null before the first fault. For looking inside only. */
    public @Nullable Root root() {
        return root;
    }

    @Override
    public int id() {
        return id;
    }

    @Override
    public SoftKernelOptions options() {
        return vm.options();
    }

    @Override
    public MemorySegment run() {
        return pages.asSlice(0, PAGE);
    }

    @Override
    public MemorySegment portData() {
        return pages.asSlice(PAGE, PAGE);
    }

    @Override
    public PhysicalMemory tables() {
        return tables;
    }

    @Override
    public boolean signalPending(long mask) {
        Caller now = caller;
        return now != null && now.signals().pending(mask);
    }

    @Override
    public boolean ringIsFull() {
        return ring != null && ring.isSoftFull();
    }

    @Override
    public long threadSignalMask() {
        Caller now = caller;
        return now == null ? 0 : now.signals().mask();
    }

    @Override
    public long hypercallExits() {
        return vm.hypercallExits();
    }

    @Override
    public void roleChanged() {
        roleChanged = true;
        memory.flush();
    }

    @Override
    public void count(VcpuCounter counter) {
        // One writer at a time: the holder of the mutex.
        AtomicLong value = read(counter);
        value.lazySet(value.get() + 1);
    }

    /** The VM is gone, or the vCPU never came to be. */
    void destroy() {
        vm.slots().readers().remove(slotReader);
        vm.mmu().readers().remove(tableReader);
        Root last = root;
        if (last != null) {
            root = null;
            vm.mmu().releaseRoot(last);
        }
        area.close();
    }
}
