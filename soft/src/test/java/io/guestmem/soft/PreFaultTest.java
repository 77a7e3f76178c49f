package io.guestmem.soft;

import static io.guestmem.soft.SoftHost.GMEM;
import static io.guestmem.soft.SoftHost.HUGE;
import static io.guestmem.soft.SoftHost.LOG;
import static io.guestmem.soft.SoftHost.PAGE;
import static io.guestmem.soft.SoftHost.READONLY;
import static org.assertj.core.api.Assertions.assertThat;

import io.guestmem.abi.ErrorNumber;
import io.guestmem.abi.ExitReason;
import io.guestmem.abi.HostAdvice;
import io.guestmem.abi.HostMemory;
import io.guestmem.abi.HostProtection;
import io.guestmem.abi.KvmFile;
import io.guestmem.abi.KvmIoctl;
import io.guestmem.abi.PreFaultMemoryLayout;
import io.guestmem.abi.RunLayout;
import io.guestmem.soft.SoftHost.PreFaulted;
import io.guestmem.soft.host.HostFault;
import io.guestmem.soft.mmu.GuestAccess;
import io.guestmem.soft.mmu.Spte;
import io.guestmem.soft.vm.VcpuCounter;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.junit.jupiter.api.Test;

/** KVM_PRE_FAULT_MEMORY: the checks of kernel.md 7.5. */
class PreFaultTest {
    private static final long ENOENT = -ErrorNumber.ENOENT.number();
    private static final long EINVAL = -ErrorNumber.EINVAL.number();
    private static final long EFAULT = -ErrorNumber.EFAULT.number();
    private static final long EINTR = -ErrorNumber.EINTR.number();
    private static final long EOPNOTSUPP = -ErrorNumber.EOPNOTSUPP.number();
    private static final long EHWPOISON = -ErrorNumber.EHWPOISON.number();
    private static final long GIB = 1L << 30;
    private static final int SIGINT = 2;

    @Test
    void pf01To03ArgumentsThatAreRefusedAndIgnored() {
        try (SoftHost host = new SoftHost();
                HostMemory memory = host.kernel.allocate(PAGE)) {
            SoftHost.touch(memory);
            host.slot(0, 0, 0, PAGE, memory.hva());
            MemorySegment struct = SoftHost.struct(PreFaultMemoryLayout.STRUCT.size());
            struct.set(ValueLayout.JAVA_LONG, PreFaultMemoryLayout.SIZE, PAGE);
            struct.set(ValueLayout.JAVA_LONG, PreFaultMemoryLayout.FLAGS, 1);
            assertThat(host.vcpuFile.ioctl(KvmIoctl.PRE_FAULT_MEMORY.code(), struct))
                    .isEqualTo(EINVAL);
            assertThat(struct.get(ValueLayout.JAVA_LONG, PreFaultMemoryLayout.SIZE))
                    .isEqualTo(PAGE);
            for (long[] range :
                    new long[][] {{1, PAGE}, {0, 1}, {0, 0}, {PAGE, PAGE + 1}, {-PAGE, PAGE}, {-PAGE, 2 * PAGE}}) {
                assertThat(host.preFault(range[0], range[1])).isEqualTo(new PreFaulted(EINVAL, range[0], range[1]));
            }
            struct.set(ValueLayout.JAVA_LONG, PreFaultMemoryLayout.FLAGS, 0);
            struct.asSlice(PreFaultMemoryLayout.PADDING).fill((byte) -1);
            assertThat(host.vcpuFile.ioctl(KvmIoctl.PRE_FAULT_MEMORY.code(), struct))
                    .isZero();
        }
    }

    @Test
    void pf04AStructThatCannotBeWrittenIsEfaultWhateverTheResultWas() {
        try (SoftHost host = new SoftHost()) {
            MemorySegment struct = SoftHost.struct(PreFaultMemoryLayout.STRUCT.size());
            assertThat(host.vcpuFile.ioctl(KvmIoctl.PRE_FAULT_MEMORY.code(), struct))
                    .isEqualTo(EINVAL);
            assertThat(host.vcpuFile.ioctl(KvmIoctl.PRE_FAULT_MEMORY.code(), struct.asReadOnly()))
                    .isEqualTo(EFAULT);
            assertThat(host.vcpuFile.ioctl(KvmIoctl.PRE_FAULT_MEMORY.code(), struct.asSlice(0, 63)))
                    .isEqualTo(EFAULT);
        }
    }

