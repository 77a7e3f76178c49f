package io.guestmem.soft;

import io.guestmem.soft.confidential.ConfidentialGuest;
import io.guestmem.soft.mmu.EntryHold;
import io.guestmem.soft.mmu.Memslot;
import io.guestmem.soft.mmu.Root;
import io.guestmem.soft.mmu.Spte;
import io.guestmem.soft.mmu.TdpMmu.EntrySnapshot;
import io.guestmem.soft.vm.Vcpu;
import io.guestmem.soft.vm.VirtualMachine;
import io.guestmem.soft.vm.VmInspection;
import java.util.List;
import java.util.Optional;

/**
 * A look into a VM, and hands to hold it in a state that otherwise lasts a moment. Not valid after the VM is gone.
 * Thread-safe.
 */
public final class VmInspector {
    private final VirtualMachine vm;

    VmInspector(VirtualMachine vm) {
        this.vm = vm;
    }

    /** A state that is held; closing ends it. */
    @FunctionalInterface
    public interface Hold extends AutoCloseable {
        @Override
        void close();
    }

    /** Everything, as it is now. */
    public VmSnapshot snapshot() {
        return VmInspection.snapshot(vm);
    }

    /** The launch of a confidential guest: measurement and pages; empty for other VMs. */
    public Optional<LaunchSnapshot> launch() {
        return Optional.ofNullable(vm.confidential()).map(ConfidentialGuest::snapshot);
    }

    /** What the owner of a SEV or SEV-ES guest knows; empty for other VMs. */
    public Optional<SevSession> sevSession() {
        return Optional.ofNullable(vm.confidential()).flatMap(ConfidentialGuest::session);
    }

    /**
     * What a page's frame holds, as who reads the memory chips sees it: 4096 bytes. Empty if it has no frame.
     *
     * @param gpa page-aligned, in the first address space
     */
    public Optional<byte[]> atRest(long gpa) {
        return VmInspection.atRest(vm, gpa);
    }

    /** The generation of the memslots of an address space, with bit 63 while an update is in progress. */
    public long generation(int addressSpace) {
        return vm.slots().active(addressSpace).generation();
    }

    /**
     * Whether a block of a memslot has private and shared pages.
     *
     * @param level 2 or 3
     * @throws IllegalArgumentException if there is no memslot, or the page is not in it
     */
    public boolean isMixed(int addressSpace, int slot, int level, long gfn) {
        Memslot found = vm.slots().active(addressSpace).get(slot);
        if (found == null || !found.contains(gfn)) {
            throw new IllegalArgumentException("no memslot " + addressSpace + ":" + slot + " with gfn " + gfn);
        }
        return found.largePages().isMixed(gfn, level);
    }

    /** The entry that maps a page for a vCPU, if there is one. */
    public Optional<VmSnapshot.Entry> leaf(int vcpu, long gpa) {
        Root root = vcpu(vcpu).root();
        if (root == null) {
            return Optional.empty();
        }
        long gfn = gpa >>> 12;
        return vm.mmu().entries(root).stream()
                .filter(EntrySnapshot::isLeaf)
                .filter(entry -> entry.gfn() == (gfn & -Spte.pages(entry.level())))
                .map(VmInspection::entry)
                .findFirst();
    }

    /** The entries that map memory, of a level, over all roots: counted one by one, not by the statistics. */
    public long countLeaves(int level) {
        return vm.countLeaves(level);
    }

    /** Pages of stage-2 tables, roots included. */
    public long tables() {
        return vm.mmu().tables();
    }

    /** The roots, the oldest first. */
    public List<VmSnapshot.RootTable> roots() {
        return snapshot().roots();
    }

    /** Every request is {@code EIO} from now on. */
    public void kill() {
        vm.kill();
    }

    /** Tables that only the mitigation for executable huge pages made go: at most so many, the oldest first. */
    public int recoverNxHugePages(int limit) {
        return vm.mmu().recoverNxHugePages(limit);
    }

    /**
     * Whether the guest accessed memory of the process since the last time.
     *
     * @param hva of the first byte
     * @param clear whether it counts as not accessed from now on
     */
    public boolean wasAccessed(long hva, long length, boolean clear) {
        return vm.age(hva, hva + length, clear);
    }

    /** Begins an invalidation of memory of the process, and leaves it open. */
    public Hold openInvalidation(long hva, long length) {
        vm.invalidateStart(hva, hva + length);
        return () -> vm.invalidateEnd(hva, hva + length);
    }

    /**
     * Freezes the entry at which the walk for an address ends, as somebody does who takes its table apart.
     *
     * @throws IllegalArgumentException if the vCPU has no root yet
     */
    public Hold freeze(int vcpu, long gpa) {
        Root root = vcpu(vcpu).root();
        if (root == null) {
            throw new IllegalArgumentException("vCPU " + vcpu + " has no root yet");
        }
        EntryHold hold = vm.mmu().freeze(root, gpa >>> 12);
        return hold::release;
    }

    private Vcpu vcpu(int id) {
        return vm.vcpus().stream()
                .filter(each -> each.id() == id)
                .findFirst()
                .orElseThrow(() -> new IllegalArgumentException("no vCPU " + id));
    }
}
