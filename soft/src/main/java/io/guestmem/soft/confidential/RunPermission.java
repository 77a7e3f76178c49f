package io.guestmem.soft.confidential;

/** What {@code KVM_RUN} does, by the state of the launch. */
public enum RunPermission {
    /** The guest runs. */
    ENTERS,
    /** {@code EINVAL}: the guest is not ready. */
    INVALID,
    /** {@code KVM_EXIT_FAIL_ENTRY}: the processor refuses registers that are not encrypted yet. */
    FAILS
}
