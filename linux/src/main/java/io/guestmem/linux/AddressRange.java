package io.guestmem.linux;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;

/** A mapped range of this process: the system calls that both kinds of mapping share. Not owned by this object. */
record AddressRange(long address, long length) {
    private static final int MAP_FIXED = 0x10;
    private static final int MAP_ANONYMOUS = 0x20;
    private static final int MAP_NORESERVE = 0x4000;
    private static final int MAP_HUGETLB = 0x40000;
    private static final int MAP_HUGE_2MB = 21 << 26;

    /** Of the bytes that {@code mincore(2)} writes, one a page, only the lowest bit means anything. */
    private static final long RESIDENT_BITS = 0x0101_0101_0101_0101L;

    static AddressRange anonymous(long length, Protection protection, Sharing sharing) {
        int flags = sharing.flags() | MAP_ANONYMOUS | MAP_NORESERVE;
        return map(0, length, protection, flags, -1, 0, "anonymous memory");
    }

    static AddressRange hugetlb(long length) {
        int flags = Sharing.PRIVATE.flags() | MAP_ANONYMOUS | MAP_NORESERVE | MAP_HUGETLB | MAP_HUGE_2MB;
        return map(0, length, Protection.READ_WRITE, flags, -1, 0, "huge pages");
    }

    static AddressRange file(FileDescriptor file, long offset, long length, Protection protection, Sharing sharing) {
        return ofFile(0, file, offset, length, protection, sharing.flags());
    }

    /** Puts a part of a file over a part of this range, in place of what is there. */
    void replace(long at, FileDescriptor file, long offset, long length, Protection protection, Sharing sharing) {
        Objects.checkFromIndexSize(at, length, this.length);
        ofFile(address + at, file, offset, length, protection, sharing.flags() | MAP_FIXED);
    }

    private static AddressRange ofFile(
            long hint, FileDescriptor file, long offset, long length, Protection protection, int flags) {
        file.begin();
        try {
            return map(hint, length, protection, flags, file.number(), offset, file.name());
        } finally {
            file.end();
        }
    }

    private static AddressRange map(
            long hint, long length, Protection protection, int flags, int descriptor, long offset, String what) {
        if (length <= 0 || length % MappedMemory.PAGE_SIZE != 0) {
            throw new IllegalArgumentException("length is not a positive multiple of the page size: " + length);
        }
        long address =
                SystemCall.once(SystemCallNumber.MMAP, hint, length, protection.flags(), flags, descriptor, offset);
        LinuxException.check(address, "mmap", what, "length", length);
        return new AddressRange(address, length);
    }

    AdviceResult advise(Advice advice, long offset, long length) {
        Objects.checkFromIndexSize(offset, length, this.length);
        return AdviceResult.of(
                SystemCall.restarting(SystemCallNumber.MADVISE, address + offset, length, advice.number()));
    }

    long residentPages(long offset, long length) {
        Objects.checkFromIndexSize(offset, length, this.length);
        try (Arena arena = Arena.ofConfined()) {
            long words = Math.ceilDiv(length, Long.BYTES * MappedMemory.PAGE_SIZE);
            MemorySegment pages = arena.allocate(ValueLayout.JAVA_LONG, words);
            long result = SystemCall.once(SystemCallNumber.MINCORE, address + offset, length, pages.address());
            LinuxException.check(result, "mincore", this);
            long resident = 0;
            for (long word = 0; word < words; word++) {
                resident += Long.bitCount(pages.getAtIndex(ValueLayout.JAVA_LONG, word) & RESIDENT_BITS);
            }
            return resident;
        }
    }

    void protect(long offset, long length, Protection protection) {
        Objects.checkFromIndexSize(offset, length, this.length);
        LinuxException.check(
                SystemCall.once(SystemCallNumber.MPROTECT, address + offset, length, protection.flags()),
                "mprotect",
                this,
                protection);
    }

    /** A part of this range, as a range of its own. */
    AddressRange part(long offset, long length) {
        Objects.checkFromIndexSize(offset, length, this.length);
        return new AddressRange(address + offset, length);
    }

    /** What is left of this range without another: nothing, one range or two. */
    List<AddressRange> without(AddressRange hole) {
        long end = address + length;
        long holeEnd = hole.address + hole.length;
        List<AddressRange> rest = new ArrayList<>(2);
        if (hole.address > address) {
            rest.add(new AddressRange(address, Math.min(hole.address, end) - address));
        }
        if (holeEnd < end) {
            long from = Math.max(holeEnd, address);
            rest.add(new AddressRange(from, end - from));
        }
        return rest;
    }

    void unmap() {
        LinuxException.check(SystemCall.once(SystemCallNumber.MUNMAP, address, length, 0), "munmap", this);
    }

    @Override
    public String toString() {
        return "0x" + Long.toHexString(address) + "+0x" + Long.toHexString(length);
    }
}
