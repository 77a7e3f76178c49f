package io.guestmem.diff.translate;

import io.guestmem.paging.CheckOrder;
import io.guestmem.paging.PagingMode;
import io.guestmem.paging.PagingState;
import io.guestmem.paging.SetBits;
import io.guestmem.paging.WalkPlan;
import io.guestmem.paging.WalkResult;
import io.guestmem.paging.Walker;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.EnumMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import java.util.SplittableRandom;

/** Makes random accesses under one state of the registers, and says what must come of each; the model's memory goes along. */
final class AccessModel {
    private static final int PKRUS = 4;
    private static final int WORDS = (int) (GuestRam.PAGE / Long.BYTES);
    private static final int MOST_TRIES = 100_000;

    private final GuestRam ram;
    private final PagingMode mode;
    private final SplittableRandom random;
    private final BitSet overwritten;
    private final BitSet undecided = new BitSet();
    private final List<Keyed> keyed = new ArrayList<>();
    private final Processor processor;

    /** The walkers of one value of PKRU: as the processor walks, and as it would without one of its deviations. */
    private record Keyed(PagingState state, WalkPlan plan, Walker walker, Map<KnownDeviation, Walker> without) {}

    /**
     * A case and its answer.
     *
     * @param state with the PKRU of the case
     * @param tolerated bits of what is read that may be otherwise
     * @param deviations that make the answer another one than the manuals'
     */
    record Expected(
            AccessCase question,
            PagingState state,
            AccessAnswer answer,
            int tolerated,
            List<KnownDeviation> deviations) {
        boolean matches(AccessAnswer seen) {
            AccessAnswer comparable = seen.comparable();
            return comparable.vector() == answer.vector()
                    && comparable.error() == answer.error()
                    && ((comparable.result() ^ answer.result()) & ~tolerated) == 0;
        }
    }

    AccessModel(GuestRam ram, PagingState state, Processor processor, SplittableRandom random, BitSet overwritten) {
        this.ram = ram;
        this.mode = state.mode();
        this.random = random;
        this.overwritten = overwritten;
        this.processor = processor;
        for (int i = 0; i < (CpuFeatures.hasKeys(state) ? PKRUS : 1); i++) {
            keyed.add(keyed(CpuFeatures.withPkru(state, i == 0 ? 0 : random.nextInt())));
        }
        if (mode == PagingMode.PAE) {
            usePdpte(0, new ArrayList<>());
        }
    }

    private Keyed keyed(PagingState state) {
        WalkPlan plan = plan(state, processor.deviations());
        Map<KnownDeviation, Walker> without = new EnumMap<>(KnownDeviation.class);
        for (KnownDeviation each : processor.deviations()) {
            Set<KnownDeviation> others = new HashSet<>(processor.deviations());
            others.remove(each);
            WalkPlan other = plan(state, others);
            if (!other.state().equals(plan.state())) {
                without.put(each, new Walker(other, ram.ranges()));
            }
        }
        return new Keyed(state, plan, new Walker(plan, ram.ranges()), without);
    }

    private WalkPlan plan(PagingState state, Set<KnownDeviation> deviations) {
        return WalkPlan.of(CpuFeatures.with(state, KnownDeviation.features(deviations, state.features(), mode)));
    }

    /** Words of 4 bytes in which the accessed bit may be set where the model's is clear. */
    BitSet undecided() {
        return undecided;
    }

    /** The next access; the model's memory is as after it then. */
    Expected next() {
        for (int i = 0; i < MOST_TRIES; i++) {
            Keyed keys = keyed.get(random.nextInt(keyed.size()));
            AccessCase question = question(keys.state.pkru());
            boolean canonical = !mode.isLong() || keys.plan.isValid(question.linear(), true);
            if (!canonical && question.kind() != AccessKind.SEGMENT_LOAD) {
                return new Expected(question, keys.state, AccessAnswer.generalProtection(), 0, List.of());
            }
            Optional<Expected> expected = canonical ? answer(keys, question) : Optional.empty();
            if (expected.isPresent()) {
                return expected.get();
            }
        }
        throw new IllegalStateException("these tables permit no access that can be observed");
    }

    private AccessCase question(int pkru) {
        AccessKind kind = AccessKind.at(random.nextInt(AccessKind.values().length));
        boolean user = random.nextBoolean() && processor.hasUser(kind, mode);
        return new AccessCase(linear(), kind, user, random.nextBoolean(), pkru, Monitor.LOCAL_SELECTOR);
    }

