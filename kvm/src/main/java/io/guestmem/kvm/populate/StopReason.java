package io.guestmem.kvm.populate;

import io.guestmem.abi.ErrorNumber;
import io.guestmem.abi.GuestPhysical;
import java.util.OptionalInt;

/**
 * Why a step did not come to its end.
 *
 * @param kind what kind of reason
 * @param at the first byte that it is about
 * @param errno what the kernel answered, positive; empty if no call was refused
 * @param what in words: the call and the errno, or the rule
 */
public record StopReason(Kind kind, GuestPhysical at, OptionalInt errno, String what) {
    /** What a caller can do about it. */
    public enum Kind {
        /** The range is empty, unaligned or beyond guest-physical memory: the plan is wrong. */
        MALFORMED,
        /** An earlier step of the plan has a part of the range: the plan is wrong. */
        OVERLAPS,
        /** A part of the range is in no memslot that the populator knows. */
        OUTSIDE_MEMSLOTS,
        /** The source has fewer bytes than the range. */
        SOURCE_ENDED,
        /** The source cannot be opened or read. */
        SOURCE_FAILED,
        /** The kernel refused: {@link StopReason#errno} is the reason. Going on makes sense when that is remedied. */
        REFUSED,
        /** EAGAIN or signals for longer than the populator's patience: going on later makes sense. */
        BUSY,
        /** No way that this kernel has leads there. */
        NOT_POSSIBLE,
        /** The VM, a vCPU, memory or a descriptor was closed meanwhile. */
        CLOSED,
        /** {@link Population#cancel}, an interrupt, or a failure of another step that ended everything. */
        CANCELLED
    }

    static StopReason of(Kind kind, GuestPhysical at, String what) {
        return new StopReason(kind, at, OptionalInt.empty(), what);
    }

    static StopReason refused(String call, GuestPhysical at, long errno) {
        return refused(Kind.REFUSED, call, at, errno);
    }

    static StopReason refused(Kind kind, String call, GuestPhysical at, long errno) {
        int number = Math.toIntExact(errno);
        return new StopReason(kind, at, OptionalInt.of(number), call + ": " + ErrorNumber.symbol(number));
    }
}
