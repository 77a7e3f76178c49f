package io.guestmem.paging;

/**
 * What an enumeration met.
 *
 * @param pages leaves that map something
 * @param runs that the visitor was told of
 * @param tables that were gone through, a table once for each way to it
 * @param repeated of those, the ones that had been met before: shared tables, or tables that point to themselves
 * @param reserved present entries with reserved bits: they map nothing
 * @param unreadable tables that lie where no memory can be read
 * @param stoppedAt the first linear address that was not looked at, because there were too many tables; -1 if the enumeration
 *     is complete
 */
public record MappingTotals(
        long pages, long runs, long tables, long repeated, long reserved, long unreadable, long stoppedAt) {
    /** Whether the whole range was looked at. */
    public boolean isComplete() {
        return stoppedAt == -1;
    }

    /** Both, one after the other. */
    MappingTotals and(MappingTotals next) {
        return new MappingTotals(
                pages + next.pages,
                runs + next.runs,
                tables + next.tables,
                repeated + next.repeated,
                reserved + next.reserved,
                unreadable + next.unreadable,
                isComplete() ? next.stoppedAt : stoppedAt);
    }

    MappingTotals withRuns(long count) {
        return new MappingTotals(pages, count, tables, repeated, reserved, unreadable, stoppedAt);
    }
}
