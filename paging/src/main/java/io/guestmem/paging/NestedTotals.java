package io.guestmem.paging;

/**
 * What an enumeration of two stages met.
 *
 * @param guest the guest's own tables; those that the second stage does not let a processor read count as unreadable
 * @param runs that the consumer was told of
 * @param missing bytes that the guest maps, and the second stage does not
 * @param stage the second stage's tables, each as often as it was needed
 * @param stoppedAt the first linear address whose page was not looked for in the second stage, because too many of its entries had
 *     been read; -1 if there is none
 */
public record NestedTotals(MappingTotals guest, long runs, long missing, MappingTotals stage, long stoppedAt) {
    /** Whether the whole range was looked at. */
    public boolean isComplete() {
        return guest.isComplete() && stoppedAt == -1;
    }
}
