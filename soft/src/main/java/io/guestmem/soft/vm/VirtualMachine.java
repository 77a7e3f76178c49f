package io.guestmem.soft.vm;

import io.guestmem.abi.VmType;
import io.guestmem.soft.KernelVersion;
import io.guestmem.soft.Schedule;
import io.guestmem.soft.SoftKernelOptions;
import io.guestmem.soft.Trace;
import io.guestmem.soft.TraceSwitch;
import io.guestmem.soft.confidential.ConfidentialGuest;
import io.guestmem.soft.host.AddressSpace;
import io.guestmem.soft.host.FrameTable;
import io.guestmem.soft.host.MmuNotifier;
import io.guestmem.soft.mmu.KernelMemory;
import io.guestmem.soft.mmu.Memslot;
import io.guestmem.soft.mmu.Memslots;
import io.guestmem.soft.mmu.Spte;
import io.guestmem.soft.mmu.TdpMmu;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/**
 * What a VM consists of: {@code struct kvm}. Thread-safe; what is changed under a lock says so.
 *
 * <p>It hears of changes of its process's memory and zaps what they touch. Source: Linux 7.2
 * {@code kvm_main.c:kvm_mmu_notifier_invalidate_range_start}, {@code kvm_handle_hva_range}.
 */
public final class VirtualMachine implements MmuNotifier {
    /** {@code KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2}: enabled, and with all pages dirty at first. */
    static final long MANUAL_PROTECT = 1;

    static final long INITIALLY_SET = 2;

    /** The quirk because of which deleting a memslot zaps everything. */
    static final long QUIRK_SLOT_ZAP_ALL = 1 << 7;

    private final SoftKernelOptions options;
    private final VmType type;
    private final AddressSpace memory;
    private final FrameTable frames;
    private final Schedule schedule;
    private final int pid;
    private final VirtualCpu.Factory cpus;
    private final KernelMemory kernelMemory;
    private final Memslots slots;
    private final MemoryAttributes attributes = new MemoryAttributes();
    private final TdpMmu mmu;
    private final VmFile file;
    private final @Nullable ConfidentialGuest confidential;

    /** {@code kvm->lock}: creation of vCPUs, capabilities. */
    private final ReentrantLock lock = new ReentrantLock();

    /** {@code kvm->slots_lock}: memslots, attributes, dirty logs. */
    private final ReentrantLock slotsLock = new ReentrantLock();

    private final List<Vcpu> vcpus = new CopyOnWriteArrayList<>();

    /** Counts remote flushes: a vCPU that has seen another number must forget what it translated. */
    private final AtomicLong tlbGeneration = new AtomicLong();

    private volatile boolean dead;
    private volatile long disabledQuirks;
    private volatile long manualProtect;
    private volatile long ringBytes;
    private volatile long hypercallExits;

    /** A VM of a process. */
    VirtualMachine(VmFile file, Host host, VmType type, AddressSpace memory, int pid) {
        this.file = file;
        this.options = host.options();
        this.type = type;
        this.memory = memory;
        this.frames = host.frames();
        this.schedule = host.schedule();
        this.pid = pid;
        this.cpus = host.cpus();
        this.kernelMemory = host.kernelMemory();
        this.slots = new Memslots(Math.min(options.addressSpaces(), type.addressSpaces()), schedule);
        this.mmu = new TdpMmu(options, schedule, host.trace(), host.kernelMemory(), this::flushRemoteTlbs);
        this.confidential = ConfidentialGuest.of(new ConfidentialMachine(this));
        memory.register(this);
    }

    /**
     * What all VMs of a simulated host share.
     *
     * @param options what it is like
     * @param frames its memory
     * @param schedule where its threads may be interleaved
     * @param trace who hears what happens
     * @param kernelMemory what is no frame
     * @param cpus makes the vCPUs
     */
    public record Host(
            SoftKernelOptions options,
            FrameTable frames,
            Schedule schedule,
            TraceSwitch trace,
            KernelMemory kernelMemory,
            VirtualCpu.Factory cpus) {}

