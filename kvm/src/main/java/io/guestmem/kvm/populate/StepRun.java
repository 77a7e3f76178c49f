package io.guestmem.kvm.populate;

import io.guestmem.abi.GuestPhysical;
import io.guestmem.abi.GuestRange;
import io.guestmem.kvm.populate.StopReason.Kind;
import io.guestmem.linux.LinuxException;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** A step while it is carried out. The chunks belong to the threads that work on them; the rest is guarded by its monitor. */
final class StepRun {
    private final PopulationStep step;
    private final List<Chunk> chunks = new ArrayList<>();
    private final Set<Shortfall> shortfalls = EnumSet.noneOf(Shortfall.class);
    private @Nullable ContentReader reader;
    private @Nullable StopReason reason;

    StepRun(PopulationStep step) {
        this.step = step;
    }

    PopulationStep step() {
        return step;
    }

    /** In ascending order. */
    List<Chunk> chunks() {
        return chunks;
    }

    synchronized boolean isStopped() {
        return reason != null;
    }

    /** Nobody begins another chunk of it; of several reasons the one for the lowest address is kept. */
    synchronized void stop(StopReason why) {
        if (reason == null || why.at().compareTo(reason.at()) < 0) {
            reason = why;
        }
    }

    synchronized void fellShort(Shortfall shortfall) {
        shortfalls.add(shortfall);
    }

    /**
     * The source, opened by the first who needs it.
     *
     * @throws LinuxException if it cannot be opened
     */
    synchronized ContentReader reader() {
        ContentReader open = reader;
        if (open == null) {
            open = ContentReader.open(step.content());
            reader = open;
        }
        return open;
    }

    /** Closes the source. */
    synchronized void close() {
        if (reader != null) {
            reader.close();
        }
    }

    /** How it ended, when no thread works on it any more. */
    synchronized StepOutcome outcome() {
        if (!chunks.isEmpty() && chunks.stream().allMatch(Chunk::isDone)) {
            return new StepOutcome.Done(step, shortfalls);
        }
        StopReason why = reason == null ? cancelled() : reason;
        if (chunks.stream().allMatch(Chunk::isUntouched)) {
            return new StepOutcome.Refused(step, why);
        }
        long done = chunks.stream().mapToLong(chunk -> chunk.mapped).sum();
        return new StepOutcome.PartlyDone(step, done, left(), why, shortfalls);
    }

    private StopReason cancelled() {
        GuestPhysical at = chunks.stream()
                .filter(chunk -> !chunk.isDone())
                .map(Chunk::mapAt)
                .findFirst()
                .orElse(step.range().start());
        return StopReason.of(Kind.CANCELLED, at, "the population was cancelled");
    }

    private List<PopulationStep> left() {
        List<PopulationStep> left = new ArrayList<>();
        for (Chunk chunk : chunks) {
            if (step.isMapOnly()) {
                add(left, step.part(chunk.toMap()));
            } else {
                add(left, step.mapPart(chunk.onlyToMap()));
                add(left, step.part(chunk.toWrite()));
            }
        }
        return left;
    }

    /** Adds a part, to the one before if it goes on there in the same way. */
    private void add(List<PopulationStep> left, PopulationStep part) {
        GuestRange range = part.range();
        if (range.size() == 0) {
            return;
        }
        PopulationStep last = left.isEmpty() ? null : left.getLast();
        if (last != null
                && last.isMapOnly() == part.isMapOnly()
                && last.range().end().equals(range.start())) {
            GuestRange both = new GuestRange(last.range().start(), last.range().size() + range.size());
            left.set(left.size() - 1, part.isMapOnly() ? step.mapPart(both) : step.part(both));
        } else {
            left.add(part);
        }
    }
}
