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
     * The vCPU runs a guest of its guest: its addresses go through tables that KVM shows nobody, so they cannot be translated
     * from outside.
     */
    record InGuestMode() implements Translate2Result {}
}
