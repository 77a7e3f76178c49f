package io.guestmem.soft.confidential;

import io.guestmem.abi.ErrorNumber;

/** Negated errnos, as commands answer them. */
final class Failure {
    static final int EPERM = -ErrorNumber.EPERM.number();
    static final int EINTR = -ErrorNumber.EINTR.number();
    static final int EIO = -ErrorNumber.EIO.number();
    static final int E2BIG = -ErrorNumber.E2BIG.number();
    static final int EAGAIN = -ErrorNumber.EAGAIN.number();
    static final int ENOMEM = -ErrorNumber.ENOMEM.number();
    static final int EFAULT = -ErrorNumber.EFAULT.number();
    static final int EBUSY = -ErrorNumber.EBUSY.number();
    static final int EEXIST = -ErrorNumber.EEXIST.number();
    static final int EINVAL = -ErrorNumber.EINVAL.number();
    static final int ENOTTY = -ErrorNumber.ENOTTY.number();
    static final int EOPNOTSUPP = -ErrorNumber.EOPNOTSUPP.number();

    private Failure() {}
}
