package io.guestmem.pager;

/** What happens to a guest whose page cannot be had. Zeroes in its place never do. */
public enum FailurePolicy {
    /** The page is poisoned: who touches it gets SIGBUS, a guest a machine check; all other pages stay good. */
    POISON("the page is poisoned"),
    /** The VMM gets SIGKILL. */
    KILL("the VM is killed"),
    /** The vCPU that touched the page waits for ever. */
    HANG("who touched the page waits");

    private final String done;

    FailurePolicy(String done) {
        this.done = done;
    }

    /** What was done, for messages. */
    String done() {
        return done;
    }
}