    @Test
    void pf07To09RangesAgainstASlotOf2MiBAndAPage() {
        try (SoftHost host = new SoftHost();
                HostMemory memory = host.kernel.allocate(HUGE + PAGE)) {
            SoftHost.touch(memory);
            assertThat(host.slot(1, 0, GIB, HUGE + PAGE, memory.hva())).isZero();
            assertThat(host.preFault(GIB, HUGE)).isEqualTo(new PreFaulted(0, GIB + HUGE, 0));
            assertThat(host.preFault(GIB + HUGE, 2 * PAGE)).isEqualTo(new PreFaulted(0, GIB + HUGE + PAGE, PAGE));
            assertThat(host.preFault(GIB + HUGE + PAGE, PAGE))
                    .isEqualTo(new PreFaulted(ENOENT, GIB + HUGE + PAGE, PAGE));
            assertThat(host.pages()).containsExactly(513, 0, 0);
            assertThat(host.guestRead(GIB)).isEqualTo(1);
        }
    }

    @Test
    void pf10And11GapsStopItAndNeighboursDoNot() {
        try (SoftHost host = new SoftHost();
                HostMemory memory = host.kernel.allocate(8 * PAGE)) {
            SoftHost.touch(memory);
            host.slot(0, 0, PAGE, 4 * PAGE, memory.hva());
            host.slot(1, 0, 5 * PAGE, 4 * PAGE, memory.hva() + 4 * PAGE);
            assertThat(host.preFault(PAGE, 8 * PAGE)).isEqualTo(new PreFaulted(0, 9 * PAGE, 0));
            assertThat(host.preFault(PAGE, 10 * PAGE)).isEqualTo(new PreFaulted(0, 9 * PAGE, 2 * PAGE));
            assertThat(host.preFault(9 * PAGE, 2 * PAGE)).isEqualTo(new PreFaulted(ENOENT, 9 * PAGE, 2 * PAGE));
        }
    }

    @Test
    void pf12AndMmu14AGapLeavesAnMmioEntryUntilThereIsASlot() {
        try (SoftHost host = new SoftHost();
                HostMemory memory = host.kernel.allocate(PAGE)) {
            SoftHost.touch(memory);
            assertThat(host.preFault(GIB, PAGE).result()).isEqualTo(ENOENT);
            assertThat(host.counter(VcpuCounter.PF_MMIO_SPTE_CREATED)).isEqualTo(1);
            assertThat(host.guestRead(GIB)).isEqualTo(GuestAccess.MMIO);
            assertThat(host.counter(VcpuCounter.PF_TAKEN)).isZero();
            assertThat(host.pages()).containsExactly(0, 0, 0);
            host.slot(0, 0, GIB, PAGE, memory.hva());
            assertThat(host.guestRead(GIB)).isEqualTo(1);
            assertThat(host.counter(VcpuCounter.PF_TAKEN)).isEqualTo(1);
            assertThat(host.pages()).containsExactly(1, 0, 0);
        }
    }

    @Test
    void pf13And14SignalsAndImmediateExit() {
        try (SoftHost host = new SoftHost();
                HostMemory memory = host.kernel.allocate(2 * PAGE)) {
            SoftHost.touch(memory);
            host.slot(0, 0, 0, 2 * PAGE, memory.hva());
            host.run.segment().set(ValueLayout.JAVA_BYTE, RunLayout.IMMEDIATE_EXIT, (byte) 1);
            host.kernel.currentThread().interrupt();
            assertThat(host.preFault(0, PAGE).result())
                    .as("blocked, and not asked for")
                    .isZero();
            host.kernel.currentThread().clearInterrupt();
            host.kernel.currentThread().send(SIGINT);
            assertThat(host.preFault(0, 2 * PAGE)).isEqualTo(new PreFaulted(EINTR, 0, 2 * PAGE));
            assertThat(host.preFault(0, 2 * PAGE)).as("its handler has run").isEqualTo(new PreFaulted(0, 2 * PAGE, 0));
        }
    }

