package io.guestmem.paging;

/**
 * What an access may do with the rights that the levels of a walk grant together.
 *
 * <p>Rights are the AND of all entries with bit 63 turned round: bit 1 writable, bit 2 user, bit 63 executable. Source:
 * kernel.md 4.6; Linux 7.2 {@code mmu.h:permission_fault}; Intel SDM volume 3, 5.6.
 *
 * @param writeProtect CR0.WP
 * @param noExecute EFER.NXE, in a mode that has the bit
 * @param smep CR4.SMEP
 * @param smap CR4.SMAP
 * @param keys CR4.PKE, in a long mode
 * @param pkru two bits a key: refuse any data access, refuse writes
 */
record Permissions(boolean writeProtect, boolean noExecute, boolean smep, boolean smap, boolean keys, int pkru) {
    static final long WRITABLE = 1 << 1;
    static final long USER = 1 << 2;
    static final long EXECUTABLE = 1L << 63;

    private static final int KEY_SHIFT = 59;
    private static final int KEY_MASK = 0xF;
    private static final int KEY_REFUSES_ACCESS = 1;
    private static final int KEY_REFUSES_WRITE = 2;

    private static final long WP = 1L << 16;
    private static final long SMEP = 1L << 20;
    private static final long SMAP = 1L << 21;
    private static final long PKE = 1L << 22;
    private static final long NXE = 1L << 11;

    static Permissions of(PagingState state) {
        PagingMode mode = state.mode();
        return new Permissions(
                (state.cr0() & WP) != 0,
                (state.efer() & NXE) != 0 && (mode == PagingMode.PAE || mode.isLong()),
                (state.cr4() & SMEP) != 0,
                (state.cr4() & SMAP) != 0,
                (state.cr4() & PKE) != 0 && mode.isLong(),
                state.pkru());
    }

    /**
     * What no lower level can repair: each entry can only take these rights away.
     *
     * @return a detail of {@link WalkResult}, 0 if nothing is violated
     */
    int monotoneViolation(int access, long rights) {
        if ((access & Access.USER) != 0 && (rights & USER) == 0) {
            return WalkResult.DETAIL_USER;
        }
        if ((access & Access.WRITE) != 0 && (rights & WRITABLE) == 0 && writesAreChecked(access)) {
            return WalkResult.DETAIL_WRITE;
        }
        if ((access & Access.EXECUTE) != 0 && noExecute && (rights & EXECUTABLE) == 0) {
            return WalkResult.DETAIL_EXECUTE;
        }
        return 0;
    }

    /**
     * What depends on the leaf: SMEP, and for data SMAP and protection keys.
     *
     * @param data whether the access is a data access, too
     * @return a detail of {@link WalkResult}, 0 if nothing is violated
     */
    int leafViolation(int access, long rights, long leaf, boolean data) {
        boolean userPage = (rights & USER) != 0;
        boolean supervisor = (access & Access.USER) == 0;
        if ((access & Access.EXECUTE) != 0 && supervisor && smep && userPage) {
            return WalkResult.DETAIL_SMEP;
        }
        if (data && supervisor && smap && userPage && !excusedFromSmap(access)) {
            return WalkResult.DETAIL_SMAP;
        }
        return data && keyRefuses(access, rights, leaf) ? WalkResult.DETAIL_KEY : 0;
    }

    /** Whether the leaf's protection key refuses a data access. */
    boolean keyRefuses(int access, long rights, long leaf) {
        if (!keys || (rights & USER) == 0) {
            return false;
        }
        int key = (int) (leaf >>> KEY_SHIFT) & KEY_MASK;
        int refused = pkru >>> (2 * key);
        return (refused & KEY_REFUSES_ACCESS) != 0
                || ((refused & KEY_REFUSES_WRITE) != 0 && (access & Access.WRITE) != 0 && writesAreChecked(access));
    }

    private boolean writesAreChecked(int access) {
        return writeProtect || (access & Access.USER) != 0;
    }

    private static boolean excusedFromSmap(int access) {
        return (access & (Access.ALIGNMENT_CHECK | Access.IMPLICIT)) == Access.ALIGNMENT_CHECK;
    }
}
