package io.guestmem.soft.mmu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.guestmem.soft.Schedule;
import io.guestmem.soft.SoftKernelOptions;
import io.guestmem.soft.TraceSwitch;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** The MMU alone: tables before and after, written out. Checks MMU-* of kernel.md 7.9. */
class TdpMmuTest {
    private static final long GIB_PAGES = 1 << 18;

    private final List<TdpMmu> made = new ArrayList<>();
    private int flushes;

    @AfterEach
    void close() {
        made.forEach(TdpMmu::close);
    }

    /** An MMU with a root, and a slot of 2 GiB at gfn 1 GiB whose host memory is at the same address. */
    private final class Setup {
        final TdpMmu mmu;
        final Root root;
        final Memslot slot = Memslot.of(0, 0, GIB_PAGES, 2 * GIB_PAGES, 1L << 30, 0, null, 0, null);
        final List<Long> dirty = new ArrayList<>();

        Setup(SoftKernelOptions options) {
            mmu = new TdpMmu(options, Schedule.FREE, new TraceSwitch(null), new KernelMemory(), () -> flushes++);
            made.add(mmu);
            root = mmu.acquireRoot(new MmuRole(4, false, false, options.accessedDirtyBits()));
        }

        Setup() {
            this(SoftKernelOptions.defaults());
        }

        int fault(long gfn, long pfn, int hostLevel, boolean writable, boolean prefetch, boolean exec) {
            return fault(slot, gfn, pfn, hostLevel, writable, prefetch, exec);
        }

        int fault(Memslot in, long gfn, long pfn, int hostLevel, boolean writable, boolean prefetch, boolean exec) {
            PageFault fault = new PageFault();
            fault.start(gfn, false, exec, false, prefetch);
            fault.slot = in;
            fault.sequence = mmu.invalidations().sequence();
            fault.pfn = pfn;
            fault.hostLevel = hostLevel;
            fault.mapWritable = writable;
            return map(fault);
        }

        int map(PageFault fault) {
            ReadSections.Reader reader = mmu.readers().borrow();
            mmu.lock().lockRead(0);
            int result = mmu.map(fault, root, (_, gfn) -> dirty.add(gfn));
            mmu.lock().unlockRead(0);
            mmu.readers().release(reader);
            return result;
        }

        boolean zap(long from, long to) {
            mmu.lock().lockWrite();
            boolean zapped = mmu.zapLeaves(0, from, to);
            mmu.lock().unlockWrite();
            return zapped;
        }

        /** Lines of level, gfn in the slot, and entry; tables without what is in them. */
        List<String> table() {
            return mmu.entries(root).stream()
                    .map(entry -> entry.level() + " " + (entry.gfn() - (entry.level() < 4 ? GIB_PAGES : 0)) + " "
                            + Spte.describe(entry.spte(), entry.level()))
                    .toList();
        }

        long[] pages() {
            MmuStatistics statistics = mmu.statistics();
            return new long[] {statistics.pages(1), statistics.pages(2), statistics.pages(3)};
        }
    }

    @Test
    void aFaultMakesTheTablesOnItsWay() {
        Setup setup = new Setup();
        assertThat(setup.fault(GIB_PAGES + 3, 0x1003, 1, true, false, false)).isEqualTo(FaultResult.FIXED);
        assertThat(setup.table())
                .containsExactly(
                        "4 0 table rwx A",
                        "3 0 table rwx A",
                        "2 0 table rwx A",
                        "1 3 pfn 0x1003 rwx A D host-writable mmu-writable");
        assertThat(setup.pages()).containsExactly(1, 0, 0);
        assertThat(setup.mmu.tables()).isEqualTo(4);
        assertThat(setup.fault(GIB_PAGES + 3, 0x1003, 1, true, true, false)).isEqualTo(FaultResult.SPURIOUS);
    }

    @Test
    void theLevelFollowsHostSlotAndAlignment() {
        Setup setup = new Setup();
        assertThat(setup.fault(GIB_PAGES + 515, 0x40003, 2, true, true, false)).isEqualTo(FaultResult.FIXED);
        assertThat(setup.fault(2 * GIB_PAGES + 7, 0x80007, 3, false, true, false))
                .isEqualTo(FaultResult.FIXED);
        assertThat(setup.table())
                .containsExactly(
                        "4 0 table rwx A",
                        "3 0 table rwx A",
                        "2 512 pfn 0x40000 rwx D host-writable mmu-writable",
                        "3 262144 pfn 0x80000 r-x");
        assertThat(setup.pages()).containsExactly(0, 1, 1);
    }

    @Test
    void mmu01ZappingAPageTakesTheWholeLeaf() {
        Setup setup = new Setup();
        setup.fault(GIB_PAGES, 0x40000, 2, true, true, false);
        setup.fault(GIB_PAGES + 512, 0x50000, 1, true, true, false);
        assertThat(setup.zap(GIB_PAGES + 100, GIB_PAGES + 101)).isTrue();
        assertThat(setup.pages()).containsExactly(1, 0, 0);
        assertThat(setup.zap(GIB_PAGES + 100, GIB_PAGES + 101)).isFalse();
        assertThat(setup.table())
                .containsExactly(
                        "4 0 table rwx A",
                        "3 0 table rwx A",
                        "2 512 table rwx A",
                        "1 512 pfn 0x50000 rwx D host-writable mmu-writable");
    }

