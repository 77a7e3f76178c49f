package io.guestmem.kvm.populate;

import io.guestmem.abi.ErrorNumber;
import io.guestmem.abi.GuestPhysical;
import io.guestmem.linux.InstallMode;
import io.guestmem.linux.InstallResult;
import io.guestmem.linux.Userfaultfd;
import java.lang.foreign.MemorySegment;

/**
 * Another process's memory under a userfaultfd. A page that is there already keeps its content and counts as done: whoever waits
 * for it is woken.
 *
 * @param userfaultfd registered for missing pages; stays owned by the caller
 * @param address of the range in the other process
 */
public record UserfaultfdTarget(Userfaultfd userfaultfd, long address) implements PopulationTarget {
    /** The owner of the address space has gone. */
    private static final int ESRCH = 3;

    @Override
    public String call() {
        return "UFFDIO_COPY";
    }

    @Override
    public long write(long offset, MemorySegment content) {
        return result(userfaultfd.copy(address + offset, content, InstallMode.WAKE), offset);
    }

    @Override
    public long zero(long offset, long length) {
        return result(userfaultfd.zeropage(address + offset, length, InstallMode.WAKE), offset);
    }

    private long result(InstallResult result, long offset) {
        return switch (result) {
            case InstallResult.Complete complete -> complete.bytes();
            case InstallResult.Partial partial -> partial.bytes();
            case InstallResult.AlreadyPresent _ -> {
                userfaultfd.wake(address + offset, GuestPhysical.PAGE_SIZE);
                yield GuestPhysical.PAGE_SIZE;
            }
            case InstallResult.Changing _ -> -ErrorNumber.EAGAIN.number();
            case InstallResult.NotRegistered _ -> -ErrorNumber.ENOENT.number();
            case InstallResult.Gone _ -> -ESRCH;
            case InstallResult.OutOfMemory _ -> -ErrorNumber.ENOMEM.number();
            case InstallResult.Refused refused -> -refused.errno().number();
        };
    }

    /** There is nothing to map before there is content. */
    @Override
    public long touch(long offset, long length, Access access) {
        return -ErrorNumber.EOPNOTSUPP.number();
    }

    @Override
    public long prefer(PageSize size, long offset, long length) {
        return -ErrorNumber.EINVAL.number();
    }
}
