package io.guestmem.paging;

/**
 * What an access may do with the rights that the levels of a walk grant together.
 *
 * <p>Rights are the AND of all entries with bit 63 turned round: bit 1 writable, bit 2 user, bit 63 executable. Source:
 * kernel.md 4.6; Linux 7.2 {@code mmu.h:permission_fault}; Intel SDM volume 3, 5.6 and 5.6.2.
 *
 * @param writeProtect CR0.WP
 * @param noExecute EFER.NXE, in a mode that has the bit
 * @param smep CR4.SMEP
 * @param smap CR4.SMAP
 * @param userKeys CR4.PKE, in a long mode
 * @param supervisorKeys CR4.PKS, in a long mode
 * @param shadowStacks CR4.CET
 * @param executeTrap of nested paging with GMET: the user bit decides about the supervisor's fetches (with {@code smep}) and
 *     about nothing else
 * @param pkru two bits a key: refuse any data access, refuse writes
 * @param pkrs the same for the supervisor's pages
 */
record Permissions(
        boolean writeProtect,
        boolean noExecute,
        boolean smep,
        boolean smap,
        boolean userKeys,
        boolean supervisorKeys,
        boolean shadowStacks,
        boolean executeTrap,
        int pkru,
        int pkrs) {
    static final long WRITABLE = 1 << 1;
    static final long USER = 1 << 2;
    static final long EXECUTABLE = 1L << 63;

    private static final long DIRTY = 1 << 6;
    private static final int KEY_SHIFT = 59;
    private static final int KEY_MASK = 0xF;
    private static final int KEY_REFUSES_ACCESS = 1;
    private static final int KEY_REFUSES_WRITE = 2;

    private static final long WP = 1L << 16;
    private static final long SMEP = 1L << 20;
    private static final long SMAP = 1L << 21;
    private static final long PKE = 1L << 22;
    private static final long CET = 1L << 23;
    private static final long PKS = 1L << 24;
    private static final long NXE = 1L << 11;

    static Permissions of(PagingState state, boolean executeTrap) {
        PagingMode mode = state.mode();
        return new Permissions(
                (state.cr0() & WP) != 0,
                (state.efer() & NXE) != 0 && (mode == PagingMode.PAE || mode.isLong()),
                (state.cr4() & SMEP) != 0,
                (state.cr4() & SMAP) != 0,
                (state.cr4() & PKE) != 0 && mode.isLong(),
                (state.cr4() & PKS) != 0 && mode.isLong(),
                (state.cr4() & CET) != 0,
                executeTrap,
                state.pkru(),
                state.pkrs());
    }

    /**
     * What no lower level can repair: each entry can only take these rights away.
     *
     * @return a detail of {@link WalkResult}, 0 if nothing is violated
     */
    int monotoneViolation(int access, long rights) {
        if ((access & Access.USER) != 0 && (rights & USER) == 0 && !executeTrap) {
            return WalkResult.DETAIL_USER;
        }
        if ((access & (Access.WRITE | Access.SHADOW_STACK)) == Access.WRITE
                && (rights & WRITABLE) == 0
                && writesAreChecked(access)) {
            return WalkResult.DETAIL_WRITE;
        }
        if ((access & Access.EXECUTE) != 0 && noExecute && (rights & EXECUTABLE) == 0) {
            return WalkResult.DETAIL_EXECUTE;
        }
        return 0;
    }

    /**
     * What the user bit decides in favour of the user: SMEP, and for data SMAP.
     *
     * @param data whether the access is a data access, too
     * @return a detail of {@link WalkResult}, 0 if nothing is violated
     */
    int supervisorViolation(int access, long rights, boolean data) {
        boolean userPage = (rights & USER) != 0;
        if ((access & Access.USER) != 0 || !userPage) {
            return 0;
        }
        if ((access & Access.EXECUTE) != 0 && smep) {
            return WalkResult.DETAIL_SMEP;
        }
        return data && smap && !excusedFromSmap(access) ? WalkResult.DETAIL_SMAP : 0;
    }

    /**
     * What depends on the leaf: what kind of stack it is, SMEP, SMAP, and for data its protection key.
     *
     * @param above the rights that the entries above the leaf grant
     * @param data whether the access is a data access, too
     * @return a detail of {@link WalkResult}, 0 if nothing is violated
     */
    int leafViolation(int access, long above, long rights, long leaf, boolean data) {
        if ((access & Access.SHADOW_STACK) != 0 && !isShadowStack(access, above, rights, leaf)) {
            return WalkResult.DETAIL_SHADOW_STACK;
        }
        int detail = supervisorViolation(access, rights, data);
        if (detail != 0) {
            return detail;
        }
        return data && keyRefuses(access, rights, leaf) ? WalkResult.DETAIL_KEY : 0;
    }

    /** Source: Intel SDM volume 3, 5.6.2: written once, read-only in the leaf alone, and of the mode that accesses it. */
    private boolean isShadowStack(int access, long above, long rights, long leaf) {
        boolean ofThisMode = ((access & Access.USER) != 0) == ((rights & USER) != 0);
        return shadowStacks && ofThisMode && (above & WRITABLE) != 0 && (leaf & WRITABLE) == 0 && (leaf & DIRTY) != 0;
    }

    /** Whether the leaf's protection key refuses a data access. */
    boolean keyRefuses(int access, long rights, long leaf) {
        boolean userPage = (rights & USER) != 0;
        if (!(userPage ? userKeys : supervisorKeys)) {
            return false;
        }
        int key = (int) (leaf >>> KEY_SHIFT) & KEY_MASK;
        int refused = (userPage ? pkru : pkrs) >>> (2 * key);
        return (refused & KEY_REFUSES_ACCESS) != 0
                || ((refused & KEY_REFUSES_WRITE) != 0 && (access & Access.WRITE) != 0 && writesAreChecked(access));
    }

    /** Whether some key can refuse something. */
    boolean keysMatter() {
        return (userKeys && pkru != 0) || (supervisorKeys && pkrs != 0);
    }

    /** Whether key 0 can. */
    boolean keyZeroRefuses() {
        int ofKeyZero = KEY_REFUSES_ACCESS | KEY_REFUSES_WRITE;
        return (userKeys && (pkru & ofKeyZero) != 0) || (supervisorKeys && (pkrs & ofKeyZero) != 0);
    }

    private boolean writesAreChecked(int access) {
        return writeProtect || (access & Access.USER) != 0;
    }

    private static boolean excusedFromSmap(int access) {
        return (access & (Access.ALIGNMENT_CHECK | Access.IMPLICIT)) == Access.ALIGNMENT_CHECK;
    }
}
