package io.guestmem.soft.vm;

import io.guestmem.soft.VmSnapshot;
import io.guestmem.soft.host.HostFault;
import io.guestmem.soft.mmu.DirtyBitmap;
import io.guestmem.soft.mmu.Memslot;
import io.guestmem.soft.mmu.NativeMemory;
import io.guestmem.soft.mmu.Root;
import io.guestmem.soft.mmu.Spte;
import io.guestmem.soft.mmu.TdpMmu;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** Looks into a VM. What changes meanwhile may be seen in part. */
public final class VmInspection {
    private VmInspection() {}

    /** The VM as it is now. */
    public static VmSnapshot snapshot(VirtualMachine vm) {
        List<Long> generations = new ArrayList<>();
        List<VmSnapshot.Slot> slots = new ArrayList<>();
        for (int space = 0; space < vm.slots().addressSpaces(); space++) {
            generations.add(vm.slots().active(space).generation());
            vm.slots().active(space).all().forEach(slot -> slots.add(slot(slot)));
        }
        List<VmSnapshot.Range> ranges = new ArrayList<>();
        long[] bounds = vm.privateRanges();
        for (int i = 0; i < bounds.length; i += 2) {
            ranges.add(new VmSnapshot.Range(bounds[i], bounds[i + 1]));
        }
        return new VmSnapshot(
                vm.type(),
                generations,
                slots,
                ranges,
                vm.mmu().roots().stream().map(root -> root(vm, root)).toList(),
                vm.pages(1),
                vm.pages(2),
                vm.pages(3),
                vm.mmu().tables());
    }

    /** The bytes in the frame of a page; empty if it has none. */
    public static Optional<byte[]> atRest(VirtualMachine vm, long gpa) {
        long gfn = gpa >>> 12;
        Memslot slot = vm.slots().active(0).find(gfn);
        if (slot == null) {
            return Optional.empty();
        }
        long pfn = 0;
        if (!vm.isPrivate(gfn)) {
            long page = vm.memory().faultIn(slot.hva(gfn), false);
            pfn = HostFault.isPage(page) ? HostFault.pfn(page) : 0;
        } else if (slot.privateMemory() instanceof GuestMemfd memfd) {
            pfn = memfd.frame(slot.privateIndex() + gfn - slot.baseGfn());
        }
        return pfn == 0
                ? Optional.empty()
                : Optional.of(
                        NativeMemory.segment(vm.frames().address(pfn), 4096).toArray(ValueLayout.JAVA_BYTE));
    }

    private static VmSnapshot.Slot slot(Memslot slot) {
        return new VmSnapshot.Slot(
                slot.addressSpace(),
                slot.id(),
                slot.baseGfn(),
                slot.pages(),
                slot.hva(),
                slot.isReadOnly(),
                slot.isLogging(),
                slot.isInvalid(),
                slot.privateMemory() != null,
                dirtyPages(slot));
    }

    private static long dirtyPages(Memslot slot) {
        DirtyBitmap bitmap = slot.dirty();
        long count = bitmap == null ? -1 : 0;
        for (long word = 0; bitmap != null && word < bitmap.words(); word++) {
            count += Long.bitCount(bitmap.word(word));
        }
        return count;
    }

    private static VmSnapshot.RootTable root(VirtualMachine vm, Root root) {
        String role = root.role().level() + " levels"
                + (root.role().smm() ? ", SMM" : "")
                + (root.role().guestMode() ? ", guest mode" : "")
                + (root.role().accessedDirty() ? "" : ", no A/D");
        List<VmSnapshot.Entry> entries =
                vm.mmu().entries(root).stream().map(VmInspection::entry).toList();
        int holders = root.references() - (root.isInvalid() ? 0 : 1);
        return new VmSnapshot.RootTable(role, root.isInvalid(), holders, entries);
    }

    /** An entry in words. */
    public static VmSnapshot.Entry entry(TdpMmu.EntrySnapshot entry) {
        long spte = entry.spte();
        return new VmSnapshot.Entry(
                entry.gfn(), entry.level(), spte, entry.isLeaf(), Spte.describe(spte, entry.level()));
    }
}
