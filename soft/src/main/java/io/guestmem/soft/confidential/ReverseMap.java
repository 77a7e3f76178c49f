package io.guestmem.soft.confidential;

import io.guestmem.soft.LaunchSnapshot;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * The entries of the reverse map table (RMP) for frames that belong to one SNP guest; all others are the hypervisor's.
 *
 * <pre>{@code
 *              assigned validated immutable
 *   SHARED         0        0         0      not in the table
 *   PRE_GUEST      1        0         1      being populated
 *   GUEST_VALID    1        1         0      populated, or validated by the guest
 *   GUEST_INVALID  1        0         0      faulted in after the launch
 * }</pre>
 *
 * <p>Thread-safe. Source: AMD APM volume 2, 15.36.3; Linux 7.2 {@code sev.c:sev_gmem_prepare}, {@code sev_gmem_post_populate},
 * {@code sev_gmem_invalidate}.
 */
final class ReverseMap {
    /** States of pages of 4 KiB. */
    enum State {
        SHARED,
        PRE_GUEST,
        GUEST_VALID,
        GUEST_INVALID
    }

    private record Entry(long gfn, State state) {}

    private final Map<Long, Entry> entries = new HashMap<>();

    synchronized State state(long pfn) {
        Entry entry = entries.get(pfn);
        return entry == null ? State.SHARED : entry.state();
    }

    /** {@code RMPUPDATE}: the frame becomes a page of the guest. */
    synchronized void assign(long pfn, long gfn, State state) {
        entries.put(pfn, new Entry(gfn, state));
    }

    /** {@code PVALIDATE}, or the firmware's doing. */
    synchronized void validate(long pfn) {
        entries.computeIfPresent(pfn, (_, entry) -> new Entry(entry.gfn(), State.GUEST_VALID));
    }

    /** {@code rmp_make_shared}. */
    synchronized void makeShared(long pfn) {
        entries.remove(pfn);
    }

    synchronized List<LaunchSnapshot.Page> pages() {
        List<LaunchSnapshot.Page> pages = new ArrayList<>();
        entries.values()
                .forEach(entry -> pages.add(
                        new LaunchSnapshot.Page(entry.gfn() << 12, entry.state().name())));
        return pages;
    }
}
