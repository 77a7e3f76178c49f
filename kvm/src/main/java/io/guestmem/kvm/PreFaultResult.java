package io.guestmem.kvm;

import io.guestmem.abi.ErrorNumber;
import io.guestmem.abi.GuestPhysical;

/**
 * How far {@link Vcpu#preFault} came, and why not further.
 *
 * <p>What was mapped before an error stays mapped; {@link #done} counts it.
 */
public sealed interface PreFaultResult {
    /** Bytes that are mapped now, from the start of the range. */
    long done();

    /**
     * The whole range is mapped.
     *
     * @param done its size in bytes
     */
    record Complete(long done) implements PreFaultResult {}

    /**
     * The kernel refused.
     *
     * @param done bytes mapped before
     * @param at where it stopped
     * @param error the reason that the kernel gives when asked again: EOPNOTSUPP without two-dimensional paging, ENOENT where
     *     there is no memslot, EFAULT where there is no memory behind it, EINVAL for a range that is not page aligned, EHWPOISON
     *     for broken memory, EINTR if signals left no progress for a second
     */
    record Refused(long done, GuestPhysical at, ErrorNumber error) implements PreFaultResult {}

    /**
     * The memslot was being deleted or moved for longer than the caller wanted to wait (EAGAIN).
     *
     * @param done bytes mapped before
     * @param at where it stopped
     */
    record Busy(long done, GuestPhysical at) implements PreFaultResult {}

    /**
     * The thread was interrupted ({@link Thread#interrupt}); its interrupt status is still set.
     *
     * @param done bytes mapped before
     * @param at where it stopped
     */
    record Interrupted(long done, GuestPhysical at) implements PreFaultResult {}
}
