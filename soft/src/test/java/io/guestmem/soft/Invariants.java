package io.guestmem.soft;

import static org.assertj.core.api.Assertions.assertThat;

import io.guestmem.soft.host.HostFault;
import io.guestmem.soft.mmu.DirtyBitmap;
import io.guestmem.soft.mmu.Memslot;
import io.guestmem.soft.mmu.PrivateMemory;
import io.guestmem.soft.mmu.Root;
import io.guestmem.soft.mmu.Spte;
import io.guestmem.soft.mmu.TableInvariants;
import io.guestmem.soft.mmu.TdpMmu.EntrySnapshot;
import io.guestmem.soft.vm.Vcpu;
import io.guestmem.soft.vm.VirtualMachine;
import java.util.Objects;

/** The invariants of kernel.md 6.13, to be asked when nothing is under way. */
final class Invariants {
    private final VirtualMachine vm;
    private final boolean pml;
    private final String context;

    private Invariants(VirtualMachine vm, String context) {
        this.vm = vm;
        this.context = context;
        this.pml = vm.options().pageModificationLogging();
    }

    static void check(VirtualMachine vm, String context) {
        Invariants invariants = new Invariants(vm, context);
        for (Root root : vm.mmu().roots()) {
            for (EntrySnapshot entry : vm.mmu().entries(root)) {
                invariants.entry(root, entry);
            }
            invariants.references(root);
        }
        TableInvariants.check(vm.mmu(), context);
        for (int level = 1; level <= 3; level++) {
            assertThat(vm.pages(level))
                    .as("4. pages of level %d, %s", level, context)
                    .isEqualTo(vm.countLeaves(level));
        }
        for (int space = 0; space < vm.slots().addressSpaces(); space++) {
            assertThat(vm.slots().active(space).generation() % vm.slots().addressSpaces())
                    .as("10. generation, %s", context)
                    .isEqualTo(space);
        }
        assertThat(vm.mmu().invalidations().inProgress()).as(context).isZero();
    }

    private void references(Root root) {
        long holders =
                vm.vcpus().stream().map(Vcpu::root).filter(each -> each == root).count();
        assertThat((long) root.references())
                .as("9. references, %s", context)
                .isEqualTo(holders + (root.isInvalid() ? 0 : 1));
    }

    private void entry(Root root, EntrySnapshot entry) {
        assertThat(Spte.isFrozen(entry.spte())).as("7. frozen, %s", context).isFalse();
        if (!entry.isLeaf()) {
            return;
        }
        Memslot slot = vm.slots().active(root.role().addressSpace()).find(entry.gfn());
        assertThat(slot)
                .as("3. a leaf without memslot at %x, %s", entry.gfn(), context)
                .isNotNull();
        leaf(entry, Objects.requireNonNull(slot));
    }

    private void leaf(EntrySnapshot entry, Memslot slot) {
        String where = Spte.describe(entry.spte(), entry.level()) + " at gfn 0x" + Long.toHexString(entry.gfn()) + ", "
                + context;
        boolean writable = Spte.isWritable(entry.spte());
        boolean mmuWritable = (entry.spte() & Spte.MMU_WRITABLE) != 0;
        boolean hostWritable = (entry.spte() & Spte.HOST_WRITABLE) != 0;
        assertThat(!writable || mmuWritable)
                .as("W without mmu-writable: %s", where)
                .isTrue();
        assertThat(!mmuWritable || hostWritable)
                .as("mmu- without host-writable: %s", where)
                .isTrue();
        assertThat(writable && slot.isReadOnly())
                .as("5. writable in a read-only slot: %s", where)
                .isFalse();
        boolean isPrivate = vm.privateRanges().length > 0 && isPrivate(entry.gfn());
        PrivateMemory memory = slot.privateMemory();
        long page = memory != null && (isPrivate || slot.isGuestMemfdOnly())
                ? memory.page(slot.privateIndex() + entry.gfn() - slot.baseGfn())
                : vm.memory().faultIn(slot.hva(entry.gfn()), false);
        assertThat(HostFault.isPage(page)).as("1. nothing behind %s", where).isTrue();
        assertThat(Spte.pfn(entry.spte()))
                .as("1. another page behind %s", where)
                .isEqualTo(HostFault.pfn(page));
        assertThat(writable && !HostFault.isWritable(page))
                .as("5. not writable for the host: %s", where)
                .isFalse();
        if (entry.level() > 1) {
            assertThat(slot.largePages().isDisallowed(entry.gfn(), entry.level()))
                    .as("8. large: %s", where)
                    .isFalse();
            assertThat(HostFault.level(page)).as("8. host level: %s", where).isGreaterThanOrEqualTo(entry.level());
            assertThat(writable && slot.isLogging() && !pml)
                    .as("6. large and writable: %s", where)
                    .isFalse();
        }
        DirtyBitmap dirty = slot.dirty();
        boolean tracked = entry.level() == 1 && slot.isLogging() && dirty != null;
        boolean mayBeWritten = pml ? (entry.spte() & Spte.DIRTY) != 0 && writable : writable;
        if (tracked && mayBeWritten) {
            assertThat(Objects.requireNonNull(dirty).isDirty(entry.gfn() - slot.baseGfn()))
                    .as("6. writable and not dirty: %s", where)
                    .isTrue();
        }
    }

    private boolean isPrivate(long gfn) {
        long[] ranges = vm.privateRanges();
        for (int i = 0; i < ranges.length; i += 2) {
            if (gfn >= ranges[i] && gfn < ranges[i + 1]) {
                return true;
            }
        }
        return false;
    }
}
