package io.guestmem.linux;

/**
 * An error number of the kernel.
 *
 * <p>A record and not an enum: a number that has no name here is kept and printed as it is.
 *
 * @param number 1 to 4095, as in {@code asm-generic/errno-base.h} and {@code asm-generic/errno.h}
 */
public record Errno(int number) {
    /** Operation not permitted. */
    public static final Errno EPERM = new Errno(1);
    /** No such file, or for {@code UFFDIO_COPY}: no such registered mapping. */
    public static final Errno ENOENT = new Errno(2);
    /** No such process: the address space is gone. */
    public static final Errno ESRCH = new Errno(3);
    /** A signal interrupted the call. */
    public static final Errno EINTR = new Errno(4);
    /** Input or output failed; for KVM: another process's VM, or a dead one. */
    public static final Errno EIO = new Errno(5);
    /** No such device or address. */
    public static final Errno ENXIO = new Errno(6);
    /** An argument list is too long. */
    public static final Errno E2BIG = new Errno(7);
    /** Not an open descriptor. */
    public static final Errno EBADF = new Errno(9);
    /** Try again; the same number as EWOULDBLOCK. */
    public static final Errno EAGAIN = new Errno(11);
    /** No memory. */
    public static final Errno ENOMEM = new Errno(12);
    /** Permission denied. */
    public static final Errno EACCES = new Errno(13);
    /** A bad address. */
    public static final Errno EFAULT = new Errno(14);
    /** Busy. */
    public static final Errno EBUSY = new Errno(16);
    /** It exists already. */
    public static final Errno EEXIST = new Errno(17);
    /** No such device, or the operation is not supported by it. */
    public static final Errno ENODEV = new Errno(19);
    /** Is a directory. */
    public static final Errno EISDIR = new Errno(21);
    /** An invalid argument. */
    public static final Errno EINVAL = new Errno(22);
    /** Too many open files in this process. */
    public static final Errno EMFILE = new Errno(24);
    /** Not an ioctl of this descriptor. */
    public static final Errno ENOTTY = new Errno(25);
    /** No space left. */
    public static final Errno ENOSPC = new Errno(28);
    /** The descriptor cannot seek. */
    public static final Errno ESPIPE = new Errno(29);
    /** The reading end is closed. */
    public static final Errno EPIPE = new Errno(32);
    /** The kernel has no such system call. */
    public static final Errno ENOSYS = new Errno(38);
    /** The peer closed the connection. */
    public static final Errno ECONNRESET = new Errno(104);
    /** Nobody listens there. */
    public static final Errno ECONNREFUSED = new Errno(111);
    /** Not supported. */
    public static final Errno EOPNOTSUPP = new Errno(95);
    /** The memory has a hardware error. */
    public static final Errno EHWPOISON = new Errno(133);

    /** Checks the range. */
    public Errno {
        if (number < 1 || number > 4095) {
            throw new IllegalArgumentException("not an errno: " + number);
        }
    }

    /**
     * The errno of a negative result of a system call.
     *
     * @param result in {@code [-4095, -1]}
     */
    public static Errno ofResult(long result) {
        return new Errno(Math.toIntExact(-result));
    }

    /** The symbolic name, such as {@code EINVAL}, or {@code errno 4000} where it has none here. */
    public String symbol() {
        return ErrnoNames.symbol(number);
    }

    @Override
    public String toString() {
        return symbol() + " (" + number + ")";
    }
}
