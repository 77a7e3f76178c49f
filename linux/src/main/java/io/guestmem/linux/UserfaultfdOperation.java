package io.guestmem.linux;

import java.util.EnumSet;
import java.util.Set;

/** An ioctl that the kernel allows on a registered range. Source: Linux 6.12 {@code linux/userfaultfd.h}. */
public enum UserfaultfdOperation {
    /** {@link Userfaultfd#wake}. */
    WAKE(2),
    /** {@link Userfaultfd#copy(long, long, long, InstallMode)}. */
    COPY(3),
    /** {@link Userfaultfd#zeropage}. */
    ZEROPAGE(4),
    /** {@code UFFDIO_MOVE}. */
    MOVE(5),
    /** {@link Userfaultfd#writeProtect}. */
    WRITEPROTECT(6),
    /** {@link Userfaultfd#continueRange}. */
    CONTINUE(7),
    /** {@link Userfaultfd#poison}. */
    POISON(8);

    private final int number;

    UserfaultfdOperation(int number) {
        this.number = number;
    }

    static Set<UserfaultfdOperation> of(long ioctls) {
        EnumSet<UserfaultfdOperation> operations = EnumSet.noneOf(UserfaultfdOperation.class);
        for (UserfaultfdOperation operation : values()) {
            if ((ioctls >>> operation.number & 1) != 0) {
                operations.add(operation);
            }
        }
        return operations;
    }
}
