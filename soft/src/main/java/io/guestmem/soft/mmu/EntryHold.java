package io.guestmem.soft.mmu;

/**
 * A stage-2 entry that is kept frozen: whoever meets it retries.
 *
 * @param entry its address
 * @param before its value
 */
public record EntryHold(long entry, long before) {
    /** The entry is what it was. */
    public void release() {
        NativeMemory.getAndSet(entry, before);
    }
}
