package io.guestmem.pager;

import io.guestmem.linux.Errno;
import io.guestmem.linux.InstallMode;
import io.guestmem.linux.InstallResult;
import io.guestmem.linux.MappedMemory;
import io.guestmem.linux.Mapping;
import io.guestmem.linux.Sharing;
import io.guestmem.linux.WriteProtectMode;
import io.guestmem.pager.handshake.GuestMap;
import io.guestmem.pager.source.PageSource;
import org.jspecify.annotations.Nullable;

/**
 * Puts pages into a guest, and understands every way in which the kernel may answer. One for each thread; installing a page of
 * 4096 bytes allocates nothing.
 *
 * <p>Source of the answers: Linux 7.2 {@code mm/userfaultfd.c}, see {@link InstallResult}.
 */
final class PageInstaller implements AutoCloseable {
    /** How far it came. */
    enum Outcome {
        /** The pages are there, and whoever waited for them is woken. */
        DONE,
        /** The address space is changing: read the messages and try again. */
        CHANGING,
        /** Nothing is registered there any more. */
        DROPPED,
        /** The process is gone. */
        GONE,
        /** No memory for a page. */
        NO_MEMORY,
        /** The content could not be read, which may be otherwise in a moment: {@link #reason}. */
        UNREADABLE,
        /** The content cannot be had, or the kernel refuses: {@link #reason}. */
        FAILED
    }

    private final Guest guest;
    private final GuestMap map;
    private final FaultPort port;
    private final PageSource source;
    private final Counters counters;

    /** Room for a page that lies in several extents. */
    private @Nullable Mapping assembled;

    private @Nullable Mapping zeros;

    /** Whether those who wait sleep on until {@link #wake}; between these addresses they do. */
    private boolean wakesLater;

    private long asleepFrom = Long.MAX_VALUE;
    private long asleepTo;

    private boolean noZeroPage;
    private boolean wasZero;
    private String reason = "";

    PageInstaller(Guest guest, Counters counters) {
        this.guest = guest;
        this.map = guest.map();
        this.port = guest.port();
        this.source = guest.source();
        this.counters = counters;
    }

    /** Whether the last page was one of zeroes. */
    boolean wasZero() {
        return wasZero;
    }

    /** Why the last call has {@link Outcome#FAILED}, is {@link Outcome#UNREADABLE} or has no memory. */
    String reason() {
        return reason;
    }

    /** Whether {@link #install} leaves those who wait asleep, until {@link #wake}: waking many at once costs less. */
    void wakeLater(boolean later) {
        wakesLater = later;
    }

    /** Wakes all who wait for what was installed since the last time; whoever waits for something in between faults again. */
    void wake() {
        if (asleepFrom < asleepTo) {
            port.wake(asleepFrom, asleepTo - asleepFrom);
            asleepFrom = Long.MAX_VALUE;
            asleepTo = 0;
        }
    }

    /**
     * Installs the page that somebody waits for: what the snapshot has or, if the guest gave it back, zeroes.
     *
     * @param write whether it will be written, and needs no write-protection
     */
    Outcome install(long page, boolean write) {
        boolean isProtected = false;
        DirtyPages dirty = guest.dirty();
        if (dirty != null) {
            if (write) {
                dirty.written(page, page + 1);
            } else {
                isProtected = true;
            }
        }
        InstallMode mode = isProtected ? InstallMode.WRITE_PROTECTED : InstallMode.WAKE;
        if (wakesLater) {
            long address = map.address(page);
            asleepFrom = Math.min(asleepFrom, address);
            asleepTo = Math.max(asleepTo, address + map.pageSize());
            mode = isProtected ? InstallMode.WRITE_PROTECTED_NO_WAKE : InstallMode.NO_WAKE;
        }
        return guest.states().get(page) == PageStates.NONE ? installContent(page, mode) : put(page, 1, 0, mode);
    }

    /** Allows writes to a page that is there, and wakes who waits for that. */
    Outcome allowWrites(long page) {
        return settle(counted(port.writeProtect(map.address(page), map.pageSize(), WriteProtectMode.ALLOW)), page);
    }

    /** Write-protects what is there of {@code [from, to)}, which lies in one region. */
    Outcome protect(long from, long to) {
        long length = (to - from) * map.pageSize();
        return settle(counted(port.writeProtect(map.address(from), length, WriteProtectMode.PROTECT)), from);
    }

    private Outcome installContent(long page, InstallMode mode) {
        long offset = map.offset(page);
        long end = offset + map.pageSize();
        if (end > source.length()) {
            return failed("the snapshot ends before", offset);
        }
        int extent = source.extentAt(offset);
        if (source.end(extent) < end) {
            return assemble(page, offset, mode);
        }
        if (source.isZero(extent)) {
            return put(page, 1, 0, mode);
        }
        if (source.readableEnd(extent) < end) {
            return failed("the snapshot has become shorter than", offset);
        }
        return put(page, 1, source.address(extent, offset), mode);
    }

    /** Installs pages of one extent that nobody waits for, from {@code from} to before {@code to}; all of them are NONE. */
    Outcome installAhead(long from, long to, int extent) {
        InstallMode mode = modeAhead();
        if (map.pageSize() != MappedMemory.PAGE_SIZE) {
            return installContent(from, mode);
        }
        return put(from, to - from, source.isZero(extent) ? 0 : source.address(extent, map.offset(from)), mode);
    }

