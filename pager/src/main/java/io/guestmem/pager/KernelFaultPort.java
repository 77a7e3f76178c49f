package io.guestmem.pager;

import io.guestmem.linux.Errno;
import io.guestmem.linux.InstallMode;
import io.guestmem.linux.InstallResult;
import io.guestmem.linux.LinuxException;
import io.guestmem.linux.Userfaultfd;
import io.guestmem.linux.UserfaultfdEvents;
import io.guestmem.linux.WriteProtectMode;

/** The real kernel behind the seam. */
record KernelFaultPort(Userfaultfd userfaultfd, UserfaultfdEvents events) implements FaultPort {
    @Override
    public int read() {
        return events.read(userfaultfd);
    }

    @Override
    public int reread() {
        return events.reread();
    }

    @Override
    public int kind(int index) {
        return events.kind(index);
    }

    @Override
    public long address(int index) {
        return events.address(index);
    }

    @Override
    public long flags(int index) {
        return events.flags(index);
    }

    @Override
    public long start(int index) {
        return events.start(index);
    }

    @Override
    public long end(int index) {
        return events.end(index);
    }

    @Override
    public void clear() {
        events.clear();
    }

    @Override
    public InstallResult copy(long destination, long source, long length, InstallMode mode) {
        return userfaultfd.copy(destination, source, length, mode);
    }

    @Override
    public InstallResult zeropage(long address, long length, InstallMode mode) {
        return userfaultfd.zeropage(address, length, mode);
    }

    @Override
    public InstallResult poison(long address, long length, InstallMode mode) {
        return userfaultfd.poison(address, length, mode);
    }

    @Override
    public InstallResult writeProtect(long address, long length, WriteProtectMode mode) {
        return userfaultfd.writeProtect(address, length, mode);
    }

    @Override
    public void wake(long address, long length) {
        userfaultfd.wake(address, length);
    }

    @Override
    public void unregister(long address, long length) {
        try {
            userfaultfd.unregister(address, length);
        } catch (LinuxException refused) {
            if (!refused.errno().equals(Errno.EINVAL) && !refused.errno().equals(Errno.ENOMEM)) {
                throw refused;
            }
        }
    }
}
