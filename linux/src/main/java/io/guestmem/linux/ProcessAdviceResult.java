package io.guestmem.linux;

/** How {@code process_madvise(2)} ended. */
public sealed interface ProcessAdviceResult {
    /**
     * All ranges are done.
     *
     * @param bytes their sum
     */
    record Complete(long bytes) implements ProcessAdviceResult {}

    /**
     * The kernel stopped early. Ask for the rest: that answer tells why it stopped.
     *
     * @param bytes of the ranges that were done wholly, more than 0 and less than the sum
     */
    record Partial(long bytes) implements ProcessAdviceResult {}

    /**
     * Nothing is done; the first range may have been worked on in part.
     *
     * @param errno {@code ESRCH} if the process is gone, {@code EPERM} without CAP_SYS_NICE or ptrace access, {@code EINVAL}
     *     for advice that is not for other processes, and for collapse {@code EBUSY}, {@code EAGAIN}, {@code ENOMEM} or
     *     {@code EINVAL} if the pages could not be made one
     */
    record Refused(Errno errno) implements ProcessAdviceResult {}

    /** The meaning of the system call's result. */
    static ProcessAdviceResult of(long result, long wanted) {
        if (result < 0) {
            return new Refused(Errno.ofResult(result));
        }
        return result < wanted ? new Partial(result) : new Complete(result);
    }
}
