package io.guestmem.soft.vm;

import io.guestmem.soft.Schedule;
import io.guestmem.soft.mmu.FaultResult;
import io.guestmem.soft.mmu.GuestAccess;
import io.guestmem.soft.mmu.GuestWalk;
import io.guestmem.soft.mmu.Memslot;
import io.guestmem.soft.mmu.MemslotSet;
import io.guestmem.soft.mmu.Root;
import io.guestmem.soft.mmu.Spte;
import java.util.Arrays;
import java.util.function.BooleanSupplier;

/**
 * A running vCPU's view of guest memory: its TLB, then the processor's walk of the stage-2 tables, then the fault handler.
 *
 * <p><b>Flushes.</b> Whoever zaps an entry counts {@link VirtualMachine#tlbGeneration} up and waits until each vCPU that is in
 * the guest has seen the new number. A vCPU looks at the number before each access, forgets its translations when it has
 * changed, and only then says that it has seen it: by that time it no longer uses an address that it got before. While a vCPU
 * handles a fault it is not in the guest, so nobody waits for it.
 *
 * <p>Used by the vCPU's thread, but for {@link #awaitFlush}.
 */
final class VcpuMemory implements GuestAccess {
    private static final int ENTRIES = 1024;
    private static final int NO_GFN = -1;

    private final VirtualMachine vm;
    private final Vcpu vcpu;
    private final VcpuFaults faults;
    private final GuestTables kernelAccess;
    private final GuestWalk walk = new GuestWalk();

    /** The gfn in each entry that may be read, written, fetched from. */
    private final long[] readable = new long[ENTRIES];

    private final long[] writable = new long[ENTRIES];
    private final long[] executable = new long[ENTRIES];

    /** The native address of the page in each entry. */
    private final long[] pages = new long[ENTRIES];

    /** The number of the last flush that the translations are newer than. */
    private long generation;

    /** What others may know of {@link #generation}: translations from before are not used any more. */
    private volatile long seenGeneration;

    private volatile boolean inGuest;

    VcpuMemory(VirtualMachine vm, Vcpu vcpu, VcpuFaults faults, GuestTables kernelAccess) {
        this.vm = vm;
        this.vcpu = vcpu;
        this.faults = faults;
        this.kernelAccess = kernelAccess;
        flush();
    }

    /** The vCPU enters the guest. */
    void startRunning() {
        inGuest = true;
        synchronise();
    }

    /** The vCPU leaves the guest: no translation is used until it enters again. */
    void stopRunning() {
        inGuest = false;
    }

    /** Waits until no translation from before a flush is used. From any thread. */
    void awaitFlush(long flush, Schedule schedule) {
        if (inGuest && seenGeneration < flush) {
            schedule.await(() -> !inGuest || seenGeneration >= flush);
        }
    }

    /** Forgets all translations. */
    void flush() {
        Arrays.fill(readable, NO_GFN);
        Arrays.fill(writable, NO_GFN);
        Arrays.fill(executable, NO_GFN);
    }

    private void synchronise() {
        long now = vm.tlbGeneration();
        if (now != generation) {
            flush();
            generation = now;
            vcpu.count(VcpuCounter.TLB_FLUSH);
        }
        seenGeneration = now;
    }

    @Override
    public long read(long gpa) {
        long gfn = gpa >>> 12;
        int index = (int) gfn & (ENTRIES - 1);
        if (vm.tlbGeneration() == generation && readable[index] == gfn) {
            return pages[index] | (gpa & 4095);
        }
        return miss(gpa, false, false);
    }

    @Override
    public long write(long gpa) {
        long gfn = gpa >>> 12;
        int index = (int) gfn & (ENTRIES - 1);
        if (vm.tlbGeneration() == generation && writable[index] == gfn) {
            return pages[index] | (gpa & 4095);
        }
        return miss(gpa, true, false);
    }

    @Override
    public long fetch(long gpa) {
        long gfn = gpa >>> 12;
        int index = (int) gfn & (ENTRIES - 1);
        if (vm.tlbGeneration() == generation && executable[index] == gfn) {
            return pages[index] | (gpa & 4095);
        }
        return miss(gpa, false, true);
    }

    @Override
    public boolean emulatedRead(long gpa, int size, long[] value) {
        return outsideGuest(() -> kernelAccess.read(gpa, size, value));
    }

    @Override
    public boolean emulatedWrite(long gpa, int size, long value) {
        return outsideGuest(() -> kernelAccess.write(gpa, size, value));
    }

