package io.guestmem.linux;

/**
 * How an ioctl that installs, protects or poisons pages ended.
 *
 * <p>Source: Linux 7.2 {@code mm/userfaultfd.c}. The ioctl says twice how it went, in its errno and in the last field of its
 * argument: bytes done, or a negated errno, or untouched. Both are read here once and for all.
 */
public sealed interface InstallResult {
    /**
     * The whole range is done.
     *
     * @param bytes the length of the range
     */
    record Complete(long bytes) implements InstallResult {}

    /**
     * The kernel stopped early: a prefix is installed, and woken if that was asked for. Advance by {@code bytes} and ask for
     * the rest: that answer tells why it stopped.
     *
     * @param bytes more than 0 and less than the length of the range
     */
    record Partial(long bytes) implements InstallResult {}

    /**
     * {@code EAGAIN} and nothing is done: the address space is changing (an event is unread, or the thread behind it has not
     * run yet) or a lock was contended. Read the events and try again.
     */
    record Changing() implements InstallResult {}

    /** {@code EEXIST}: the first page is there already, nothing is done, and nobody was woken. */
    record AlreadyPresent() implements InstallResult {}

    /** {@code ENOENT}: no mapping, not registered, or the range goes beyond the end of a mapping; nothing is done. */
    record NotRegistered() implements InstallResult {}

    /** {@code ESRCH}: the address space is gone. */
    record Gone() implements InstallResult {}

    /** {@code ENOMEM}: no page could be had (memory limit of the owner's control group, empty hugetlb pool). */
    record OutOfMemory() implements InstallResult {}

    /**
     * Any other errno; nothing is done.
     *
     * @param errno {@code EINVAL} for alignment or an unknown mode, {@code EFAULT} for a source that cannot be read or a
     *     page to continue that is not there, or what else the kernel says
     */
    record Refused(Errno errno) implements InstallResult {}

    /**
     * The meaning of an ioctl's result.
     *
     * @param result 0, or a negated errno
     * @param done the last field of the argument, which was 0 before the call
     * @param length of the range, in bytes
     */
    static InstallResult of(long result, long done, long length) {
        if (result >= 0) {
            return length == MappedMemory.PAGE_SIZE ? Frequent.PAGE : new Complete(length);
        }
        if (done > 0) {
            return new Partial(done);
        }
        Errno errno = Errno.ofResult(result);
        if (errno.equals(Errno.EAGAIN)) {
            return Frequent.CHANGING;
        } else if (errno.equals(Errno.EEXIST)) {
            return Frequent.ALREADY_PRESENT;
        } else if (errno.equals(Errno.ENOENT)) {
            return new NotRegistered();
        } else if (errno.equals(Errno.ESRCH)) {
            return new Gone();
        } else if (errno.equals(Errno.ENOMEM)) {
            return new OutOfMemory();
        }
        return new Refused(errno);
    }

    /** What a page server sees for each fault: made once, so that serving one allocates nothing. */
    final class Frequent {
        private static final Complete PAGE = new Complete(MappedMemory.PAGE_SIZE);
        private static final Changing CHANGING = new Changing();
        private static final AlreadyPresent ALREADY_PRESENT = new AlreadyPresent();

        private Frequent() {}
    }
}
