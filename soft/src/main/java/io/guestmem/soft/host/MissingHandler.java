package io.guestmem.soft.host;

/**
 * Serves the missing pages of a range, as who reads a userfaultfd does: by {@link AddressSpace#fill}.
 *
 * <p>Called by the faulting thread, without any lock of this package; may block. Thread-safe.
 */
@FunctionalInterface
public interface MissingHandler {
    /**
     * A page is missing.
     *
     * @param hva the page's first byte: of the huge page, for hugetlb
     * @param write whether it is to be written
     * @return true to look again, false if the wait was interrupted: the fault answers EINTR
     */
    boolean missing(long hva, boolean write);
}