    /** Installs pages that nobody waits for, all of them NONE, from a copy of their content at an address of this process. */
    Outcome installCopy(long from, long to, long address) {
        return put(from, to - from, address, modeAhead());
    }

    private InstallMode modeAhead() {
        return guest.dirty() == null ? InstallMode.WAKE : InstallMode.WRITE_PROTECTED;
    }

    private Outcome assemble(long page, long offset, InstallMode mode) {
        Mapping buffer = assembled;
        if (buffer == null) {
            buffer = Mapping.anonymous(map.pageSize(), Sharing.PRIVATE);
            assembled = buffer;
        }
        long read = source.read(offset, buffer.segment());
        if (read < 0) {
            failed("read: " + Errno.ofResult(read) + ": the snapshot at", offset);
            return Outcome.UNREADABLE;
        }
        if (read < map.pageSize()) {
            return failed("the snapshot has become shorter than", offset);
        }
        return put(page, 1, buffer.address(), mode);
    }

    /** Poisons a page whose content cannot be had. */
    Outcome poison(long page) {
        return settle(counted(port.poison(map.address(page), map.pageSize(), InstallMode.WAKE)), page);
    }

    /**
     * Installs pages, and goes on behind what is there already.
     *
     * @param from address of the content, 0 for zeroes
     */
    private Outcome put(long page, long count, long from, InstallMode mode) {
        wasZero = from == 0;
        long length = count * map.pageSize();
        long address = map.address(page);
        long done = 0;
        Outcome outcome = Outcome.DONE;
        while (done < length && outcome == Outcome.DONE) {
            InstallResult result = from == 0
                    ? zero(address + done, length - done, mode)
                    : port.copy(address + done, from + done, length - done, mode);
            counters.errnos.count(result);
            switch (result) {
                case InstallResult.Complete complete -> done += complete.bytes();
                case InstallResult.Partial partial -> done += partial.bytes();
                case InstallResult.AlreadyPresent _ -> {
                    if (map.pageSize() != MappedMemory.PAGE_SIZE && !port.isPresent(address + done)) {
                        outcome = settle(new InstallResult.OutOfMemory(), page);
                        break;
                    }
                    // Whoever was first may not have woken this page's waiters yet, or never will.
                    port.wake(address + done, map.pageSize());
                    counters.alreadyPresent++;
                    done += map.pageSize();
                }
                default -> outcome = settle(result, page);
            }
        }
        long pages = done / map.pageSize();
        if (pages == 1) {
            guest.states().set(page, PageStates.PRESENT);
        } else if (pages > 1) {
            guest.states().set(page, page + pages, PageStates.PRESENT);
        }
        if (from == 0) {
            counters.zeroed += pages;
        } else {
            counters.copied += pages;
        }
        return outcome;
    }

    private InstallResult zero(long address, long length, InstallMode mode) {
        boolean isProtected = mode == InstallMode.WRITE_PROTECTED || mode == InstallMode.WRITE_PROTECTED_NO_WAKE;
        if (!isProtected && map.pageSize() == MappedMemory.PAGE_SIZE && !noZeroPage) {
            InstallResult result = port.zeropage(address, length, mode);
            if (!(result instanceof InstallResult.Refused refused)
                    || !refused.errno().equals(Errno.EINVAL)) {
                return result;
            }
            noZeroPage = true;
        }
        // Memory without a zero page, as hugetlbfs; and the kernel's zero page cannot be write-protected.
        Mapping none = zeros;
        if (none == null) {
            none = Mapping.anonymous(map.pageSize(), Sharing.PRIVATE);
            zeros = none;
        }
        return port.copy(address, none.address(), map.pageSize(), mode);
    }

    private InstallResult counted(InstallResult result) {
        counters.errnos.count(result);
        return result;
    }

    private Outcome settle(InstallResult result, long page) {
        return switch (result) {
            case InstallResult.Complete _ -> Outcome.DONE;
            case InstallResult.AlreadyPresent _ -> {
                port.wake(map.address(page), map.pageSize());
                yield Outcome.DONE;
            }
            case InstallResult.Partial _, InstallResult.Changing _ -> {
                counters.changing++;
                yield Outcome.CHANGING;
            }
            case InstallResult.NotRegistered _ -> Outcome.DROPPED;
            case InstallResult.Gone _ -> Outcome.GONE;
            case InstallResult.OutOfMemory _ -> {
                reason = "ENOMEM: no page for a page of the guest, of its control group or of its hugetlb pool";
                yield Outcome.NO_MEMORY;
            }
            case InstallResult.Refused refused when refused.errno().equals(Errno.EINTR) -> Outcome.CHANGING;
            case InstallResult.Refused refused
            when refused.errno().equals(Errno.EFAULT) -> {
                failed(refused.errno() + ": the content of", map.offset(page));
                yield Outcome.UNREADABLE;
            }
            case InstallResult.Refused refused -> failed(refused.errno() + ": the content of", map.offset(page));
        };
    }

    private Outcome failed(String what, long offset) {
        reason = what + " 0x" + Long.toHexString(offset);
        return Outcome.FAILED;
    }

    @Override
    public void close() {
        if (assembled != null) {
            assembled.close();
        }
        if (zeros != null) {
            zeros.close();
        }
    }
}
