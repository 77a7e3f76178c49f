package io.guestmem.abi;

import java.util.Optional;

/** The errnos that KVM answers with, as x86 numbers them. */
public enum ErrorNumber {
    /** Not permitted. */
    EPERM(1),
    /** No such memslot, or nothing to map there. */
    ENOENT(2),
    /** A signal. */
    EINTR(4),
    /** Another process's VM, a dead VM, or the firmware failed. */
    EIO(5),
    /** A dirty ring is in use. */
    ENXIO(6),
    /** Too many entries, or too large. */
    E2BIG(7),
    /** No such descriptor. */
    EBADF(9),
    /** Try again. */
    EAGAIN(11),
    /** No memory. */
    ENOMEM(12),
    /** A bad pointer, or guest memory that cannot be reached. */
    EFAULT(14),
    /** Something else is going on. */
    EBUSY(16),
    /** It exists already. */
    EEXIST(17),
    /** This file cannot do that. */
    ENODEV(19),
    /** A bad argument, or a request that a vCPU or the system does not know. */
    EINVAL(22),
    /** The host has too many open files. */
    ENFILE(23),
    /** The process has too many open files. */
    EMFILE(24),
    /** A request that a VM does not know. */
    ENOTTY(25),
    /** No space. */
    ENOSPC(28),
    /** Not a file with positions. */
    ESPIPE(29),
    /** Not supported here, or not yet. */
    EOPNOTSUPP(95),
    /** The memory is broken. */
    EHWPOISON(133);

    private static final ErrorNumber[] ALL = values();

    private final int number;

    ErrorNumber(int number) {
        this.number = number;
    }

    /** The positive number. */
    public int number() {
        return number;
    }

    /** The constant of an error number, if it is one of KVM's. */
    public static Optional<ErrorNumber> of(int errno) {
        for (ErrorNumber each : ALL) {
            if (each.number == errno) {
                return Optional.of(each);
            }
        }
        return Optional.empty();
    }

    /**
     * An error number as text: {@code EINVAL (22)}, or {@code errno 200 (200)} for one that is not above.
     *
     * @param errno the positive number
     */
    public static String symbol(int errno) {
        for (ErrorNumber each : ALL) {
            if (each.number == errno) {
                return each.name() + " (" + errno + ")";
            }
        }
        return "errno " + errno + " (" + errno + ")";
    }
}
