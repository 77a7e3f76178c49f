package io.guestmem.paging;

/** What became of a linear address. */
public sealed interface Translation {
    /** Whether every bit that was to be set, given how the walk ended, is set; false if read-only memory was in the way. */
    boolean bitsSet();

    /**
     * It has a physical address, and the access is permitted.
     *
     * @param address physical, in bytes; without paging any 64 bits
     * @param pageSize of the page, in bytes; 0 without paging
     * @param leafEntry the physical address of the entry that maps the page; 0 without paging
     * @param writable whether all levels grant writing
     * @param user whether all levels grant user mode
     * @param executable whether no level forbids execution
     * @param bitsSet see {@link Translation#bitsSet}
     */
    record Translated(
            long address,
            long pageSize,
            long leafEntry,
            boolean writable,
            boolean user,
            boolean executable,
            boolean bitsSet)
            implements Translation {
        static Translated of(long page, long leafEntry, PagingMode mode) {
            return new Translated(
                    WalkResult.address(page),
                    1L << mode.shift(WalkResult.level(page)),
                    leafEntry,
                    WalkResult.isWritable(page),
                    WalkResult.isUser(page),
                    WalkResult.isExecutable(page),
                    !WalkResult.bitsRefused(page));
        }

        static Translated identity(long linear) {
            return new Translated(linear, 0, 0, true, true, true, true);
        }
    }

    /**
     * It has none, or the access is not permitted.
     *
     * @param reason what kind of fault
     * @param detail what exactly
     * @param level of the entry at fault: 1 is the lowest, 3 for a register of PAE paging
     * @param entryAddress physical, of the entry at fault; the table's start is its page
     * @param entry as the walk read it; 0 if it could not be read
     * @param pageFaultErrorCode what a processor would deliver with #PF
     * @param bitsSet see {@link Translation#bitsSet}
     */
    record Fault(
            Reason reason,
            Detail detail,
            int level,
            long entryAddress,
            long entry,
            int pageFaultErrorCode,
            boolean bitsSet)
            implements Translation {
        static Fault of(long fault, long entry, int errorCode) {
            return new Fault(
                    Reason.of(WalkResult.reason(fault)),
                    Detail.of(WalkResult.detail(fault)),
                    WalkResult.level(fault),
                    WalkResult.address(fault),
                    entry,
                    errorCode,
                    !WalkResult.bitsRefused(fault));
        }
    }

    /** The kinds of fault, in the order of {@code KVM_TRANSLATE2}'s numbers. */
    enum Reason {
        /** An entry is not present. */
        NOT_PRESENT,
        /** The access is not permitted. */
        PRIVILEGE_VIOLATION,
        /** An entry has reserved bits set. */
        RESERVED_BITS,
        /** The linear address is not one of this mode. */
        INVALID_GVA,
        /** A table lies where there is no memory. */
        INVALID_GPA;

        private static final Reason[] ALL = values();

        static Reason of(int number) {
            return ALL[number - 1];
        }
    }

    /** What exactly is wrong. */
    enum Detail {
        /** The reason says all. */
        NONE,
        /** The page is not for user mode. */
        USER,
        /** The page is read-only. */
        WRITE,
        /** The page is not executable. */
        EXECUTE,
        /** The supervisor fetches from a user page. */
        SMEP,
        /** The supervisor reads or writes a user page. */
        SMAP,
        /** The protection key refuses. */
        KEY,
        /** The entry's memory is not backed. */
        UNBACKED;

        private static final Detail[] ALL = values();

        static Detail of(int number) {
            return ALL[number];
        }
    }
}
