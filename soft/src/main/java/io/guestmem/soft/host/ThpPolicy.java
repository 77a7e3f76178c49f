package io.guestmem.soft.host;

/** Where transparent huge pages are used: {@code /sys/kernel/mm/transparent_hugepage/enabled}. */
public enum ThpPolicy {
    /** Nowhere. */
    NEVER,
    /** Where {@code MADV_HUGEPAGE} asked for them. */
    MADVISE,
    /** Everywhere but where {@code MADV_NOHUGEPAGE} forbade them. */
    ALWAYS
}
