package io.guestmem.soft.vm;

import io.guestmem.abi.ErrorNumber;

/** Negated errnos, as requests answer them. */
final class Failure {
    static final int EPERM = -ErrorNumber.EPERM.number();
    static final int ENOENT = -ErrorNumber.ENOENT.number();
    static final int EINTR = -ErrorNumber.EINTR.number();
    static final int EIO = -ErrorNumber.EIO.number();
    static final int ENXIO = -ErrorNumber.ENXIO.number();
    static final int E2BIG = -ErrorNumber.E2BIG.number();
    static final int EBADF = -ErrorNumber.EBADF.number();
    static final int EAGAIN = -ErrorNumber.EAGAIN.number();
    static final int ENOMEM = -ErrorNumber.ENOMEM.number();
    static final int EFAULT = -ErrorNumber.EFAULT.number();
    static final int EEXIST = -ErrorNumber.EEXIST.number();
    static final int ENODEV = -ErrorNumber.ENODEV.number();
    static final int EINVAL = -ErrorNumber.EINVAL.number();
    static final int ENOTTY = -ErrorNumber.ENOTTY.number();
    static final int ESPIPE = -ErrorNumber.ESPIPE.number();
    static final int EOPNOTSUPP = -ErrorNumber.EOPNOTSUPP.number();
    static final int EHWPOISON = -ErrorNumber.EHWPOISON.number();

    private Failure() {}
}