    /** What the host is like. */
    public SoftKernelOptions options() {
        return options;
    }

    /** The type. */
    public VmType type() {
        return type;
    }

    /** The memslots. */
    public Memslots slots() {
        return slots;
    }

    /** The MMU. */
    public TdpMmu mmu() {
        return mmu;
    }

    /** The vCPUs, in the order of their creation. */
    public List<Vcpu> vcpus() {
        return vcpus;
    }

    /** The memory of the process that made it. */
    public AddressSpace memory() {
        return memory;
    }

    /** The number of that process. */
    int pid() {
        return pid;
    }

    /** What makes it confidential; null if it is not and cannot become it. */
    public @Nullable ConfidentialGuest confidential() {
        return confidential;
    }

    MemoryAttributes attributes() {
        return attributes;
    }

    FrameTable frames() {
        return frames;
    }

    Schedule schedule() {
        return schedule;
    }

    KernelMemory kernelMemory() {
        return kernelMemory;
    }

    VirtualCpu.Factory cpus() {
        return cpus;
    }

    VmFile file() {
        return file;
    }

    /** Whether the page tables of a gfn's flavour come from the private attribute. */
    boolean isPrivate(long gfn) {
        return type.privateMemory() && attributes.isPrivate(gfn);
    }

    /** Whether {@code KVM_PRE_FAULT_MEMORY} is answered already. */
    boolean mayPreFault() {
        return confidential == null || confidential.mayPreFault();
    }

    /** Whether an address has TDX's shared bit. */
    boolean isAlias(long gpa) {
        return confidential != null && confidential.isAlias(gpa);
    }

    /** The native address at which a vCPU finds the page of a gfn. */
    long guestAddress(long gfn, long pfn) {
        return confidential == null ? frames.address(pfn) : confidential.guestAddress(gfn, pfn);
    }

    /** {@code kvm_arch_gmem_prepare}: 0 or a negated errno. */
    int prepare(long gfn, long pfn) {
        return confidential == null ? 0 : confidential.prepare(gfn, pfn);
    }

    /** {@code kvm_arch_gmem_invalidate}: the frame of a guest_memfd goes back to the host. */
    void freed(long pfn) {
        if (confidential != null) {
            confidential.freed(pfn);
        }
    }

    /** Stage-2 entries of pages are gone, and flushed. */
    void unmapped(long from, long to, boolean privateToo) {
        if (confidential != null) {
            confidential.unmapped(from, to, privateToo);
        }
    }

    /** Private ranges of gfns: begin and end, begin and end. */
    public long[] privateRanges() {
        return attributes.ranges();
    }

    /** Whether memslots may have a guest_memfd: in Linux 6.12 only those of VMs with private memory. */
    boolean allowsGuestMemfd() {
        return type.privateMemory() || options.kernelVersion().atLeast(KernelVersion.V6_18);
    }

    /** The last gfn that the host can map. */
    long maxGfn() {
        return (1L << (options.maxPhysicalAddressBits() - 12)) - 1;
    }

    /** Every request from now on is {@code EIO}: {@code kvm_vm_dead}. */
    public void kill() {
        dead = true;
    }

    boolean isDead() {
        return dead;
    }

    boolean hasQuirk(long quirk) {
        return (disabledQuirks & quirk) == 0;
    }

    void disableQuirks(long quirks) {
        withLock(() -> disabledQuirks |= quirks);
    }

    long manualProtect() {
        return manualProtect;
    }

    void manualProtect(long options) {
        manualProtect = options;
    }

    long ringBytes() {
        return ringBytes;
    }

    void ringBytes(long bytes) {
        ringBytes = bytes;
    }

    long hypercallExits() {
        return hypercallExits;
    }

    void hypercallExits(long mask) {
        hypercallExits = mask;
    }

    long withLock(LongSupplier action) {
        return with(lock, action);
    }

    long withSlotsLock(LongSupplier action) {
        return with(slotsLock, action);
    }

    private long with(ReentrantLock which, LongSupplier action) {
        schedule.lock(which);
        try {
            return action.getAsLong();
        } finally {
            which.unlock();
        }
    }

