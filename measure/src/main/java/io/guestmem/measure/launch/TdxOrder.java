package io.guestmem.measure.launch;

/** In which order a VMM adds and extends the pages of a section: it changes MRTD. */
public enum TdxOrder {
    /** Each page is extended before the next one is added: Linux 6.16 and later with QEMU 10.1, GCE, Cloud Hypervisor, td-shim. */
    PAGE,
    /** All pages of a section are added, then all are extended: Intel's patches up to QEMU 8.2, Ubuntu 24.04 ("two-pass"). */
    SECTION
}