    @Test
    void pf15MemoryThatIsNotThereIsEfaultWithoutAnExit() {
        try (SoftHost host = new SoftHost();
                HostMemory memory = host.kernel.allocate(3 * PAGE)) {
            SoftHost.touch(memory);
            host.slot(0, 0, 0, 3 * PAGE, memory.hva());
            memory.unmap(PAGE, PAGE);
            memory.protect(HostProtection.NONE, 2 * PAGE, PAGE);
            host.setExitReason(ExitReason.HLT);
            assertThat(host.preFault(PAGE, PAGE)).isEqualTo(new PreFaulted(EFAULT, PAGE, PAGE));
            assertThat(host.preFault(2 * PAGE, PAGE)).isEqualTo(new PreFaulted(EFAULT, 2 * PAGE, PAGE));
            assertThat(host.exitReason()).isEqualTo(ExitReason.HLT);
            assertThat(host.preFault(0, 2 * PAGE)).as("PF-45").isEqualTo(new PreFaulted(0, PAGE, PAGE));
        }
    }

    @Test
    void pf16And17WhatTheFirstWriteCosts() {
        try (SoftHost host = new SoftHost();
                HostMemory memory = host.kernel.allocate(2 * PAGE)) {
            SoftHost.touch(memory, PAGE, PAGE);
            host.slot(0, 0, 0, 2 * PAGE, memory.hva());
            assertThat(host.preFault(0, 2 * PAGE).size()).isZero();
            assertThat(host.counter(VcpuCounter.PF_FIXED)).as("PF-21").isZero();
            assertThat(host.guestWrite(PAGE, 1)).isZero();
            assertThat(host.counter(VcpuCounter.PF_FIXED)).as("written before").isZero();
            assertThat(host.guestWrite(0, 1)).isZero();
            assertThat(host.counter(VcpuCounter.PF_FIXED)).as("never touched").isEqualTo(1);
        }
    }

    @Test
    void pf18ForkedMemoryStaysShared() {
        try (SoftHost host = new SoftHost();
                HostMemory memory = host.kernel.allocate(PAGE)) {
            SoftHost.touch(memory);
            host.slot(0, 0, 0, PAGE, memory.hva());
            SoftProcess child = host.kernel.process().fork();
            long shared = host.vm.memory().faultIn(memory.hva(), false);
            assertThat(host.preFault(0, PAGE).result()).isZero();
            assertThat(host.vm.memory().faultIn(memory.hva(), false)).isEqualTo(shared);
            assertThat(child.memory().faultIn(memory.hva(), false)).isEqualTo(shared);
            assertThat(HostFault.isWritable(shared)).isFalse();
            assertThat(host.guestWrite(0, 5)).isZero();
            assertThat(host.counter(VcpuCounter.PF_FIXED)).isEqualTo(1);
            MemorySegment word = SoftHost.struct(8);
            assertThat(child.memory().load(memory.hva(), word)).isEqualTo(8);
            assertThat(word.get(ValueLayout.JAVA_LONG, 0)).isEqualTo(1);
        }
    }

    @Test
    void pf19ReadOnlySlots() {
        try (SoftHost host = new SoftHost();
                HostMemory memory = host.kernel.allocate(PAGE)) {
            SoftHost.touch(memory);
            host.slot(0, READONLY, 0, PAGE, memory.hva());
            assertThat(host.preFault(0, PAGE)).isEqualTo(new PreFaulted(0, PAGE, 0));
            assertThat(host.guestRead(0)).isEqualTo(1);
            assertThat(host.guestWrite(0, 1)).isEqualTo(GuestAccess.MMIO);
        }
    }

    @Test
    void pf22And23StepsAreAsLongAsTheMapping() {
        try (SoftHost host = new SoftHost();
                HostMemory memory = host.kernel.process().allocateHugePages(2, 2 * HUGE)) {
            host.slot(0, 0, 0, 2 * HUGE, memory.hva());
            assertThat(host.preFault(PAGE, PAGE)).isEqualTo(new PreFaulted(0, 2 * PAGE, 0));
            assertThat(host.pages()).containsExactly(0, 1, 0);
            assertThat(host.preFault(HUGE + PAGE, HUGE)).isEqualTo(new PreFaulted(0, 2 * HUGE, PAGE));
            assertThat(host.pages()).containsExactly(0, 2, 0);
        }
    }

    @Test
    void pf24AddressesThatAreNotAlignedToEachOtherAreMappedSmall() {
        try (SoftHost host = new SoftHost();
                HostMemory memory = host.kernel.process().allocateHugePages(2, 2 * HUGE)) {
            host.slot(0, 0, PAGE, 2 * HUGE, memory.hva());
            assertThat(host.preFault(PAGE, 2 * HUGE).size()).isZero();
            assertThat(host.pages()).containsExactly(1024, 0, 0);
        }
    }

