package io.guestmem.kvm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.guestmem.abi.Capability;
import io.guestmem.abi.ErrorNumber;
import io.guestmem.abi.GuestPhysical;
import io.guestmem.abi.GuestRange;
import io.guestmem.abi.HostMemory;
import io.guestmem.abi.HostVirtual;
import io.guestmem.kvm.GuestMemfd.Flag;
import io.guestmem.kvm.PreFaultResult.Complete;
import io.guestmem.kvm.PreFaultResult.Refused;
import java.util.EnumSet;
import java.util.stream.Stream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/**
 * {@code KVM_PRE_FAULT_MEMORY}. All memslots are below 2 MiB unless huge pages are the matter, so that every mapping is one of
 * 4096 bytes and can be counted.
 */
abstract class PreFaultContract extends KernelContract {
    private static final long START = 0x200000;
    private static final long HUGE = 2 << 20;

    private static GuestRange range(long page, long pages) {
        return GuestRange.of(START + page * PAGE, pages * PAGE);
    }

    private static GuestPhysical gpa(long page) {
        return new GuestPhysical(START + page * PAGE);
    }

    private Memslot put(int id, long page, HostMemory memory) {
        Memslot slot = Memslot.of(id, gpa(page), memory);
        vm.set(slot);
        return slot;
    }

    private void assumeTdp() {
        assumeCapability(Capability.PRE_FAULT_MEMORY, 1);
    }

    /** Pages of 4096 bytes that are mapped. */
    private static long mapped(Statistics statistics) {
        return statistics.value("pages_4k").orElseThrow()
                + statistics.value("pages_2m").orElseThrow() * 512
                + statistics.value("pages_1g").orElseThrow() * 512 * 512;
    }

    @Test
    @DisplayName("PF-02: unaligned and empty ranges, and those that end at 2^64, are EINVAL, with TDP or without")
    void ranges() {
        Vcpu vcpu = vm.createVcpu(0);
        GuestRange unalignedStart = GuestRange.of(START + 1, PAGE);
        PreFaultResult first = vcpu.preFault(unalignedStart);
        assumeTrue(
                vm.capability(Capability.PRE_FAULT_MEMORY) != 0 || !isUnknown(vcpu),
                "this kernel does not know KVM_PRE_FAULT_MEMORY (before 6.11, or built without)");

        assertThat(first).isEqualTo(new Refused(0, unalignedStart.start(), ErrorNumber.EINVAL));
        assertThat(vcpu.preFault(GuestRange.of(START, PAGE + 1))).isEqualTo(new Refused(0, gpa(0), ErrorNumber.EINVAL));
        assertThat(vcpu.preFault(GuestRange.of(START, 0))).isEqualTo(new Refused(0, gpa(0), ErrorNumber.EINVAL));
        assertThat(vcpu.preFault(GuestRange.of(-PAGE, PAGE)))
                .isEqualTo(new Refused(0, new GuestPhysical(-PAGE), ErrorNumber.EINVAL));
    }

    /** A vCPU answers EINVAL to what it does not know, for a good range as well. */
    private static boolean isUnknown(Vcpu vcpu) {
        return vcpu.preFault(range(0, 1)).equals(new Refused(0, gpa(0), ErrorNumber.EINVAL));
    }

    @Test
    @DisplayName("PF-05: without TDP, a good range is EOPNOTSUPP")
    void withoutTdp() {
        assumeTrue(vm.capability(Capability.PRE_FAULT_MEMORY) == 0, "this host has TDP");
        put(0, 0, written(1));
        Vcpu vcpu = vm.createVcpu(0);
        assumeTrue(!isUnknown(vcpu), "this kernel does not know KVM_PRE_FAULT_MEMORY (before 6.11, or built without)");

        assertThat(vcpu.preFault(range(0, 1))).isEqualTo(new Refused(0, gpa(0), ErrorNumber.EOPNOTSUPP));
    }

    @Test
    @DisplayName("PF-07, PF-08, PF-09: up to the end of a slot, and not behind it")
    void upToTheEnd() {
        assumeTdp();
        HostMemory memory = memory(HUGE / PAGE + 1);
        put(0, 0, memory);
        Vcpu vcpu = vm.createVcpu(0);
        GuestPhysical end = new GuestPhysical(START + HUGE + PAGE);

        assertThat(vcpu.preFault(GuestRange.of(START, HUGE))).isEqualTo(new Complete(HUGE));
        assertThat(vcpu.preFault(GuestRange.of(START + HUGE, 2 * PAGE)))
                .isEqualTo(new Refused(PAGE, end, ErrorNumber.ENOENT));
        assertThat(vcpu.preFault(new GuestRange(end, PAGE))).isEqualTo(new Refused(0, end, ErrorNumber.ENOENT));
    }

