package io.guestmem.pager.workingset;

import java.util.OptionalLong;

/**
 * What installing a working set ahead was good for.
 *
 * <p>The kernel does not say whether a page that is there was touched. So some pages of the set, chosen at random, are held back:
 * those that are demanded later show what share of the set the VM uses.
 *
 * @param planned pages of the set
 * @param installed of these, before anybody waited for them
 * @param late of these, pages that somebody waited for before they were installed
 * @param heldBack of these, pages that were held back
 * @param heldBackDemanded of those, pages that were demanded
 * @param missed pages that were demanded and do not stand in the set
 */
public record ReplayReport(long planned, long installed, long late, long heldBack, long heldBackDemanded, long missed) {
    /** An estimate of how many of the installed pages were used; empty if none was held back. */
    public OptionalLong useful() {
        if (heldBack == 0) {
            return OptionalLong.empty();
        }
        double replayed = planned - heldBack;
        double used = replayed * heldBackDemanded / heldBack - late;
        double share = replayed == late ? 0 : Math.clamp(used / (replayed - late), 0, 1);
        return OptionalLong.of(Math.round(share * installed));
    }

    /** An estimate of how many of the installed pages were not used; empty if none was held back. */
    public OptionalLong wasted() {
        OptionalLong useful = useful();
        return useful.isPresent() ? OptionalLong.of(installed - useful.getAsLong()) : useful;
    }
}
