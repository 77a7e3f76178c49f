package io.guestmem.soft.host;

/**
 * Copies one address space to a new one: {@code fork(2)}. For holders of the host's lock.
 *
 * <p>Private mappings that ever got a page of their own are copied inside an invalidation of the whole mapping: pages become
 * read-only in both, and are copied when one of the two writes. Other mappings are copied without pages; they can be faulted
 * in again. Source: Linux 7.2 {@code mm/memory.c:copy_page_range, vma_needs_copy, copy_present_ptes}.
 */
final class Fork {
    private final AddressSpace parent;
    private final AddressSpace child;

    Fork(AddressSpace parent, AddressSpace child) {
        this.parent = parent;
        this.child = child;
    }

    void copy() {
        for (Mapping mapping : parent.mappings.all()) {
            child.mappings.add(mapping.served(null).living(null));
            if (!mapping.shared() && parent.hasOwnPages(mapping.start())) {
                parent.notifiers.around(
                        mapping.start(),
                        mapping.end(),
                        () -> parent.table.visit(
                                mapping.start(),
                                mapping.end(),
                                (table, index, hva, entry) -> copy(mapping, table, index, hva, entry)));
            }
        }
    }

    private void copy(Mapping mapping, PageTable table, int index, long hva, long entry) {
        int level = Entry.level(entry);
        long copied = Entry.readOnly(entry);
        table.set(index, copied);
        if (Entry.isSwapped(entry)) {
            parent.host.swap.retain(Entry.slot(entry));
        } else if (Entry.hasFrame(entry) && mapping.home() != null) {
            copied = ownCopy(entry, level);
        } else if (Entry.hasFrame(entry) && !Entry.isZeroPage(entry)) {
            parent.frames.getPage(Entry.pfn(entry), level);
        }
        child.table.set(hva, level, copied);
    }

    /** Java code writes to pages at home without a fault, so that they cannot be shared. */
    private long ownCopy(long entry, int level) {
        long pfn = parent.frames.allocate(level);
        parent.frames.copy(Entry.pfn(entry), pfn, level);
        long page = Entry.page(pfn, level, Entry.ANONYMOUS);
        return Entry.isHidden(entry) ? Entry.hidden(page) : page;
    }
}