    @Test
    @DisplayName("PF-10, PF-45: a gap ends it, and what came before is counted")
    void gap() {
        assumeTdp();
        put(0, 0, memory(3));
        put(1, 4, memory(3));
        Vcpu vcpu = vm.createVcpu(0);

        assertThat(vcpu.preFault(range(1, 5))).isEqualTo(new Refused(2 * PAGE, gpa(3), ErrorNumber.ENOENT));
    }

    @Test
    @DisplayName("PF-11: adjacent slots are one range")
    void adjacentSlots() {
        assumeTdp();
        put(0, 0, memory(3));
        put(1, 3, memory(3));

        assertThat(vm.createVcpu(0).preFault(range(0, 6))).isEqualTo(new Complete(6 * PAGE));
    }

    @Test
    @DisplayName("PF-12: a gap is remembered as one")
    void gapIsRemembered() {
        assumeTdp();
        Guest guest = guest();
        Statistics statistics = guest.vcpu().statistics();

        long created = growth(
                statistics,
                "pf_mmio_spte_created",
                () -> assertThat(guest.vcpu().preFault(range(0, 1)))
                        .isEqualTo(new Refused(0, gpa(0), ErrorNumber.ENOENT)));

        assertThat(created).isEqualTo(1);
        assertThat(guest.write(gpa(0).value(), 1)).isEqualTo(new Exit.Mmio(gpa(0).value(), 1, 8, true));
    }

    @Test
    @DisplayName("PF-14: an interruption of the vCPU is none of pre-faulting")
    void immediateExit() {
        assumeTdp();
        put(0, 0, memory(1));
        Vcpu vcpu = vm.createVcpu(0);
        vcpu.interrupt();

        assertThat(vcpu.preFault(range(0, 1))).isEqualTo(new Complete(PAGE));
    }

    @Test
    @DisplayName("PF-15: where no memory is behind a slot, EFAULT")
    void nothingBehindTheSlot() {
        assumeTdp();
        put(0, 0, memory(2));
        vm.set(Memslot.of(1, range(2, 1), new HostVirtual(0)));

        assertThat(vm.createVcpu(0).preFault(range(0, 3))).isEqualTo(new Refused(2 * PAGE, gpa(2), ErrorNumber.EFAULT));
    }

    /** How many faults the guest's writes to some pages take, when everything else is mapped already. */
    private long faultsOfWriting(Guest guest, long pages) {
        assertThat(guest.vcpu().preFault(guest.ownMemory())).isInstanceOf(Complete.class);
        return growth(guest.vcpu().statistics(), "pf_fixed", () -> assertDone(guest.write(START, pages)));
    }

    @Test
    @DisplayName("PF-16: memory that nobody wrote is mapped read-only: the guest's first write to a page is a fault")
    void untouchedMemory() {
        assumeTdp();
        put(0, 0, memory(16));
        Guest guest = guest();
        assertThat(guest.vcpu().preFault(range(0, 16))).isEqualTo(new Complete(16 * PAGE));

        assertThat(faultsOfWriting(guest, 16)).isEqualTo(16);
    }

    @Test
    @DisplayName("PF-17: memory that was written is mapped writable: the guest takes no fault")
    void writtenMemory() {
        assumeTdp();
        put(0, 0, written(16));
        Guest guest = guest();
        assertThat(guest.vcpu().preFault(range(0, 16))).isEqualTo(new Complete(16 * PAGE));

        assertThat(faultsOfWriting(guest, 16)).isZero();
    }

    @Test
    @DisplayName("PF-19: a read-only slot is mapped like any other")
    void readOnlySlot() {
        assumeTdp();
        vm.set(Memslot.of(0, gpa(0), memory(2)).with(Memslot.Flag.READONLY));

        assertThat(vm.createVcpu(0).preFault(range(0, 2))).isEqualTo(new Complete(2 * PAGE));
    }

    @Test
    @DisplayName("what is mapped already is a success and changes nothing")
    void mappedAlready() {
        assumeTdp();
        put(0, 0, written(4));
        Vcpu vcpu = vm.createVcpu(0);
        Statistics machine = vm.statistics();

        assertThat(vcpu.preFault(range(0, 4))).isEqualTo(new Complete(4 * PAGE));
        assertThat(vcpu.preFault(range(0, 4))).isEqualTo(new Complete(4 * PAGE));
        assertThat(mapped(machine)).isEqualTo(4);
    }