    @Test
    void pf43ATableIsReplacedByALargeLeafAndFreed() {
        Setup setup = new Setup();
        for (int i = 0; i < 10; i++) {
            setup.fault(GIB_PAGES + i, 0x40000 + i, 1, true, true, false);
        }
        assertThat(setup.mmu.tables()).isEqualTo(4);
        int before = flushes;
        assertThat(setup.fault(GIB_PAGES + 20, 0x40014, 2, true, true, false)).isEqualTo(FaultResult.FIXED);
        assertThat(setup.pages()).containsExactly(0, 1, 0);
        assertThat(setup.mmu.tables()).isEqualTo(3);
        assertThat(flushes).isEqualTo(before + 1);
    }

    @Test
    void aLargeLeafAboveTheGoalIsSplitAndKeepsWhatItAllowed() {
        Setup setup = new Setup();
        setup.fault(GIB_PAGES, 0x40000, 2, true, true, false);
        Memslot logging = setup.slot.with(io.guestmem.abi.UserspaceMemoryRegionLayout.LOG_DIRTY_PAGES, null);
        PageFault write = new PageFault();
        write.start(GIB_PAGES + 5, true, false, true, false);
        write.slot = logging;
        write.pfn = 0x40005;
        write.mapWritable = true;
        setup.mmu.lock().lockRead(0);
        setup.mmu.protect(logging, 2, false);
        setup.mmu.lock().unlockRead(0);
        assertThat(setup.map(write)).isEqualTo(FaultResult.FIXED);
        assertThat(setup.pages()).containsExactly(512, 0, 0);
        assertThat(setup.dirty).containsExactly(GIB_PAGES + 5);
        assertThat(setup.table().subList(3, 5))
                .containsExactly(
                        "1 0 pfn 0x40000 r-x D host-writable mmu-writable",
                        "1 1 pfn 0x40001 r-x D host-writable mmu-writable");
        assertThat(setup.table()).contains("1 5 pfn 0x40005 rwx A D host-writable mmu-writable");
    }

    @Test
    void mmu07AFrozenEntryIsRetriedAndFixedAfterwards() {
        Setup setup = new Setup();
        setup.fault(GIB_PAGES, 0x1000, 1, true, true, false);
        long table = setup.root.table();
        for (int level = 4; level > 1; level--) {
            table = Spte.tableAddress(NativeMemory.get(Root.entry(table, GIB_PAGES, level)));
        }
        long entry = Root.entry(table, GIB_PAGES + 1, 1);
        NativeMemory.set(entry, Spte.FROZEN);
        assertThat(setup.fault(GIB_PAGES + 1, 0x1001, 1, true, true, false)).isEqualTo(FaultResult.RETRY);
        NativeMemory.set(entry, Spte.NEVER_MAPPED);
        assertThat(setup.fault(GIB_PAGES + 1, 0x1001, 1, true, true, false)).isEqualTo(FaultResult.FIXED);
    }

    @Test
    void mmu11ALeafIsNeverReplacedByAnotherPagesLeaf() {
        Setup setup = new Setup();
        setup.fault(GIB_PAGES, 0x1000, 1, false, false, false);
        PageFault write = new PageFault();
        write.start(GIB_PAGES, true, false, true, false);
        write.slot = setup.slot;
        write.pfn = 0x2000;
        write.mapWritable = true;
        assertThatThrownBy(() -> setup.map(write)).isInstanceOf(AssertionError.class);
    }

    @Test
    void aReadOnlyLeafBecomesWritableForAWriteToTheSamePage() {
        Setup setup = new Setup();
        setup.fault(GIB_PAGES, 0x1000, 1, false, true, false);
        PageFault write = new PageFault();
        write.start(GIB_PAGES, true, false, true, false);
        write.slot = setup.slot;
        write.pfn = 0x1000;
        write.mapWritable = true;
        assertThat(setup.map(write)).isEqualTo(FaultResult.FIXED);
        assertThat(setup.table()).last().isEqualTo("1 0 pfn 0x1000 rwx A D host-writable mmu-writable");
        assertThat(setup.pages()).containsExactly(1, 0, 0);
    }

    @Test
    void mmu13AnInvalidRootLivesAsLongAsAVcpuHoldsIt() {
        Setup setup = new Setup();
        setup.fault(GIB_PAGES, 0x1000, 1, true, true, false);
        setup.mmu.zapAll();
        assertThat(setup.root.isInvalid()).isTrue();
        assertThat(setup.root.references()).isEqualTo(1);
        assertThat(setup.mmu.roots()).containsExactly(setup.root);
        assertThat(setup.pages()).containsExactly(0, 0, 0);
        Root next = setup.mmu.acquireRoot(setup.root.role());
        assertThat(next).isNotSameAs(setup.root);
        setup.mmu.releaseRoot(setup.root);
        assertThat(setup.mmu.roots()).containsExactly(next);
        assertThat(setup.mmu.tables()).isEqualTo(1);
    }

