package io.guestmem.conform;

import io.guestmem.abi.KvmFile;
import io.guestmem.abi.VmType;
import io.guestmem.soft.Schedule.Point;
import io.guestmem.soft.SoftKernel;
import io.guestmem.soft.SoftKernelOptions;
import io.guestmem.soft.SoftKernelOptions.ProposalRules;
import io.guestmem.soft.SoftKernelOptions.SharedRequest;
import io.guestmem.soft.VmInspector;
import io.guestmem.soft.VmSnapshot;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;

/** A look inside the software kernel. Pauses and changed frames are those of all its VMs. */
final class SoftInspection implements ModelInspection {
    private static final long UPDATE_IN_PROGRESS = Long.MIN_VALUE;

    private final SoftKernel kernel;
    private final SoftPauses pauses;
    private final AtomicLong changedFrames;

    /**
     * A look inside a kernel.
     *
     * @param pauses its schedule
     * @param changedFrames counted by its trace
     */
    SoftInspection(SoftKernel kernel, SoftPauses pauses, AtomicLong changedFrames) {
        this.kernel = kernel;
        this.pauses = pauses;
        this.changedFrames = changedFrames;
    }

    @Override
    public boolean isThirdProposal() {
        return kernel.options().sharedRequest() == SharedRequest.MAP_MEMORY_V3;
    }

    @Override
    public boolean areProposalsAsDocumented() {
        return kernel.options().proposalRules() == ProposalRules.AS_DOCUMENTED;
    }

    @Override
    public ConformanceKernel onProcessorWith(VmType type) {
        return ConformanceKernel.soft(kernel.options()
                .with()
                .vmTypes(SoftKernelOptions.vmTypesWith(type))
                .build());
    }

    @Override
    public String launchDigest(KvmFile vm) {
        return kernel.inspect(vm).launch().orElseThrow().digest();
    }

    @Override
    public long generation(KvmFile vm, int addressSpace) {
        return kernel.inspect(vm).generation(addressSpace) & ~UPDATE_IN_PROGRESS;
    }

    @Override
    public boolean isMixed(KvmFile vm, int slot, int level, long gfn) {
        return kernel.inspect(vm).isMixed(0, slot, level, gfn);
    }

    @Override
    public Leaf leaf(KvmFile vm, int vcpu, long gpa) {
        return kernel.inspect(vm)
                .leaf(vcpu, gpa)
                .map(SoftInspection::leaf)
                .orElse(new Leaf(0, false, false, false, false, Frame.NONE));
    }

    private static Leaf leaf(VmSnapshot.Entry entry) {
        return new Leaf(
                entry.level(),
                entry.isWritable(),
                entry.isExecutable(),
                entry.isAccessed(),
                entry.isDirty(),
                entry.isZeroPage() ? Frame.ZERO : Frame.OWN);
    }

    @Override
    public long leaves(KvmFile vm, int level) {
        return kernel.inspect(vm).countLeaves(level);
    }

    @Override
    public long tables(KvmFile vm) {
        return kernel.inspect(vm).tables();
    }

    @Override
    public List<Root> roots(KvmFile vm) {
        return kernel.inspect(vm).roots().stream()
                .map(root -> new Root(!root.invalid(), root.holders()))
                .toList();
    }

    @Override
    public long changedFrames(KvmFile vm) {
        return changedFrames.get();
    }

    @Override
    public Pause pauseNext(KvmFile vm, Place place) {
        return pauses.next(
                switch (place) {
                    case SLOT_INVALID -> Point.SLOTS_SETTLED;
                    case PAGE_LOOKED_UP -> Point.PAGE_LOOKED_UP;
                    case BEFORE_EXCHANGE -> Point.BEFORE_EXCHANGE;
                });
    }

    @Override
    public Hold openInvalidation(KvmFile vm, long hva, long length) {
        return once(kernel.inspect(vm).openInvalidation(hva, length));
    }

    @Override
    public Hold freeze(KvmFile vm, int vcpu, long gpa) {
        return once(kernel.inspect(vm).freeze(vcpu, gpa));
    }

    /** Holds of the software kernel end once. */
    private static Hold once(VmInspector.Hold hold) {
        AtomicBoolean ended = new AtomicBoolean();
        return () -> {
            if (ended.compareAndSet(false, true)) {
                hold.close();
            }
        };
    }

    @Override
    public void beforeNextUpdateOfGuestTables(KvmFile vm, Runnable change) {
        pauses.beforeNextGuestEntry(change);
    }
}