    @Test
    void pf25And26PrefaultMakesPagesDirtyThatItMapsWritable() {
        try (SoftHost host = new SoftHost();
                HostMemory memory = host.kernel.allocate(4 * PAGE)) {
            SoftHost.touch(memory, 0, 2 * PAGE);
            host.slot(0, LOG, 0, 4 * PAGE, memory.hva());
            assertThat(host.preFault(0, 4 * PAGE).size()).isZero();
            assertThat(host.vm.slots().active(0).get(0))
                    .satisfies(slot -> assertThat(slot.dirty())
                            .satisfies(dirty -> assertThat(dirty.word(0)).isEqualTo(0b0011)));
        }
    }

    @Test
    void pf27TheFirstAccessIsTheGuests() {
        try (SoftHost host = new SoftHost();
                HostMemory memory = host.kernel.allocate(PAGE)) {
            SoftHost.touch(memory);
            host.slot(0, 0, 0, PAGE, memory.hva());
            host.preFault(0, PAGE);
            assertThat(leaf(host, 0) & Spte.ACCESSED).isZero();
            assertThat(host.vm.age(memory.hva(), memory.hva() + PAGE, false)).isFalse();
            host.guestRead(0);
            assertThat(leaf(host, 0) & Spte.ACCESSED).isNotZero();
            assertThat(host.vm.age(memory.hva(), memory.hva() + PAGE, true)).isTrue();
            assertThat(host.vm.age(memory.hva(), memory.hva() + PAGE, true)).isFalse();
        }
    }

    @Test
    void pf31TwoVcpusShareARoot() {
        try (SoftHost host = new SoftHost();
                HostMemory memory = host.kernel.allocate(8 * PAGE)) {
            SoftHost.touch(memory);
            host.slot(0, 0, 0, 8 * PAGE, memory.hva());
            KvmFile second = host.createVcpu(1);
            assertThat(host.preFault(0, 8 * PAGE).size()).isZero();
            long tables = host.vm.mmu().tables();
            assertThat(SoftHost.preFault(second, 0, 8 * PAGE)).isEqualTo(new PreFaulted(0, 8 * PAGE, 0));
            assertThat(host.pages()).as("MMU-12").containsExactly(8, 0, 0);
            assertThat(host.vm.mmu().tables()).isEqualTo(tables);
            assertThat(host.vm.mmu().roots())
                    .singleElement()
                    .satisfies(root -> assertThat(root.references()).isEqualTo(3));
        }
    }

    @Test
    void pf33NestedPagingIsNotSupported() {
        try (SoftHost host = new SoftHost();
                HostMemory memory = host.kernel.allocate(PAGE)) {
            host.slot(0, 0, 0, PAGE, memory.hva());
            host.cpu.guestMode = true;
            host.cpu.nestedPaging = true;
            host.vcpu.roleChanged();
            assertThat(host.preFault(0, PAGE)).isEqualTo(new PreFaulted(EOPNOTSUPP, 0, PAGE));
            host.cpu.nestedPaging = false;
            assertThat(host.preFault(0, PAGE)).as("without nested paging").isEqualTo(new PreFaulted(0, PAGE, 0));
        }
    }

    @Test
    void pf34SystemManagementModeMapsTheSecondSpace() {
        try (SoftHost host = new SoftHost();
                HostMemory memory = host.kernel.allocate(PAGE)) {
            SoftHost.touch(memory);
            host.slot(1 << 16, 0, 0, PAGE, memory.hva());
            assertThat(host.preFault(0, PAGE).result()).isEqualTo(ENOENT);
            host.cpu.systemManagement = true;
            host.vcpu.roleChanged();
            assertThat(host.preFault(0, PAGE)).isEqualTo(new PreFaulted(0, PAGE, 0));
            assertThat(host.vm.mmu().roots().getLast().role().smm()).isTrue();
        }
    }