    @Test
    @DisplayName("PF-21, PF-24: pages are mapped, one by one, and no fault is counted")
    void statistics() {
        assumeTdp();
        put(0, 0, written(40));
        Vcpu vcpu = vm.createVcpu(0);
        Statistics statistics = vcpu.statistics();
        Statistics machine = vm.statistics();
        long mappedBefore = mapped(machine);
        long[] faults = faults(statistics);

        assertThat(vcpu.preFault(range(0, 40))).isEqualTo(new Complete(40 * PAGE));

        assertThat(mapped(machine) - mappedBefore).isEqualTo(40);
        assertThat(machine.value("pages_2m")).hasValue(0);
        assertThat(faults(statistics)).isEqualTo(faults);
    }

    private static long[] faults(Statistics statistics) {
        return Stream.of("pf_taken", "pf_fixed", "pf_spurious", "pf_emulate")
                .mapToLong(name -> statistics.value(name).orElseThrow())
                .toArray();
    }

    @Test
    @DisplayName("SLOT-28: deleting one slot of a default VM unmaps all of them")
    void deletionUnmapsEverything() {
        assumeTdp();
        Memslot slot = put(0, 0, written(4));
        put(1, 8, written(4));
        Vcpu vcpu = vm.createVcpu(0);
        Statistics machine = vm.statistics();
        assertThat(vcpu.preFault(range(0, 4))).isEqualTo(new Complete(4 * PAGE));
        assertThat(vcpu.preFault(range(8, 4))).isEqualTo(new Complete(4 * PAGE));
        assertThat(mapped(machine)).isEqualTo(8);

        vm.delete(slot);

        assertThat(mapped(machine)).isZero();
    }

    @Test
    @DisplayName("PF-25: in a slot that logs, pages that are mapped writable are dirty, though nobody wrote them")
    void dirtyByPreFaulting() {
        assumeTdp();
        Memslot slot = Memslot.of(0, gpa(0), written(8)).with(Memslot.Flag.LOG_DIRTY_PAGES);
        vm.set(slot);

        assertThat(vm.createVcpu(0).preFault(range(2, 3))).isEqualTo(new Complete(3 * PAGE));

        DirtyBitmap dirty = vm.dirtyLog(slot);
        assertThat(dirty.count()).isEqualTo(3);
        assertThat(dirty.isDirty(2) && dirty.isDirty(3) && dirty.isDirty(4)).isTrue();
    }

    @Test
    @DisplayName("PF-26: in a slot that logs, pages that are mapped read-only are not dirty")
    void cleanAfterPreFaulting() {
        assumeTdp();
        Memslot slot = Memslot.of(0, gpa(0), memory(8)).with(Memslot.Flag.LOG_DIRTY_PAGES);
        vm.set(slot);

        assertThat(vm.createVcpu(0).preFault(range(0, 8))).isEqualTo(new Complete(8 * PAGE));

        assertThat(vm.dirtyLog(slot).count()).isZero();
    }

    @Test
    @DisplayName("PF-31: what one vCPU has mapped is mapped for the other")
    void twoVcpus() {
        assumeTdp();
        put(0, 0, written(8));
        Vcpu first = vm.createVcpu(0);
        Vcpu second = vm.createVcpu(1);
        Statistics machine = vm.statistics();
        assertThat(first.preFault(range(0, 8))).isEqualTo(new Complete(8 * PAGE));

        assertThat(second.preFault(range(0, 8))).isEqualTo(new Complete(8 * PAGE));
        assertThat(mapped(machine)).isEqualTo(8);
    }

    @Test
    @DisplayName("GMEM-17: a hole in a guest_memfd unmaps its pages, and only these")
    void holeUnmaps() {
        assumeTdp();
        assumeCapability(Capability.GUEST_MEMFD_FLAGS, 3);
        GuestMemfd file = vm.createGuestMemfd(8 * PAGE, EnumSet.of(Flag.MMAP, Flag.INIT_SHARED));
        vm.set(Memslot.of(0, range(0, 8), new HostVirtual(0)).backedBy(file, 0));
        Statistics machine = vm.statistics();
        assertThat(vm.createVcpu(0).preFault(range(0, 8))).isEqualTo(new Complete(8 * PAGE));
        assertThat(mapped(machine)).isEqualTo(8);

        file.punchHole(2 * PAGE, 3 * PAGE);

        assertThat(mapped(machine)).isEqualTo(5);
    }

    @Test
    @DisplayName("a guest reads what was pre-faulted without any fault")
    void guestTakesNoFault() {
        assumeTdp();
        put(0, 0, written(32));
        Guest guest = guest();
        assertThat(guest.vcpu().preFault(range(0, 32))).isEqualTo(new Complete(32 * PAGE));
        assertThat(guest.vcpu().preFault(guest.ownMemory())).isInstanceOf(Complete.class);

        assertThat(growth(guest.vcpu().statistics(), "pf_taken", () -> assertDone(guest.read(START, 32))))
                .isZero();
        assertThat(guest.sum()).isEqualTo(32 * 0x0101010101010101L);
    }
}
