package io.guestmem.kvm.populate;

import io.guestmem.abi.GuestPhysical;
import io.guestmem.abi.GuestRange;
import io.guestmem.abi.KernelException;
import io.guestmem.kvm.Vm;
import io.guestmem.kvm.populate.StopReason.Kind;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** Looks at every step of a plan before anything is done, and cuts those that can be done into chunks. */
final class PlanCheck {
    private final Populator populator;

    /** The ranges that steps have taken: the first byte behind each, by the first. */
    private final TreeMap<Long, Long> taken = new TreeMap<>();

    PlanCheck(Populator populator) {
        this.populator = populator;
    }

    /** Every step, those that cannot be done stopped already. */
    List<StepRun> check(PopulationPlan plan) {
        List<StepRun> runs = new ArrayList<>();
        for (PopulationStep step : plan.steps()) {
            StepRun run = new StepRun(step);
            check(run);
            runs.add(run);
        }
        return runs;
    }

    private void check(StepRun run) {
        PopulationStep step = run.step();
        GuestPhysical start = step.range().start();
        if (step.malformed().isPresent()) {
            run.stop(StopReason.of(Kind.MALFORMED, start, step.malformed().get()));
            return;
        }
        long end = start.value() + step.range().size();
        Map.Entry<Long, Long> before = taken.lowerEntry(end);
        if (before != null && before.getValue() > start.value()) {
            GuestPhysical at = new GuestPhysical(Math.max(before.getKey(), start.value()));
            run.stop(StopReason.of(Kind.OVERLAPS, at, "an earlier step of the plan has it"));
            return;
        }
        taken.put(start.value(), end);
        List<Chunk> chunks = new ArrayList<>();
        for (long at = start.value(); at < end && !run.isStopped(); ) {
            at = cut(run, at, end, chunks);
        }
        run.chunks().addAll(chunks);
    }

    /** Cuts what is in one region, or stops the step; returns where the region ends. */
    private long cut(StepRun run, long at, long end, List<Chunk> chunks) {
        GuestMemory.Region region = populator.memory().at(at).orElse(null);
        if (region == null) {
            run.stop(StopReason.of(Kind.OUTSIDE_MEMSLOTS, new GuestPhysical(at), "no memslot has it"));
            return end;
        }
        PopulationTarget target = region.target(run.step().flavour()).orElse(null);
        if (target == null) {
            run.stop(StopReason.of(
                    Kind.NOT_POSSIBLE, new GuestPhysical(at), "the memslot has no guest_memfd for private memory"));
            return end;
        }
        long until = Math.min(end, region.end());
        long chunk = populator.chunkSize();
        for (long start = at; start < until; ) {
            long next = Math.min(until, start - start % chunk + chunk);
            chunks.add(new Chunk(run, target, start, next - start, start - region.start()));
            start = next;
        }
        return until;
    }

    /** Gives the range of a step its flavour and its advice. */
    void prepare(StepRun run) {
        PopulationStep step = run.step();
        try {
            Vm vm = populator.vm().orElse(null);
            if (vm != null && vm.type().privateMemory()) {
                vm.setPrivate(step.range(), step.flavour() == Flavour.PRIVATE);
            }
            if (step.pageSize() != PageSize.ANY) {
                prefer(run);
            }
        } catch (KernelException refused) {
            run.stop(StopReason.refused(refused.request(), step.range().start(), refused.errno()));
        } catch (IllegalStateException closed) {
            run.stop(closed(step.range(), closed));
        }
    }

    private static void prefer(StepRun run) {
        for (Chunk chunk : run.chunks()) {
            if (chunk.target.prefer(run.step().pageSize(), chunk.targetOffset, chunk.size) < 0) {
                run.fellShort(Shortfall.PAGE_SIZE_NOT_GIVEN);
            }
        }
    }

    static StopReason closed(GuestRange range, IllegalStateException closed) {
        return StopReason.of(Kind.CLOSED, range.start(), String.valueOf(closed.getMessage()));
    }
}
