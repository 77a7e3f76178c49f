package io.guestmem.linux;

/** How {@code madvise(2)} ended. Advice that the kernel cannot follow is an answer that callers must expect. */
public sealed interface AdviceResult {
    /** The kernel did it, or took note. */
    record Done() implements AdviceResult {}

    /**
     * The kernel refused or gave up. {@code MADV_POPULATE_*} may have populated a part of the range, and does not say how
     * much.
     *
     * @param errno {@code EINVAL} for advice this kernel does not know, {@code EFAULT} for memory that faults (a file that
     *     has become shorter), {@code EHWPOISON} for broken memory, {@code ENOMEM} for a range that is not wholly mapped or
     *     no memory, {@code EAGAIN} or {@code EBUSY} for resources that were busy (collapse)
     */
    record Refused(Errno errno) implements AdviceResult {}

    /** The result of the system call: 0 or more is done. */
    static AdviceResult of(long result) {
        return result < 0 ? new Refused(Errno.ofResult(result)) : new Done();
    }
}
