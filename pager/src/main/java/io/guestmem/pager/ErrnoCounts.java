package io.guestmem.pager;

import io.guestmem.linux.Errno;
import io.guestmem.linux.InstallResult;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.concurrent.atomic.AtomicLongArray;

/** What the kernel answered other than that it is done, by errno. Counting allocates nothing and is for one thread. */
final class ErrnoCounts {
    private static final int NUMBERS = 134;

    private final AtomicLongArray counts = new AtomicLongArray(NUMBERS);

    void count(InstallResult result) {
        int errno = switch (result) {
            case InstallResult.Complete _, InstallResult.Partial _ -> 0;
            case InstallResult.Changing _ -> Errno.EAGAIN.number();
            case InstallResult.AlreadyPresent _ -> Errno.EEXIST.number();
            case InstallResult.NotRegistered _ -> Errno.ENOENT.number();
            case InstallResult.Gone _ -> Errno.ESRCH.number();
            case InstallResult.OutOfMemory _ -> Errno.ENOMEM.number();
            case InstallResult.Refused refused -> refused.errno().number();
        };
        if (errno > 0) {
            int index = Math.min(errno, NUMBERS - 1);
            counts.setOpaque(index, counts.getPlain(index) + 1);
        }
    }

    /** Those that were ever answered. */
    SortedMap<Integer, Long> byNumber() {
        SortedMap<Integer, Long> some = new TreeMap<>();
        for (int errno = 0; errno < NUMBERS; errno++) {
            if (counts.getOpaque(errno) > 0) {
                some.put(errno, counts.getOpaque(errno));
            }
        }
        return some;
    }
}
