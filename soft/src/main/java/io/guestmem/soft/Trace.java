package io.guestmem.soft;

import io.guestmem.soft.mmu.Spte;
import java.util.Locale;

/**
 * Hears what happens inside the software kernel's memory code, on the thread on which it happens. Thread-safe. Nothing is made
 * for it when nobody listens.
 */
@FunctionalInterface
public interface Trace {
    /** Something happened. */
    void event(Event event);

    /** The kinds of events. */
    enum Kind {
        /** A guest access or a prefetch faults. */
        FAULT,
        /** A stage-2 entry was replaced: before and after are its values. */
        ENTRY,
        /** A fault starts again. */
        RETRY,
        /** A range of gfns is zapped. */
        ZAP,
        /** The remote TLBs were flushed. */
        FLUSH,
        /** The host changes a range behind a VM. */
        INVALIDATE,
        /** A set of memslots was made active. */
        SLOTS
    }

    /**
     * One event. What does not apply is 0.
     *
     * @param gfn the first page
     * @param pages how many
     * @param level of the stage-2 entry: 1 is 4 KiB
     * @param before the stage-2 entry as it was
     * @param after the stage-2 entry as it is
     * @param why in words
     */
    record Event(Kind kind, long gfn, long pages, int level, long before, long after, String why) {
        /**
         * Whether a leaf became a leaf of another frame, which the kernel calls a bug ({@code tdp_mmu.c:__handle_changed_spte}).
         */
        public boolean changesFrame() {
            return kind == Kind.ENTRY
                    && Spte.isLeaf(before, level)
                    && Spte.isLeaf(after, level)
                    && Spte.pfn(before) != Spte.pfn(after);
        }

        /** The event as one line of JSON; entries are hexadecimal text, of tables without the address. */
        public String json() {
            return String.format(
                    Locale.ROOT,
                    "{\"event\":\"%s\",\"gfn\":%d,\"pages\":%d,\"level\":%d,\"before\":\"0x%x\",\"after\":\"0x%x\",\"why\":\"%s\"}",
                    kind.name().toLowerCase(Locale.ROOT),
                    gfn,
                    pages,
                    level,
                    Spte.reproducible(before, level),
                    Spte.reproducible(after, level),
                    why);
        }
    }
}
