package io.guestmem.kvm.populate;

/** Why a step is wanted. The order of the constants is the order in which a plan is carried out. */
public enum Purpose {
    /** The guest cannot start without it: kernel, firmware, boot tables. */
    BOOT,
    /** What the guest touches next, as recorded from an earlier run. */
    WORKING_SET,
    /** All the rest of a snapshot. */
    SNAPSHOT
}