    /** What KVM does between an exit and the next entry. */
    private boolean outsideGuest(BooleanSupplier action) {
        stopRunning();
        boolean done = action.getAsBoolean();
        inGuest = true;
        synchronise();
        return done;
    }

    @Override
    public long flushes() {
        return vm.tlbGeneration();
    }

    private long miss(long gpa, boolean write, boolean exec) {
        long gfn = gpa >>> 12;
        Root root = vcpu.reloadRoot();
        while (true) {
            synchronise();
            long page = translate(root, gfn, write, exec);
            if (page != 0) {
                return page | (gpa & 4095);
            }
            stopRunning();
            vcpu.count(VcpuCounter.EXITS);
            long result = fault(root, gfn, write, exec);
            root = vcpu.reloadRoot();
            inGuest = true;
            synchronise();
            if (result != FaultResult.CONTINUE) {
                return result;
            }
        }
    }

    /** The processor's walk: the native address of the page, or 0 if it faults. */
    private long translate(Root root, long gfn, boolean write, boolean exec) {
        vm.mmu().readers().enter(vcpu.tableReader());
        long spte = vm.mmu().walk(root, gfn, write, exec, walk);
        vm.mmu().readers().exit(vcpu.tableReader());
        if (!Spte.isLeaf(spte, walk.level) || !Spte.allows(spte, write, exec)) {
            return 0;
        }
        if (walk.becameDirty) {
            logWrite(gfn);
        }
        long page = vm.guestAddress(gfn, Spte.pfn(spte) + (gfn & (Spte.pages(walk.level) - 1)));
        int index = (int) gfn & (ENTRIES - 1);
        pages[index] = page;
        readable[index] = Spte.allows(spte, false, false) ? gfn : NO_GFN;
        executable[index] = Spte.allows(spte, false, true) ? gfn : NO_GFN;
        // A write that sets D must walk again, so that it is seen.
        boolean dirty = !Spte.hasAccessedDirty(spte) || (spte & Spte.DIRTY) != 0;
        writable[index] = Spte.isWritable(spte) && dirty ? gfn : NO_GFN;
        return page;
    }

    /** The processor has set D: it logs the page itself. */
    private void logWrite(long gfn) {
        if (!vm.options().pageModificationLogging()) {
            return;
        }
        vm.slots().readers().enter(vcpu.slotReader());
        Memslot slot = faults.slot(gfn);
        if (slot != null && slot.isLogging()) {
            vcpu.markDirty(slot, gfn);
        }
        vm.slots().readers().exit(vcpu.slotReader());
    }

    /** A fault of the guest: CONTINUE to try again, or an outcome of {@link GuestAccess}. */
    private long fault(Root root, long gfn, boolean write, boolean exec) {
        if (isMmio()) {
            long generationNow = faults.generation();
            if (faults.isRememberedMmio(gfn)
                    || ((generationNow & MemslotSet.UPDATE_IN_PROGRESS) == 0
                            && Spte.mmioGeneration(walk.spte) == (generationNow & Spte.MMIO_GENERATION_MASK))) {
                faults.rememberMmio(gfn, generationNow);
                return MMIO;
            }
        }
        vcpu.count(VcpuCounter.PF_TAKEN);
        boolean present = Spte.isLeaf(walk.spte, walk.level) && Spte.allows(walk.spte, false, false);
        // A reserved fault is a shared access, whatever the attribute says: mmu.c:kvm_mmu_page_fault.
        boolean isPrivate = !isMmio() && vm.isPrivate(gfn);
        int result = faults.handle(root, gfn, write, exec, present, false, isPrivate, 3);
        switch (result) {
            case FaultResult.FIXED -> vcpu.count(VcpuCounter.PF_FIXED);
            case FaultResult.SPURIOUS -> vcpu.count(VcpuCounter.PF_SPURIOUS);
            case FaultResult.EMULATE -> {
                vcpu.count(VcpuCounter.PF_EMULATE);
                return MMIO;
            }
            default -> {}
        }
        if (result < 0) {
            return result == Failure.EINTR ? INTERRUPTED : result == Failure.EHWPOISON ? EHWPOISON : EFAULT;
        }
        if (vcpu.ringIsFull()) {
            return RING_FULL;
        }
        return vcpu.isInterrupted() ? INTERRUPTED : FaultResult.CONTINUE;
    }

    private boolean isMmio() {
        return Spte.isMmio(walk.spte);
    }
}
