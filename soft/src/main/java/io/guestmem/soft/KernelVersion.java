package io.guestmem.soft;

/** The kernel whose behaviour the software kernel shows, where versions differ. */
public enum KernelVersion {
    /**
     * Linux 6.12: only VMs with private memory have memslots with a guest_memfd, which takes no flags; a pre-fault replaces a leaf
     * that is there, and waits for a memslot that is being deleted, which waits for it; the end of dirty logging zaps tables that
     * could be large leaves.
     */
    V6_12("6.12"),
    /** Linux 6.18: guest_memfds can be mapped; a range bound twice is {@code EINVAL}; EFER is not checked with the sregs. */
    V6_18("6.18"),
    /** Linux 7.2: what is written here without another version. */
    V7_2("7.2");

    private final String release;

    KernelVersion(String release) {
        this.release = release;
    }

    /** As {@code uname -r} begins: {@code 6.12}. */
    public String release() {
        return release;
    }

    /** Whether this version is another one or a later one. */
    public boolean atLeast(KernelVersion other) {
        return compareTo(other) >= 0;
    }
}
