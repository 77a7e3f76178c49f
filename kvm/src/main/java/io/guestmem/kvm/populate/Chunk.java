package io.guestmem.kvm.populate;

import io.guestmem.abi.GuestPhysical;
import io.guestmem.abi.GuestRange;

/**
 * A part of a step that is inside one region and one chunk. One thread works on it; others read it when that thread has ended.
 *
 * <pre>{@code
 * start ────────── mapped ────────── written ────────── start + size
 *   needs nothing  │  only to be mapped │  has no content yet  │
 * }</pre>
 */
final class Chunk {
    final StepRun step;
    final PopulationTarget target;
    final long start;
    final long size;

    /** Where it begins in the target, in bytes. */
    final long targetOffset;

    long written;
    long mapped;

    Chunk(StepRun step, PopulationTarget target, long start, long size, long targetOffset) {
        this.step = step;
        this.target = target;
        this.start = start;
        this.size = size;
        this.targetOffset = targetOffset;
        this.written = step.step().isMapOnly() ? size : 0;
    }

    /** Whether content is put in whose order is measured. */
    boolean isOrdered() {
        return target.isOrdered() && !step.step().isMapOnly();
    }

    boolean isDone() {
        return mapped == size;
    }

    /** Whether nothing has happened to it. */
    boolean isUntouched() {
        return mapped == 0 && (written == 0 || step.step().isMapOnly());
    }

    /** Where content is to be put next. */
    GuestPhysical writeAt() {
        return new GuestPhysical(start + written);
    }

    /** Where it is to be mapped next. */
    GuestPhysical mapAt() {
        return new GuestPhysical(start + mapped);
    }

    /** What is to be mapped. */
    GuestRange toMap() {
        return GuestRange.of(start + mapped, size - mapped);
    }

    /** What has content and is not mapped; may be empty. */
    GuestRange onlyToMap() {
        return GuestRange.of(start + mapped, written - mapped);
    }

    /** What has no content yet; may be empty. */
    GuestRange toWrite() {
        return GuestRange.of(start + written, size - written);
    }
}
