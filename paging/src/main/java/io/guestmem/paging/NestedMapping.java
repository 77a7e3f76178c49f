package io.guestmem.paging;

/**
 * A run of neighbouring pages that a guest maps and a second stage has: neighbours in the guest's physical memory and in the
 * host's.
 *
 * @param linear its first address; sign-extended in the long modes
 * @param guestPhysical what the guest's tables make of that
 * @param physical what the second stage makes of that
 * @param size in bytes
 * @param pageSize the smaller of the sizes that both stages have, in bytes
 * @param readable whether the second stage grants reading
 * @param writable whether both stages grant writing
 * @param user whether the guest's tables grant user mode
 * @param executable whether both stages grant execution, by the mode to which the guest's tables give the page
 * @param accessed whether the guest's leaves are marked as used
 * @param dirty whether the guest's leaves are marked as written
 */
public record NestedMapping(
        long linear,
        long guestPhysical,
        long physical,
        long size,
        long pageSize,
        boolean readable,
        boolean writable,
        boolean user,
        boolean executable,
        boolean accessed,
        boolean dirty) {

    /** This and the next as one, if that continues it. */
    boolean isContinuedBy(NestedMapping next) {
        return next.equals(new NestedMapping(
                linear + size,
                guestPhysical + size,
                physical + size,
                next.size,
                pageSize,
                readable,
                writable,
                user,
                executable,
                accessed,
                dirty));
    }

    NestedMapping withSize(long bytes) {
        return new NestedMapping(
                linear,
                guestPhysical,
                physical,
                bytes,
                pageSize,
                readable,
                writable,
                user,
                executable,
                accessed,
                dirty);
    }
}
