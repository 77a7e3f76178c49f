package io.guestmem.soft.mmu;

import static org.openjdk.jcstress.annotations.Expect.ACCEPTABLE;

import java.util.concurrent.atomic.AtomicInteger;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Arbiter;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.III_Result;
import org.openjdk.jcstress.infra.results.II_Result;

/**
 * What two do to one entry at the same time. An outcome that is not listed is a defect. Of faults: 1 is RETRY, 4 INVALID, 5 FIXED,
 * 6 SPURIOUS.
 */
public class StageTwoRaces {
    private StageTwoRaces() {}

    /** Two vCPUs fault on a page whose table is not there either (MMU-08). */
    @JCStressTest
    @Outcome(id = "5, 6, 0", expect = ACCEPTABLE, desc = "The first has mapped it, the second finds it.")
    @Outcome(id = "6, 5, 0", expect = ACCEPTABLE, desc = "The other way round.")
    @Outcome(id = "5, 1, 0", expect = ACCEPTABLE, desc = "The second has lost an exchange.")
    @Outcome(id = "1, 5, 0", expect = ACCEPTABLE, desc = "The first has lost one.")
    @State
    public static class TwoFaults {
        private final long page = RaceMmu.page();

        /** A fault. */
        @Actor
        public void first(III_Result result) {
            result.r1 = RaceMmu.map(page);
        }

        /** Another. */
        @Actor
        public void second(III_Result result) {
            result.r2 = RaceMmu.map(page);
        }

        /** One leaf is there, and counted once. */
        @Arbiter
        public void end(III_Result result) {
            result.r3 = RaceMmu.uncounted(page) + 1 - RaceMmu.isMapped(page);
            RaceMmu.release(page);
        }
    }

    /** A fault looks up the host's page while the host replaces it (MMU-09): the old one is never mapped at the end. */
    @JCStressTest
    @Outcome(id = "5, 0", expect = ACCEPTABLE, desc = "The old page was mapped and zapped.")
    @Outcome(id = "1, 0", expect = ACCEPTABLE, desc = "The fault has noticed.")
    @Outcome(id = "5, 2", expect = ACCEPTABLE, desc = "The fault came later: the new page is mapped.")
    @State
    public static class FaultAgainstInvalidation {
        private static final long OLD = 1 << 30;
        private static final long NEW = 2 << 30;

        private final long page = RaceMmu.page();
        private volatile long backing = OLD;

        /** Ends with what the host has now. */
        public FaultAgainstInvalidation() {
            RaceMmu.makeTable(page);
        }

        /** Looks up, then maps. */
        @Actor
        public void fault(II_Result result) {
            long sequence = RaceMmu.sequence();
            result.r1 = RaceMmu.map(RaceMmu.fault(page, backing + page, sequence));
        }

        /** The host's change. */
        @Actor
        public void host() {
            RaceMmu.invalidate(page, () -> backing = NEW);
        }

        /** What is mapped: 0 nothing, 1 the old page, 2 the new one. */
        @Arbiter
        public void end(II_Result result) {
            long leaf = RaceMmu.leaf(page);
            result.r2 = leaf == 0 ? 0 : Spte.pfn(leaf) == OLD + page ? 1 : 2;
            RaceMmu.release(page);
        }
    }

    /** The processor sets A while a log takes W away: neither gets lost. */
    @JCStressTest
    @Outcome(id = "1, 0", expect = ACCEPTABLE, desc = "A is set, W is gone.")
    @State
    public static class AccessedAgainstWriteProtection {
        private final long page = RaceMmu.page();

        /** A writable leaf without A. */
        public AccessedAgainstWriteProtection() {
            RaceMmu.map(page);
            RaceMmu.clear(page, Spte.ACCESSED);
        }

        /** A read. */
        @Actor
        public void processor() {
            RaceMmu.walk(page, false);
        }

        /** The log. */
        @Actor
        public void log() {
            RaceMmu.clear(page, Spte.WRITABLE);
        }

        /** Both bits. */
        @Arbiter
        public void end(II_Result result) {
            long leaf = RaceMmu.leaf(page);
            result.r1 = (leaf & Spte.ACCESSED) == 0 ? 0 : 1;
            result.r2 = Spte.isWritable(leaf) ? 1 : 0;
            RaceMmu.release(page);
        }
    }

    /** A write while a log clears D: if the write set D, it stays; if it found D, the log has seen it. */
    @JCStressTest
    @Outcome(id = "0, 0", expect = ACCEPTABLE, desc = "The write came first.")
    @Outcome(id = "1, 1", expect = ACCEPTABLE, desc = "The write came later and is dirty again.")
    @State
    public static class DirtyAgainstHarvest {
        private final long page = RaceMmu.page();

        /** A writable leaf with D. */
        public DirtyAgainstHarvest() {
            RaceMmu.map(page);
        }

        /** A write: whether it set D. */
        @Actor
        public void processor(II_Result result) {
            result.r1 = RaceMmu.walk(page, true).becameDirty ? 1 : 0;
        }

        /** The log. */
        @Actor
        public void log() {
            RaceMmu.clearMasked(page, Spte.DIRTY);
        }

        /** D. */
        @Arbiter
        public void end(II_Result result) {
            result.r2 = (RaceMmu.leaf(page) & Spte.DIRTY) == 0 ? 0 : 1;
            RaceMmu.release(page);
        }
    }

