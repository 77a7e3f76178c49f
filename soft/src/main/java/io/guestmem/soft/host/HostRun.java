package io.guestmem.soft.host;

import java.util.Locale;

/**
 * Neighbouring pages in the same state.
 *
 * @param start first address
 * @param end first address behind
 * @param state of each page
 * @param level of the entries: 1 for 4 KiB, 2 for 2 MiB, 3 for 1 GiB; 1 where there are none
 * @param protection of the mapping
 */
public record HostRun(long start, long end, HostPageState state, int level, Protection protection) {
    /** How many 4 KiB pages. */
    public long pages() {
        return (end - start) >>> Level.PAGE_SHIFT;
    }

    /** A line of a table for people: range, pages, entry size, protection, state. */
    @Override
    public String toString() {
        String size = switch (level) {
            case Level.GIGANTIC -> "1G";
            case Level.HUGE -> "2M";
            default -> "4K";
        };
        return String.format(Locale.ROOT, "%016x-%016x %10d %s %-10s %s", start, end, pages(), size, protection, state);
    }
}