    @Test
    void pf36To38PrivateMemory() {
        try (SoftHost host = SoftHost.swProtected();
                HostMemory memory = host.kernel.allocate(8 * PAGE)) {
            SoftHost.touch(memory);
            KvmFile memfd = host.guestMemfd(8 * PAGE, 0);
            host.slot2(0, GMEM, 0, 8 * PAGE, memory.hva(), memfd.descriptor(), 0);
            host.attributes(2 * PAGE, 3 * PAGE, 8);
            assertThat(host.preFault(0, 8 * PAGE)).as("PF-37").isEqualTo(new PreFaulted(0, 8 * PAGE, 0));
            assertThat(host.pages()).containsExactly(8, 0, 0);
            assertThat(host.guestRead(PAGE)).isEqualTo(PAGE | 1);
            assertThat(host.guestRead(2 * PAGE)).as("PF-36, ATTR-12").isZero();
            assertThat(host.guestRead(5 * PAGE)).isEqualTo(5 * PAGE | 1);
            host.slot(1, 0, GIB, PAGE, memory.hva());
            host.attributes(GIB, PAGE, 8);
            host.setExitReason(0);
            assertThat(host.preFault(GIB, PAGE)).as("PF-38").isEqualTo(new PreFaulted(EFAULT, GIB, PAGE));
            assertThat(host.exitReason()).isEqualTo(ExitReason.MEMORY_FAULT);
            MemorySegment run = host.run.segment();
            assertThat(run.get(ValueLayout.JAVA_LONG, RunLayout.MEMORY_FAULT_FLAGS))
                    .isEqualTo(8);
            assertThat(run.get(ValueLayout.JAVA_LONG, RunLayout.MEMORY_FAULT_GPA))
                    .isEqualTo(GIB);
            assertThat(run.get(ValueLayout.JAVA_LONG, RunLayout.MEMORY_FAULT_SIZE))
                    .isEqualTo(PAGE);
        }
    }

    @Test
    void pf41And42BrokenMemory() {
        try (SoftHost host = new SoftHost();
                HostMemory memory = host.kernel.allocate(2 * PAGE)) {
            KvmFile memfd = host.guestMemfd(2 * PAGE, 1);
            host.slot2(0, GMEM, GIB, 2 * PAGE, 0, memfd.descriptor(), 0);
            host.preFault(GIB, 2 * PAGE);
            assertThat(host.kernel.process().breakPage(memfd, PAGE)).isZero();
            assertThat(host.pages()).containsExactly(1, 0, 0);
            host.setExitReason(0);
            assertThat(host.preFault(GIB + PAGE, PAGE).result()).isEqualTo(EHWPOISON);
            assertThat(host.exitReason()).isEqualTo(ExitReason.MEMORY_FAULT);
            assertThat(host.guestRead(GIB + PAGE)).isEqualTo(GuestAccess.EHWPOISON);

            SoftHost.touch(memory);
            host.slot(1, 0, 0, 2 * PAGE, memory.hva());
            assertThat(host.kernel.process().breakPage(memory, PAGE)).isZero();
            assertThat(host.preFault(PAGE, PAGE)).isEqualTo(new PreFaulted(EINTR, PAGE, PAGE));
        }
    }

    @Test
    void pf43ATableIsReplacedByALargeLeaf() {
        try (SoftHost host = new SoftHost();
                HostMemory memory = host.kernel.allocate(HUGE)) {
            SoftHost.touch(memory);
            host.slot(0, 0, 0, HUGE, memory.hva());
            assertThat(host.preFault(0, 100 * PAGE).size()).isZero();
            assertThat(host.pages()).containsExactly(100, 0, 0);
            long flushes = host.vm.mmu().statistics().flushes();
            // A collapse zaps what is mapped there; map a page in small form first, then collapse without its notice.
            assertThat(memory.advise(HostAdvice.HUGE_PAGE, 0, HUGE)).isZero();
            assertThat(memory.advise(HostAdvice.COLLAPSE, 0, HUGE)).isZero();
            assertThat(host.preFault(0, HUGE)).isEqualTo(new PreFaulted(0, HUGE, 0));
            assertThat(host.pages()).containsExactly(0, 1, 0);
            assertThat(host.vm.mmu().statistics().flushes()).isGreaterThan(flushes);
            assertThat(host.guestRead(5 * PAGE)).isEqualTo(5 * PAGE | 1);
        }
    }

    @Test
    void pf44AboveTheHostsLastPageNothingIsInstalled() {
        try (SoftHost host = new SoftHost()) {
            assertThat(host.preFault(1L << 46, PAGE).result()).isEqualTo(ENOENT);
            assertThat(host.counter(VcpuCounter.PF_MMIO_SPTE_CREATED)).isZero();
        }
    }

    static long leaf(SoftHost host, long gfn) {
        return host.vm.mmu().entries(host.vm.mmu().roots().getLast()).stream()
                .filter(entry -> entry.isLeaf() && entry.gfn() == gfn)
                .findFirst()
                .orElseThrow()
                .spte();
    }
}