    /** A leaf is put into a table that is being taken away, both under the shared lock: no leaf gets lost uncounted. */
    @JCStressTest
    @Outcome(id = "5, 0, 0", expect = ACCEPTABLE, desc = "The leaf went with its table.")
    @Outcome(id = "5, 1, 0", expect = ACCEPTABLE, desc = "The leaf is in a new table.")
    @Outcome(id = "1, 0, 0", expect = ACCEPTABLE, desc = "The fault has met the removal.")
    @State
    public static class LeafAgainstRemovalOfItsTable {
        private final long page = RaceMmu.page();

        /** The table, without the leaf. */
        public LeafAgainstRemovalOfItsTable() {
            RaceMmu.makeTable(page);
        }

        /** The fault. */
        @Actor
        public void fault(III_Result result) {
            result.r1 = RaceMmu.map(page);
        }

        /** The removal. */
        @Actor
        public void removal() {
            RaceMmu.removeTable(page);
        }

        /** The leaf, and whether it is counted as it is. */
        @Arbiter
        public void end(III_Result result) {
            result.r2 = RaceMmu.isMapped(page);
            result.r3 = RaceMmu.uncounted(page);
            RaceMmu.release(page);
        }
    }

    /** A large leaf is split for a small fault while it is zapped. */
    @JCStressTest
    @Outcome(id = "6, 0, 0", expect = ACCEPTABLE, desc = "It was split, and then the small leaf was zapped.")
    @Outcome(id = "5, 1, 0", expect = ACCEPTABLE, desc = "It was zapped, and then a small leaf was made.")
    @State
    public static class SplitAgainstZap {
        private final long page = RaceMmu.page();

        /** The large leaf. */
        public SplitAgainstZap() {
            RaceMmu.mapLarge(page);
        }

        /** The small fault. */
        @Actor
        public void fault(III_Result result) {
            result.r1 = RaceMmu.map(page);
        }

        /** The zap. */
        @Actor
        public void zap() {
            RaceMmu.zap(page);
        }

        /** The leaf, and whether it is counted as it is. */
        @Arbiter
        public void end(III_Result result) {
            result.r2 = RaceMmu.isMapped(page);
            result.r3 = RaceMmu.uncounted(page);
            RaceMmu.release(page);
        }
    }

    /** The fast page fault, without any lock, against a zap: what was zapped does not come back. */
    @JCStressTest
    @Outcome(id = "5, 0, 0", expect = ACCEPTABLE, desc = "W was set, and then the leaf was zapped.")
    @Outcome(id = "4, 0, 0", expect = ACCEPTABLE, desc = "The leaf was zapped first.")
    @State
    public static class FixAgainstZap {
        private final long page = RaceMmu.page();

        /** A leaf that may be made writable. */
        public FixAgainstZap() {
            RaceMmu.map(page);
            RaceMmu.clear(page, Spte.WRITABLE);
        }

        /** The fast page fault. */
        @Actor
        public void fix(III_Result result) {
            result.r1 = RaceMmu.fix(page, (_, _) -> {});
        }

        /** The zap. */
        @Actor
        public void zap() {
            RaceMmu.zap(page);
        }

        /** The leaf, and whether it is counted as it is. */
        @Arbiter
        public void end(III_Result result) {
            result.r2 = RaceMmu.isMapped(page);
            result.r3 = RaceMmu.uncounted(page);
            RaceMmu.release(page);
        }
    }

    /** The fast page fault against a harvest of the log (MMU-18): a page that can be written is in the log. */
    @JCStressTest
    @Outcome(id = "1, 1", expect = ACCEPTABLE, desc = "The write is in the next log.")
    @Outcome(id = "0, 1", expect = ACCEPTABLE, desc = "It is in the next log, and protected again.")
    @Outcome(id = "0, 0", expect = ACCEPTABLE, desc = "The harvest has it.")
    @State
    public static class FixAgainstHarvest {
        private final long page = RaceMmu.page();
        private final AtomicInteger dirty = new AtomicInteger(1);

        /** A page that is in the log and write-protected. */
        public FixAgainstHarvest() {
            RaceMmu.map(page);
            RaceMmu.clear(page, Spte.WRITABLE);
        }

        /** The fast page fault. */
        @Actor
        public void fix() {
            RaceMmu.fix(page, (_, _) -> dirty.set(1));
        }

        /** Takes the log, then protects what is in it. */
        @Actor
        public void harvest() {
            if (dirty.getAndSet(0) != 0) {
                RaceMmu.clearMasked(page, Spte.WRITABLE);
            }
        }

        /** W, and the log. */
        @Arbiter
        public void end(II_Result result) {
            result.r1 = Spte.isWritable(RaceMmu.leaf(page)) ? 1 : 0;
            result.r2 = dirty.get();
            RaceMmu.release(page);
        }
    }

    /** A fault meets an entry that somebody has frozen (MMU-07): it leaves it alone. */
    @JCStressTest
    @Outcome(id = "1, 1, 0", expect = ACCEPTABLE, desc = "The fault has met it.")
    @Outcome(id = "5, 1, 1", expect = ACCEPTABLE, desc = "The fault came before or after.")
    @State
    public static class FaultAgainstFrozenEntry {
        private final long page = RaceMmu.page();

        /** The table, without the leaf. */
        public FaultAgainstFrozenEntry() {
            RaceMmu.makeTable(page);
        }

        /** The fault. */
        @Actor
        public void fault(III_Result result) {
            result.r1 = RaceMmu.map(page);
        }

        /** The owner of the entry: whether it stayed frozen. */
        @Actor
        public void owner(III_Result result) {
            result.r2 = RaceMmu.freeze(page);
        }

        /** The leaf. */
        @Arbiter
        public void end(III_Result result) {
            result.r3 = RaceMmu.isMapped(page) + RaceMmu.uncounted(page);
            RaceMmu.release(page);
        }
    }
}
