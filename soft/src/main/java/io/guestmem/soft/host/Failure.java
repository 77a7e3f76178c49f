package io.guestmem.soft.host;

import io.guestmem.abi.ErrorNumber;

/** Negated errnos, as the operations of this package answer them. */
final class Failure {
    static final int EINTR = -ErrorNumber.EINTR.number();
    static final int ENOENT = -ErrorNumber.ENOENT.number();
    static final int ENOMEM = -ErrorNumber.ENOMEM.number();
    /** {@code EACCES}: not among the errnos of KVM, so {@link ErrorNumber} does not have it. */
    static final int EACCES = -13;

    static final int EFAULT = -ErrorNumber.EFAULT.number();
    static final int EBUSY = -ErrorNumber.EBUSY.number();
    static final int EEXIST = -ErrorNumber.EEXIST.number();
    static final int EINVAL = -ErrorNumber.EINVAL.number();
    static final int EHWPOISON = -ErrorNumber.EHWPOISON.number();

    private Failure() {}
}