    /** Empty if the guest could not do it without harm, or not tell. */
    private Optional<Expected> answer(Keyed keys, AccessCase question) {
        int access = processor.access(question);
        for (KnownDeviation each : processor.deviations()) {
            OptionalInt code = each.unreachable(question.linear(), access);
            if (code.isPresent()) {
                AccessAnswer answer = AccessAnswer.pageFault(code.getAsInt(), question.linear());
                return Optional.of(new Expected(question, keys.state, answer, 0, List.of(each)));
            }
        }
        AccessCase moved = question;
        long result = walk(keys.walker, question.linear(), access);
        if (WalkResult.isPage(result) && !isUsable(WalkResult.address(result), question.kind())) {
            moved = question.with(moved(question.linear(), result, question.kind()), question.value());
            result = walk(keys.walker, moved.linear(), access);
        }
        if (WalkResult.isPage(result)) {
            return isUsable(WalkResult.address(result), question.kind())
                    ? Optional.of(done(keys, moved, access, result))
                    : Optional.empty();
        }
        return WalkResult.reason(result) == WalkResult.INVALID_GPA
                ? Optional.empty()
                : Optional.of(fault(keys, moved, access, result));
    }

    private static long walk(Walker walker, long linear, int access) {
        return walker.walk(linear, access, SetBits.NONE, CheckOrder.ARCHITECTURAL);
    }

    /** A multiple of 8, not in the part that maps the monitor. */
    private long linear() {
        if (mode == PagingMode.NONE) {
            long gpa;
            do {
                gpa = ram.gpa(random.nextInt(GuestRam.MONITOR_PAGES, ram.pages()));
            } while (!GuestRam.isLow(gpa));
            return gpa + word();
        }
        while (true) {
            long dice = random.nextLong() & -Long.BYTES;
            int unused = unusedBits();
            long linear = mode.isLong() ? dice << unused >> unused : dice & 0xFFFF_FFFFL;
            if (mode.isLong() && random.nextInt(32) == 0) {
                linear ^= 1L << (63 - random.nextInt(unused + 1));
            }
            if (topIndex(linear) != 0) {
                return linear;
            }
        }
    }

    private int unusedBits() {
        return mode == PagingMode.LEVEL_5 ? 64 - 57 : 64 - 48;
    }

    private int topIndex(long linear) {
        return mode == PagingMode.PAE ? (int) (linear >>> 30) : mode.index(linear, mode.levels());
    }

    private long word() {
        return (long) random.nextInt(WORDS) * Long.BYTES;
    }

    /** Whether the guest can do that there without harm to itself, and tell that it did. */
    private boolean isUsable(long gpa, AccessKind kind) {
        int page = ram.page(gpa);
        return page >= 0
                && switch (ram.use(page)) {
                    case MONITOR -> false;
                    case TABLES -> !kind.needsData();
                    case DATA -> true;
                };
    }

    /** Another address in the same page, large pages reach far; the same one if there is none that is usable. */
    private long moved(long linear, long page, AccessKind kind) {
        int level = WalkResult.level(page);
        if (level == 0) {
            return linear;
        }
        long size = 1L << mode.shift(level);
        int first = random.nextInt(ram.pages());
        for (int i = 0; i < ram.pages(); i++) {
            long gpa = ram.gpa((first + i) % ram.pages());
            if (((gpa ^ WalkResult.address(page)) & -size) == 0 && isUsable(gpa, kind)) {
                return (linear & -size) | (gpa & size - 1) | word();
            }
        }
        return linear;
    }

    private Expected done(Keyed keys, AccessCase question, int access, long result) {
        List<KnownDeviation> deviations = deviations(keys, question, access, result);
        keys.walker.walk(question.linear(), access, SetBits.ACCESSED | SetBits.DIRTY, CheckOrder.ARCHITECTURAL);
        if (mode == PagingMode.PAE) {
            usePdpte(question.linear(), deviations);
        }
        long gpa = WalkResult.address(result);
        long offset = ram.offset(gpa);
        return switch (question.kind()) {
            case READ -> {
                int seen = ram.load32(offset);
                boolean mayBeSet = undecided.get((int) (offset / Integer.BYTES)) && (seen & RandomTables.ACCESSED) == 0;
                yield new Expected(
                        question,
                        keys.state,
                        AccessAnswer.done(seen),
                        mayBeSet ? RandomTables.ACCESSED : 0,
                        deviations);
            }
            case WRITE -> done(keys, question.with(question.linear(), written(gpa, offset)), 0, deviations);
            case FETCH -> done(keys, question, DataWord.tag(ram.load(offset)), deviations);
            case SEGMENT_LOAD -> done(keys, question, 0, deviations);
        };
    }