    @Test
    void mmu16AFetchSplitsALargePageAndRecoveryMakesItLargeAgain() {
        Setup setup =
                new Setup(SoftKernelOptions.defaults().with().nxHugePages(true).build());
        setup.fault(GIB_PAGES, 0x40000, 2, true, true, false);
        assertThat(setup.table()).last().isEqualTo("2 0 pfn 0x40000 rw- D host-writable mmu-writable");
        assertThat(setup.fault(GIB_PAGES + 9, 0x40009, 2, true, false, true)).isEqualTo(FaultResult.SPURIOUS);
        assertThat(setup.table()).contains("1 9 pfn 0x40009 rwx D host-writable mmu-writable");
        assertThat(setup.pages()).containsExactly(512, 0, 0);
        assertThat(setup.mmu.statistics().nxSplits()).isEqualTo(1);
        assertThat(setup.fault(GIB_PAGES + 10, 0x4000a, 2, true, true, false))
                .as("the table stays")
                .isEqualTo(FaultResult.SPURIOUS);
        assertThat(setup.mmu.recoverNxHugePages(10)).isEqualTo(1);
        assertThat(setup.mmu.statistics().nxSplits()).isZero();
        assertThat(setup.pages()).containsExactly(0, 0, 0);
        setup.fault(GIB_PAGES, 0x40000, 2, true, true, false);
        assertThat(setup.pages()).containsExactly(0, 1, 0);
    }

    @Test
    void mmu17WithoutAccessedBitsTheFirstAccessIsFixedWithoutLock() {
        Setup setup = new Setup(
                SoftKernelOptions.defaults().with().accessedDirtyBits(false).build());
        setup.fault(GIB_PAGES, 0x1000, 1, true, true, false);
        assertThat(setup.table()).last().isEqualTo("1 0 pfn 0x1000 --- D host-writable mmu-writable access-tracked");
        PageFault read = new PageFault();
        read.start(GIB_PAGES, false, false, false, false);
        read.slot = setup.slot;
        assertThat(setup.mmu.fixWithoutLock(read, setup.root, (_, _) -> {})).isEqualTo(FaultResult.FIXED);
        assertThat(setup.table()).last().isEqualTo("1 0 pfn 0x1000 r-x A D host-writable mmu-writable");
        assertThat(setup.mmu.fixWithoutLock(read, setup.root, (_, _) -> {})).isEqualTo(FaultResult.SPURIOUS);
        PageFault write = new PageFault();
        write.start(GIB_PAGES, true, false, true, false);
        write.slot = setup.slot;
        assertThat(setup.mmu.fixWithoutLock(write, setup.root, (_, _) -> {})).isEqualTo(FaultResult.FIXED);
        assertThat(setup.mmu.age(0, GIB_PAGES, GIB_PAGES + 1, true)).isTrue();
        assertThat(setup.table()).last().isEqualTo("1 0 pfn 0x1000 --- D host-writable mmu-writable access-tracked");
    }

    @Test
    void splitAndRecoveryOfA1GiBLeaf() {
        Setup setup = new Setup();
        setup.fault(GIB_PAGES, 0x40000, 3, true, false, false);
        setup.mmu.lock().lockRead(0);
        setup.mmu.split(setup.slot, GIB_PAGES + 512, GIB_PAGES + 1024);
        assertThat(setup.pages()).containsExactly(512, 511, 0);
        assertThat(setup.table()).contains("1 600 pfn 0x40258 rwx A D host-writable mmu-writable");
        assertThat(setup.mmu.recoverLarge(setup.slot, _ -> 2)).isTrue();
        assertThat(setup.pages()).containsExactly(0, 512, 0);
        assertThat(setup.mmu.recoverLarge(setup.slot, _ -> 3)).isTrue();
        assertThat(setup.pages()).containsExactly(0, 0, 1);
        setup.mmu.lock().unlockRead(0);
        assertThat(setup.table())
                .containsExactly("4 0 table rwx A", "3 0 pfn 0x40000 rwx A D host-writable mmu-writable");
        assertThat(setup.mmu.tables()).isEqualTo(2);
    }

    @Test
    void fiveLevels() {
        TdpMmu mmu = new TdpMmu(
                SoftKernelOptions.defaults(), Schedule.FREE, new TraceSwitch(null), new KernelMemory(), () -> {});
        made.add(mmu);
        Root root = mmu.acquireRoot(new MmuRole(5, false, false, true));
        PageFault fault = new PageFault();
        fault.start(1L << 36, false, false, false, true);
        fault.slot = Memslot.of(0, 0, 1L << 36, 1, 0, 0, null, 0, null);
        fault.pfn = 0x1000;
        mmu.lock().lockRead(0);
        assertThat(mmu.map(fault, root, (_, _) -> {})).isEqualTo(FaultResult.FIXED);
        mmu.lock().unlockRead(0);
        assertThat(mmu.entries(root).stream().map(TdpMmu.EntrySnapshot::level)).containsExactly(5, 4, 3, 2, 1);
    }
}
