package io.guestmem.soft.confidential;

import io.guestmem.soft.LaunchSnapshot;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * The leaves of a TD's secure EPT: pages of 4 KiB.
 *
 * <pre>{@code
 *            PAGE.ADD, before FINALIZE
 *   FREE ──────────────────────────────────> MAPPED
 *    │ ^      PAGE.AUG             ACCEPT      │
 *    │ │  ┌────────────> PENDING ──────────────┤
 *    └─┼──┘                  │                 │
 *      └──── BLOCK, TRACK, PAGE.REMOVE ────────┘    contents are lost
 * }</pre>
 *
 * <p>Thread-safe. Source: TDX module 1.5, {@code TDH.MEM.PAGE.ADD}, {@code TDH.MEM.PAGE.AUG}, {@code TDH.MEM.PAGE.REMOVE}; Linux 7.2
 * {@code tdx.c:tdx_sept_set_private_spte}, {@code tdx_sept_remove_private_spte}.
 */
final class SecurePageTable {
    /** States of leaves. */
    enum State {
        FREE,
        PENDING,
        MAPPED
    }

    private final Map<Long, State> leaves = new HashMap<>();

    synchronized State state(long gfn) {
        return leaves.getOrDefault(gfn, State.FREE);
    }

    synchronized void set(long gfn, State state) {
        leaves.put(gfn, state);
    }

    /** {@code PAGE.AUG}, unless there is a leaf. */
    synchronized void augment(long gfn) {
        leaves.putIfAbsent(gfn, State.PENDING);
    }

    /** The guest accepts a page: whether it was pending. */
    synchronized boolean accept(long gfn) {
        return leaves.replace(gfn, State.PENDING, State.MAPPED);
    }

    synchronized void remove(long from, long to) {
        leaves.keySet().removeIf(gfn -> gfn >= from && gfn < to);
    }

    synchronized List<LaunchSnapshot.Page> pages() {
        List<LaunchSnapshot.Page> pages = new ArrayList<>();
        leaves.forEach((gfn, state) -> pages.add(new LaunchSnapshot.Page(gfn << 12, state.name())));
        return pages;
    }
}
