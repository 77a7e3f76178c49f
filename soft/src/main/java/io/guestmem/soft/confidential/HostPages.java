package io.guestmem.soft.confidential;

import io.guestmem.abi.EncRegionLayout;
import io.guestmem.soft.LaunchSnapshot;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;

/**
 * Memory of the process that belongs to a SEV guest: what was registered, and what was encrypted where it lies. Under the VM's
 * lock, but for {@link #snapshot}. Source: Linux 7.2 {@code sev.c:sev_pin_memory}, {@code sev_mem_enc_register_region}.
 *
 * <p>Pages are faulted in, not pinned: who frees or moves them destroys what the guest had there.
 */
final class HostPages {
    private static final int PAGE_SHIFT = 12;
    private static final long PAGE = 1 << PAGE_SHIFT;

    private final GuestMachine machine;
    private final Set<Region> regions = new HashSet<>();
    private final Set<Long> encrypted = new TreeSet<>();

    /** As {@link EncRegionLayout} has it. */
    private record Region(long address, long size) {}

    HostPages(GuestMachine machine) {
        this.machine = machine;
    }

    /** How many pages a range touches; 0 for one that is empty or wraps. */
    static int count(long address, long length) {
        boolean none = length == 0 || Long.compareUnsigned(address + length, address) < 0;
        return none ? 0 : (int) (((address + length - 1) >>> PAGE_SHIFT) - (address >>> PAGE_SHIFT) + 1);
    }

    /** Finds the frames of a range: 0, {@code -EINVAL} for an empty one, {@code -ENOMEM} if not all of it can be pinned, whatever the reason. */
    int find(long address, long length, long[] frames) {
        if (frames.length != count(address, length) || frames.length == 0) {
            return Failure.EINVAL;
        }
        for (int i = 0; i < frames.length; i++) {
            long pfn = machine.hostPage((address & -PAGE) + i * PAGE);
            if (pfn < 0) {
                return Failure.ENOMEM;
            }
            frames[i] = pfn;
        }
        return 0;
    }

    static boolean areContiguous(long[] frames) {
        for (int i = 1; i < frames.length; i++) {
            if (frames[i] != frames[0] + i) {
                return false;
            }
        }
        return true;
    }

    synchronized void encrypted(long hva) {
        encrypted.add(hva & -PAGE);
    }

    long register(long address, long size) {
        if (size == 0 || Long.compareUnsigned(address + size, address) < 0) {
            return Failure.EINVAL;
        }
        for (long page = address & -PAGE; Long.compareUnsigned(page, address + size) < 0; page += PAGE) {
            long pfn = machine.hostPage(page);
            if (pfn < 0) {
                return Failure.ENOMEM;
            }
        }
        regions.add(new Region(address, size));
        return 0;
    }

    long unregister(long address, long size) {
        return regions.remove(new Region(address, size)) ? 0 : Failure.EINVAL;
    }

    synchronized List<LaunchSnapshot.Page> snapshot() {
        return encrypted.stream()
                .map(hva -> new LaunchSnapshot.Page(hva, "ENCRYPTED"))
                .toList();
    }
}
