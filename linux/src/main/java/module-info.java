/** The only native door of guestmem: Linux system calls, typed, with no errno lost. Knows nothing of KVM and has no policy. */
module io.guestmem.linux {
    requires static transitive org.jspecify;

    exports io.guestmem.linux;
}