    // Invalidations.

    @Override
    public void invalidateStart(long start, long end) {
        slots.notifierStarts();
        List<GfnRange> gfns = gfnsOf(start, end);
        beginInvalidation(gfns, ZapFilter.SHARED);
        gfns.forEach(range -> unmapped(range.from(), range.to(), false));
        schedule.point(Schedule.Point.INVALIDATING);
    }

    @Override
    public void invalidateEnd(long start, long end) {
        endInvalidation(gfnsOf(start, end));
        slots.notifierEnds();
    }

    /** The gfns whose memslots lie over a range of hvas. No set of memslots is published while a notifier is active. */
    private List<GfnRange> gfnsOf(long start, long end) {
        List<GfnRange> gfns = new ArrayList<>();
        for (int space = 0; space < slots.addressSpaces(); space++) {
            for (Memslot slot : slots.active(space).all()) {
                long from = Math.max(start, slot.hva());
                long to = Math.min(end, slot.hva() + (slot.pages() << 12));
                if (from < to) {
                    long first = slot.baseGfn() + ((from - slot.hva()) >>> 12);
                    gfns.add(new GfnRange(space, first, first + ((to - from + 4095) >>> 12)));
                }
            }
        }
        return gfns;
    }

    /** Zaps ranges, and makes faults in them wait; nothing happens if there are none. */
    void beginInvalidation(List<GfnRange> ranges, ZapFilter filter) {
        if (ranges.isEmpty()) {
            return;
        }
        mmu.lock().lockWrite();
        try {
            mmu.invalidations().begin();
            boolean zapped = false;
            for (GfnRange range : ranges) {
                mmu.trace(Trace.Kind.INVALIDATE, range.from(), range.to() - range.from(), "");
                mmu.invalidations().add(range.from(), range.to());
                zapped |= filter.zap(this, range.addressSpace(), range.from(), range.to());
            }
            if (zapped) {
                mmu.flush();
            }
        } finally {
            mmu.lock().unlockWrite();
        }
    }

    /** The end of {@link #beginInvalidation} with the same ranges. */
    void endInvalidation(List<GfnRange> ranges) {
        if (ranges.isEmpty()) {
            return;
        }
        mmu.lock().lockWrite();
        try {
            mmu.invalidations().finish();
        } finally {
            mmu.lock().unlockWrite();
        }
    }

    /**
     * Whether guests accessed pages since the last time; with {@code clear} they count as not accessed from now on:
     * {@code kvm_mmu_notifier_clear_young}, {@code kvm_mmu_notifier_test_young}.
     */
    public boolean age(long start, long end, boolean clear) {
        boolean young = false;
        for (GfnRange range : gfnsOf(start, end)) {
            young |= mmu.age(range.addressSpace(), range.from(), range.to(), clear);
        }
        return young;
    }

    // TLBs.

    long tlbGeneration() {
        return tlbGeneration.get();
    }

    private void flushRemoteTlbs() {
        long generation = tlbGeneration.incrementAndGet();
        for (Vcpu vcpu : vcpus) {
            vcpu.memory().awaitFlush(generation, schedule);
        }
    }

    /** The level at which the host backs the page of a gfn now. */
    int hostLevel(Memslot slot, long gfn) {
        return slot.isGuestMemfdOnly() || isPrivate(gfn) ? 1 : memory.mappingLevel(slot.hva(gfn));
    }

    /** Present leaves of a level over all roots, as the statistics say. */
    public long pages(int level) {
        return mmu.statistics().pages(level);
    }

    /** The leaves of a level over all roots, counted one by one. */
    public long countLeaves(int level) {
        return mmu.roots().stream()
                .flatMap(root -> mmu.entries(root).stream())
                .filter(entry -> entry.level() == level && Spte.isLeaf(entry.spte(), level))
                .count();
    }

    /** The last file of the VM is gone. */
    void destroy() {
        memory.unregister(this);
        vcpus.forEach(Vcpu::destroy);
        mmu.close();
    }
}
