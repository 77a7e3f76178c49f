package io.guestmem.paging;

/** What became of a linear address. */
public sealed interface Translation {
    /** Whether every bit that was to be set, given how the walk ended, is set; false if read-only memory was in the way. */
    boolean bitsSet();

    /**
     * It has a physical address, and the access is permitted.
     *
     * @param address physical, in bytes; without paging any 64 bits
     * @param pageSize of the page, in bytes; 0 without paging. Of two stages, that of the guest's tables
     * @param leafEntry the physical address of the entry that maps the page; 0 without paging
     * @param writable whether all levels grant writing, of both stages
     * @param user whether all levels grant user mode, of the guest's tables
     * @param executable whether no level forbids execution, of both stages: by the mode that has the page
     * @param backed whether there is memory at the address; the walk itself does not need it
     * @param bitsSet see {@link Translation#bitsSet}
     */
    record Translated(
            long address,
            long pageSize,
            long leafEntry,
            boolean writable,
            boolean user,
            boolean executable,
            boolean backed,
            boolean bitsSet)
            implements Translation {
        static Translated of(long page, long leafEntry, PagingMode mode, boolean backed) {
            int level = WalkResult.level(page);
            return new Translated(
                    WalkResult.address(page),
                    level == 0 ? 0 : 1L << mode.shift(level),
                    leafEntry,
                    WalkResult.isWritable(page),
                    WalkResult.isUser(page),
                    WalkResult.isExecutable(page),
                    backed,
                    !WalkResult.bitsRefused(page));
        }

        static Translated identity(long linear, boolean backed) {
            return new Translated(linear, 0, 0, true, true, true, backed, true);
        }
    }

    /**
     * It has none, or the access is not permitted.
     *
     * @param reason what kind of fault
     * @param detail what exactly
     * @param stage 1, or 2 if the guest's physical address has no translation
     * @param level of the entry at fault: 1 is the lowest, 3 for a register of PAE paging
     * @param entryAddress physical, of the entry at fault; the table's start is its page
     * @param entry as the walk read it; 0 if it could not be read
     * @param guestPhysical in stage 2, the address that was to be translated; otherwise 0
     * @param pageFaultErrorCode what a processor would deliver with #PF. In stage 2 as KVM has it: bit 32 for the final address,
     *     bit 33 for one of a table
     * @param bitsSet see {@link Translation#bitsSet}
     */
    record Fault(
            Reason reason,
            Detail detail,
            int stage,
            int level,
            long entryAddress,
            long entry,
            long guestPhysical,
            long pageFaultErrorCode,
            boolean bitsSet)
            implements Translation {
        static Fault of(long fault, long entry, long guestPhysical, long errorCode) {
            return new Fault(
                    Reason.of(WalkResult.reason(fault)),
                    Detail.of(WalkResult.detail(fault)),
                    WalkResult.stage(fault),
                    WalkResult.level(fault),
                    WalkResult.address(fault),
                    entry,
                    guestPhysical,
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
        /** A table lies where no memory can be read. */
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
        /** The supervisor fetches from a user page: in stage 1 by CR4.SMEP, in stage 2 by GMET. */
        SMEP,
        /** The supervisor reads or writes a user page. */
        SMAP,
        /** The protection key refuses. */
        KEY,
        /** The entry's memory is not backed. */
        UNBACKED,
        /** The entry's memory was left out of the dump. */
        EXCLUDED,
        /** The page is no shadow stack, or not one of this mode. */
        SHADOW_STACK,
        /** The page is not readable; only extended page tables have that. */
        READ,
        /** Of extended page tables: writable and not readable. */
        WRITE_ONLY,
        /** Of extended page tables: executable and not readable, on a processor without execute-only pages. */
        EXECUTE_ONLY,
        /** Of extended page tables: a memory type that does not exist. */
        MEMORY_TYPE;

        private static final Detail[] ALL = values();

        static Detail of(int number) {
            return ALL[number];
        }
    }
}