    private static Expected done(Keyed keys, AccessCase question, int eax, List<KnownDeviation> deviations) {
        return new Expected(question, keys.state, AccessAnswer.done(eax), 0, deviations);
    }

    /** Into tables goes what is there already. */
    private int written(long gpa, long offset) {
        if (ram.use(ram.page(gpa)) == GuestRam.Use.TABLES) {
            return ram.load32(offset);
        }
        int value = DataWord.lowerHalf(random.nextInt());
        ram.store32(offset, value);
        overwritten.set((int) (offset / Long.BYTES));
        return value;
    }

    private Expected fault(Keyed keys, AccessCase question, int access, long result) {
        List<KnownDeviation> deviations = deviations(keys, question, access, result);
        int code = keys.plan.pageFaultErrorCode(result, access);
        for (KnownDeviation each : processor.deviations()) {
            int other = each.errorCode(code);
            if (other != code) {
                deviations.add(each);
                code = other;
            }
        }
        List<Walker.Step> path = keys.walker.explain(question.linear(), access, CheckOrder.ARCHITECTURAL);
        for (Walker.Step step : path.subList(0, Math.max(0, path.size() - 1))) {
            undecided.set((int) (ram.offset(step.address()) / Integer.BYTES));
        }
        if (!path.isEmpty()) {
            refused(keys, path.getLast(), deviations);
        }
        if (mode == PagingMode.PAE) {
            usePdpte(question.linear(), deviations);
        }
        return new Expected(question, keys.state, AccessAnswer.pageFault(code, question.linear()), 0, deviations);
    }

    private void refused(Keyed keys, Walker.Step step, List<KnownDeviation> deviations) {
        for (KnownDeviation each : processor.deviations()) {
            if ((step.value() & RandomTables.ACCESSED) == 0 && each.setsAccessed(step, keys.plan.state())) {
                long at = ram.offset(step.address());
                ram.store(at, ram.load(at) | RandomTables.ACCESSED);
                deviations.add(each);
            }
        }
    }

    private void usePdpte(long linear, List<KnownDeviation> deviations) {
        long at = ram.offset(keyed.getFirst().state.cr3()) + (linear >>> 30) * Long.BYTES;
        long pdpte = ram.load(at);
        if (processor.deviations().contains(KnownDeviation.ACCESSED_IN_PDPTE)
                && (pdpte & (RandomTables.PRESENT | RandomTables.ACCESSED)) == RandomTables.PRESENT) {
            ram.store(at, pdpte | RandomTables.ACCESSED);
            deviations.add(KnownDeviation.ACCESSED_IN_PDPTE);
        }
    }

    /** Those without which the walk would have ended otherwise. */
    private List<KnownDeviation> deviations(Keyed keys, AccessCase question, int access, long result) {
        List<KnownDeviation> found = new ArrayList<>(2);
        for (Map.Entry<KnownDeviation, Walker> each : keys.without.entrySet()) {
            if (walk(each.getValue(), question.linear(), access) != result) {
                found.add(each.getKey());
            }
        }
        if (access != question.access() && walk(keys.walker, question.linear(), question.access()) != result) {
            found.add(KnownDeviation.AC_EXCUSES_IMPLICIT);
        }
        return found;
    }

    /** The last of the cases that went through an entry, or else the last of all. */
    Expected lastAt(long offset, List<Expected> cases) {
        for (int i = cases.size() - 1; i >= 0; i--) {
            Expected each = cases.get(i);
            for (Walker.Step step : path(each)) {
                if ((ram.offset(step.address()) & -Integer.BYTES) == offset) {
                    return each;
                }
            }
        }
        return cases.getLast();
    }

    private List<Walker.Step> path(Expected expected) {
        WalkPlan plan = plan(expected.state, processor.deviations());
        return new Walker(plan, ram.ranges())
                .explain(expected.question.linear(), expected.question.access(), CheckOrder.ARCHITECTURAL);
    }

    OracleDifference difference(long seed, Expected expected, String oracle) {
        return new OracleDifference(
                seed,
                expected.state,
                expected.question.linear(),
                expected.question.access(),
                path(expected),
                expected.answer.toString(),
                oracle);
    }
}
