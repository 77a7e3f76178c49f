package io.guestmem.diff.translate;

import io.guestmem.paging.Access;
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
    private static final int[] KINDS = {
        Access.READ,
        Access.WRITE,
        Access.EXECUTE,
        Access.READ | Access.USER,
        Access.WRITE | Access.USER,
        Access.EXECUTE | Access.USER
    };
    private static final int SUPERVISOR_KINDS = 3;
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
    private final int kinds;

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
        this.kinds = mode.isLong() || processor.returnsToUser() ? KINDS.length : SUPERVISOR_KINDS;
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
            int access = KINDS[random.nextInt(kinds)] | (random.nextBoolean() ? Access.ALIGNMENT_CHECK : 0);
            long linear = linear();
            if (mode.isLong() && !keys.plan.isValid(linear, true)) {
                return new Expected(
                        question(keys, linear, access, 0), keys.state, AccessAnswer.generalProtection(), 0, List.of());
            }
            Optional<Expected> unreachable = unreachable(keys, linear, access);
            if (unreachable.isPresent()) {
                return unreachable.get();
            }
            long result = walk(keys, linear, access);
            if (WalkResult.isPage(result) && !isUsable(WalkResult.address(result), access)) {
                linear = moved(linear, result, access);
                result = walk(keys, linear, access);
            }
            if (WalkResult.isPage(result) && isUsable(WalkResult.address(result), access)) {
                return done(keys, linear, access, result);
            }
            if (!WalkResult.isPage(result) && WalkResult.reason(result) != WalkResult.INVALID_GPA) {
                return fault(keys, linear, access, result);
            }
        }
        throw new IllegalStateException("these tables permit no access that can be observed");
    }

    private Optional<Expected> unreachable(Keyed keys, long linear, int access) {
        for (KnownDeviation each : processor.deviations()) {
            OptionalInt code = each.unreachable(linear, access);
            if (code.isPresent()) {
                AccessAnswer answer = AccessAnswer.pageFault(code.getAsInt(), linear);
                return Optional.of(
                        new Expected(question(keys, linear, access, 0), keys.state, answer, 0, List.of(each)));
            }
        }
        return Optional.empty();
    }

    private static long walk(Keyed keys, long linear, int access) {
        return keys.walker.walk(linear, access, SetBits.NONE, CheckOrder.ARCHITECTURAL);
    }

    private static AccessCase question(Keyed keys, long linear, int access, int value) {
        return new AccessCase(linear, access, keys.state.pkru(), value);
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
    private boolean isUsable(long gpa, int access) {
        int page = ram.page(gpa);
        return page >= 0
                && switch (ram.use(page)) {
                    case MONITOR -> false;
                    case TABLES -> (access & Access.EXECUTE) == 0;
                    case DATA -> true;
                };
    }

    /** Another address in the same page, large pages reach far; the same one if there is none that is usable. */
    private long moved(long linear, long page, int access) {
        int level = WalkResult.level(page);
        if (level == 0) {
            return linear;
        }
        long size = 1L << mode.shift(level);
        int first = random.nextInt(ram.pages());
        for (int i = 0; i < ram.pages(); i++) {
            long gpa = ram.gpa((first + i) % ram.pages());
            if (((gpa ^ WalkResult.address(page)) & -size) == 0 && isUsable(gpa, access)) {
                return (linear & -size) | (gpa & size - 1) | word();
            }
        }
        return linear;
    }

    private Expected done(Keyed keys, long linear, int access, long result) {
        List<KnownDeviation> deviations = deviations(keys, linear, access, result);
        keys.walker.walk(linear, access, SetBits.ACCESSED | SetBits.DIRTY, CheckOrder.ARCHITECTURAL);
        if (mode == PagingMode.PAE) {
            usePdpte(linear, deviations);
        }
        long gpa = WalkResult.address(result);
        long offset = ram.offset(gpa);
        boolean table = ram.use(ram.page(gpa)) == GuestRam.Use.TABLES;
        int value = 0;
        int seen = 0;
        int tolerated = 0;
        if ((access & Access.WRITE) != 0) {
            value = table ? ram.load32(offset) : DataWord.lowerHalf(random.nextInt());
            ram.store32(offset, value);
            overwritten.set((int) (offset / Long.BYTES), !table);
        } else if ((access & Access.EXECUTE) != 0) {
            seen = DataWord.tag(ram.load(offset));
        } else {
            seen = ram.load32(offset);
            tolerated = undecided.get((int) (offset / Integer.BYTES)) && (seen & RandomTables.ACCESSED) == 0
                    ? RandomTables.ACCESSED
                    : 0;
        }
        return new Expected(
                question(keys, linear, access, value), keys.state, AccessAnswer.done(seen), tolerated, deviations);
    }

    private Expected fault(Keyed keys, long linear, int access, long result) {
        List<KnownDeviation> deviations = deviations(keys, linear, access, result);
        int code = keys.plan.pageFaultErrorCode(result, access);
        for (KnownDeviation each : processor.deviations()) {
            int other = each.errorCode(code);
            if (other != code) {
                deviations.add(each);
                code = other;
            }
        }
        List<Walker.Step> path = keys.walker.explain(linear, access, CheckOrder.ARCHITECTURAL);
        for (Walker.Step step : path.subList(0, Math.max(0, path.size() - 1))) {
            undecided.set((int) (ram.offset(step.address()) / Integer.BYTES));
        }
        if (!path.isEmpty()) {
            refused(keys, path.getLast(), deviations);
        }
        if (mode == PagingMode.PAE) {
            usePdpte(linear, deviations);
        }
        return new Expected(
                question(keys, linear, access, 0), keys.state, AccessAnswer.pageFault(code, linear), 0, deviations);
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
    private static List<KnownDeviation> deviations(Keyed keys, long linear, int access, long result) {
        List<KnownDeviation> found = new ArrayList<>(2);
        for (Map.Entry<KnownDeviation, Walker> each : keys.without.entrySet()) {
            if (each.getValue().walk(linear, access, SetBits.NONE, CheckOrder.ARCHITECTURAL) != result) {
                found.add(each.getKey());
            }
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
