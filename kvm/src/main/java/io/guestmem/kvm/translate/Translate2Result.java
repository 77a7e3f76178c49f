package io.guestmem.kvm.translate;

import io.guestmem.paging.Translate2;
import java.util.Set;

/** What became of a request. */
public sealed interface Translate2Result {
    /**
     * It was answered.
     *
     * @param answer what the struct would say
     * @param writtenPages physical addresses of the pages of page tables in which bits were set, ascending: KVM's dirty log does
     *     not have them
     */
    record Answered(Translate2.Answer answer, Set<Long> writtenPages) implements Translate2Result {
        /** Copies the set. */
        public Answered {
            writtenPages = Set.copyOf(writtenPages);
        }
    }

    /** {@code EINVAL}: flags and access make no sense. */
    record Invalid() implements Translate2Result {}

    /**
     * The vCPU runs a guest of its guest: the registers are that guest's, and the root of the second stage is only in the control
     * structure that {@code KVM_GET_NESTED_STATE} has behind its header, which is not read. Who knows the root can walk with
     * {@link io.guestmem.paging.Walker#nested}.
     */
    record InGuestMode() implements Translate2Result {}
}
