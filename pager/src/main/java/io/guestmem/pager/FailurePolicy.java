package io.guestmem.pager;

/** What happens to a guest whose page cannot be had. Zeroes in its place never do. */
public enum FailurePolicy {
    /** The page is poisoned: who touches it gets SIGBUS, a guest a machine check; all other pages stay good. */
    POISON,
    /** The VMM gets SIGKILL. */
    KILL,
    /** The vCPU that touched the page waits for ever. */
    HANG
}
