package io.guestmem.pager;

import io.guestmem.linux.Errno;
import io.guestmem.linux.InstallMode;
import io.guestmem.linux.InstallResult;
import io.guestmem.linux.LinuxException;
import io.guestmem.linux.MappedMemory;
import io.guestmem.linux.Userfaultfd;
import io.guestmem.linux.UserfaultfdEvents;
import io.guestmem.linux.WriteProtectMode;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * The real kernel behind the seam.
 *
 * @param pid of the process whose memory it is
 */
record KernelFaultPort(Userfaultfd userfaultfd, UserfaultfdEvents events, int pid) implements FaultPort {
    private static final Path MOST_MAPPINGS = Path.of("/proc/sys/vm/max_map_count");
    private static final long SHARE = 4;
    private static final Path SYSTEM = Path.of("/sys");
    private static final long HUGE = 2 << 20;

    /** Bits 63 and 62 of an entry of pagemap: present, and swapped. */
    private static final int PRESENT_OR_SWAPPED = 0xc0;

    /** For memory of this process. */
    KernelFaultPort(Userfaultfd userfaultfd, UserfaultfdEvents events) {
        this(userfaultfd, events, (int) ProcessHandle.current().pid());
    }

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
    public boolean unregister(long address, long length) {
        try {
            userfaultfd.unregister(address, length);
            return true;
        } catch (LinuxException refused) {
            if (!refused.errno().equals(Errno.EINVAL) && !refused.errno().equals(Errno.ENOMEM)) {
                throw refused;
            }
            return refused.errno().equals(Errno.EINVAL);
        }
    }

    /**
     * As pagemap says; of a process that may not be looked into, whether the pool has pages: then the answer is to be believed.
     *
     * <p>Linux 6.18 {@code hugetlb_mfill_atomic_pte} asks whether there is a slot for the page where it should ask what stands in it.
     */
    @Override
    public boolean isPresent(long address) {
        try (RandomAccessFile entries = new RandomAccessFile("/proc/" + pid + "/pagemap", "r")) {
            byte[] entry = new byte[Long.BYTES];
            entries.seek(address / MappedMemory.PAGE_SIZE * Long.BYTES);
            entries.readFully(entry);
            return (entry[Long.BYTES - 1] & PRESENT_OR_SWAPPED) != 0;
        } catch (IOException _) {
            return hasHugePages();
        }
    }

    private static boolean hasHugePages() {
        try {
            return HugePagePool.read(SYSTEM, HUGE).free() > 0;
        } catch (IOException _) {
            return true;
        }
    }

    @Override
    public long spareMappings() {
        // In one read: a number of sysctl ends behind the first one, and Files.readString begins with a single byte.
        try (BufferedReader line = Files.newBufferedReader(MOST_MAPPINGS)) {
            return Long.parseLong(line.readLine()) / SHARE;
        } catch (IOException | NumberFormatException _) {
            // A kernel that does not say.
            return 0;
        }
    }
}
