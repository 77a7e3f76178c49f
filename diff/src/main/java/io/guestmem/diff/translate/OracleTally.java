package io.guestmem.diff.translate;

import io.guestmem.paging.PagingMode;
import java.util.EnumMap;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** What one oracle showed in one paging mode. Not thread-safe. */
public final class OracleTally {
    private static final double NANOSECONDS = 1e9;

    private final String oracle;
    private final PagingMode mode;
    private final Map<KnownDeviation, Long> explained = new EnumMap<>(KnownDeviation.class);
    private long cases;
    private long faults;
    private long nanoseconds;
    private @Nullable String missing;
    private @Nullable OracleDifference difference;

    OracleTally(String oracle, PagingMode mode) {
        this.oracle = oracle;
        this.mode = mode;
    }

    void missing(String reason) {
        missing = reason;
    }

    void counted(boolean fault) {
        cases++;
        faults += fault ? 1 : 0;
    }

    void explained(KnownDeviation deviation) {
        explained.merge(deviation, 1L, Long::sum);
    }

    void differs(OracleDifference found) {
        if (difference == null) {
            difference = found;
        }
    }

    /** In all, so far. */
    void took(long time) {
        nanoseconds = time;
    }

    boolean isGoingOn() {
        return missing == null && difference == null;
    }

    /** {@code KVM_TRANSLATE} or {@code access}. */
    public String oracle() {
        return oracle;
    }

    /** The paging mode. */
    public PagingMode mode() {
        return mode;
    }

    /** Cases that were compared. */
    public long cases() {
        return cases;
    }

    /** How many of them have no translation. */
    public long faults() {
        return faults;
    }

    /** The time that they took, in seconds. */
    public double seconds() {
        return nanoseconds / NANOSECONDS;
    }

    /** How often each deviation made another answer than the architecture's. */
    public Map<KnownDeviation, Long> explained() {
        return Map.copyOf(explained);
    }

    /** Why the oracle says nothing about this mode, if it does not. */
    public Optional<String> missing() {
        return Optional.ofNullable(missing);
    }

    /** The first difference that nothing explains. */
    public Optional<OracleDifference> difference() {
        return Optional.ofNullable(difference);
    }
}
