package io.guestmem.pager;

import io.guestmem.linux.Errno;
import java.util.SortedMap;
import java.util.TreeMap;

/**
 * What became of the 2 MiB pieces of a guest's memory.
 *
 * @param huge are huge pages now
 * @param notWhole have pages that were never installed or were given back: nothing was tried
 * @param busy were left alone, as faults came in all the time
 * @param refused by errno number
 */
public record CollapseReport(long huge, long notWhole, long busy, SortedMap<Integer, Long> refused) {
    /** Copies the map. */
    public CollapseReport {
        refused = new TreeMap<>(refused);
    }

    /** One line. */
    @Override
    public String toString() {
        StringBuilder text = new StringBuilder();
        text.append(huge).append(" pieces are huge pages");
        if (notWhole > 0) {
            text.append(", ").append(notWhole).append(" are not populated");
        }
        if (busy > 0) {
            text.append(", ").append(busy).append(" were busy");
        }
        refused.forEach((errno, count) ->
                text.append(", ").append(count).append(" refused: ").append(new Errno(errno)));
        return text.toString();
    }
}
