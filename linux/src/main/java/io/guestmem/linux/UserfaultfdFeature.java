package io.guestmem.linux;

import java.util.EnumSet;
import java.util.Set;

/** What can be asked for in the handshake of a userfaultfd. Source: Linux 6.12 {@code linux/userfaultfd.h}. */
public enum UserfaultfdFeature {
    /** Write-protect faults of anonymous memory. */
    PAGEFAULT_FLAG_WP(0),
    /**
     * {@link UserfaultfdEvent.Fork}; needs CAP_SYS_PTRACE. Not for a JVM that guards its own memory: {@code fork(2)} holds the
     * locks of {@code malloc} until the event is read, and the reading thread may need them.
     */
    EVENT_FORK(1),
    /** {@link UserfaultfdEvent.Remap}. */
    EVENT_REMAP(2),
    /** {@link UserfaultfdEvent.Remove}. */
    EVENT_REMOVE(3),
    /** Missing faults of hugetlbfs. */
    MISSING_HUGETLBFS(4),
    /** Missing faults of shared memory. */
    MISSING_SHMEM(5),
    /** {@link UserfaultfdEvent.Unmap}. */
    EVENT_UNMAP(6),
    /** A fault is a SIGBUS and no event. */
    SIGBUS(7),
    /** {@link UserfaultfdEvent.PageFault#threadId}. */
    THREAD_ID(8),
    /** Minor faults of hugetlbfs (5.13). */
    MINOR_HUGETLBFS(9),
    /** Minor faults of shared memory (5.14). */
    MINOR_SHMEM(10),
    /** Fault addresses are not rounded down to the page (5.18). */
    EXACT_ADDRESS(11),
    /** Write-protect faults of hugetlbfs and shared memory (5.19). */
    WP_HUGETLBFS_SHMEM(12),
    /** Write-protection of pages that are not there (6.4). */
    WP_UNPOPULATED(13),
    /** {@link Userfaultfd#poison} (6.6). */
    POISON(14),
    /** Write-protect faults are resolved by the kernel, and only recorded (6.7). */
    WP_ASYNC(15),
    /** {@code UFFDIO_MOVE} inside one address space (6.8). */
    MOVE(16);

    private final long bit;

    UserfaultfdFeature(int position) {
        this.bit = 1L << position;
    }

    static long bits(Set<UserfaultfdFeature> features) {
        return features.stream().mapToLong(feature -> feature.bit).reduce(0, (a, b) -> a | b);
    }

    static Set<UserfaultfdFeature> of(long bits) {
        EnumSet<UserfaultfdFeature> features = EnumSet.noneOf(UserfaultfdFeature.class);
        for (UserfaultfdFeature feature : values()) {
            if ((bits & feature.bit) != 0) {
                features.add(feature);
            }
        }
        return features;
    }
}
