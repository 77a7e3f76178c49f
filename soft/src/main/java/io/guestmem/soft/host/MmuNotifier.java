package io.guestmem.soft.host;

/**
 * Who must hear before and after the host page tables of an address space change: a VM.
 *
 * <p>Calls come under the address space's {@code mmap_lock}, in pairs, possibly nested and from several threads. Between start
 * and end of a range no page of it may be used that was looked up before. Source: Linux 7.2 {@code mmu_notifier.h},
 * {@code kvm_main.c:kvm_mmu_notifier_invalidate_range_start}.
 */
public interface MmuNotifier {
    /**
     * A range is about to change.
     *
     * @param start first byte, an hva, page aligned
     * @param end first byte behind
     */
    void invalidateStart(long start, long end);

    /** The change is done. */
    void invalidateEnd(long start, long end);
}
