package io.guestmem.pager;

import java.util.Optional;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * Ends prefetching before the VM's control group is full: pages are charged to the VM, and what is installed ahead must not take
 * what the VM needs. Belongs to one thread.
 *
 * <p>The group is looked at again when an eighth of the room that it had was taken, or 1 GiB, as the VM takes some too.
 */
final class MemoryAllowance implements Allowance {
    private static final long MOST_UNSEEN = 1 << 30;
    private static final int PART = 8;
    private static final int WHOLE = 100;

    private final Supplier<MemoryGroups> source;
    private final int percent;
    private @Nullable MemoryGroups groups;
    private long unseen;

    /**
     * Makes it.
     *
     * @param groups is asked when it is needed
     * @param percent of each limit that may be used
     */
    MemoryAllowance(Supplier<MemoryGroups> groups, int percent) {
        this.source = groups;
        this.percent = percent;
    }

    @Override
    public String refuses(long bytes) {
        if (unseen < bytes) {
            MemoryGroups known = groups == null ? source.get() : groups;
            groups = known;
            Optional<MemoryGroups.Use> fullest = known.fullest();
            if (fullest.isPresent()) {
                MemoryGroups.Use use = fullest.get();
                long room = use.limit() / WHOLE * percent - use.used();
                if (room < bytes) {
                    return use + ", of which " + percent + "% may be used ahead of demand";
                }
                unseen = Math.clamp(room / PART, bytes, Math.max(bytes, MOST_UNSEEN));
            } else {
                unseen = Math.max(bytes, MOST_UNSEEN);
            }
        }
        unseen -= bytes;
        return "";
    }
}
