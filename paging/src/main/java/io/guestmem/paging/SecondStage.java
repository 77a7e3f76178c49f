package io.guestmem.paging;

/**
 * The second stage of a nested walk: from the physical addresses that a guest believes in to those of its host.
 *
 * <p>Like a {@link Walker}, for one thread. Source: Linux 7.2 {@code svm/nested.c:nested_svm_init_mmu_context},
 * {@code vmx/nested.c:nested_ept_init_mmu_context}, {@code mmu.c:translate_nested_gpa}.
 */
public final class SecondStage {
    /** With a fault of this stage: the address is the final one. */
    static final long FAULT_FINAL = 1L << 32;
    /** With a fault of this stage: the address is that of a table. */
    static final long FAULT_TABLE = 1L << 33;

    private static final long WP = 1L << 16;
    private static final long SMEP = 1L << 20;
    private static final long SMEP_SMAP_KEYS_CET = SMEP | 1L << 21 | 1L << 22 | 1L << 23 | 1L << 24;

    /** Whom an access to the final address counts as. */
    private enum Mode {
        /** NPT: as user mode. */
        USER,
        /** NPT with GMET: as the mode that makes it. */
        OF_THE_ACCESS,
        /** EPT: as the mode that the guest's own tables give the page to. */
        OF_THE_PAGE
    }

    private final Walker walker;
    private final Mode mode;
    private final boolean tablesAreWritten;
    private final int addressBits;

    private SecondStage(WalkPlan plan, PhysicalMemory memory, Mode mode, boolean tablesAreWritten) {
        this.walker = new Walker(plan, memory);
        this.mode = mode;
        this.tablesAreWritten = tablesAreWritten;
        this.addressBits = switch (plan.mode()) {
            case NONE -> 64;
            case BITS_32, PAE -> 32;
            case LEVEL_4 -> 48;
            case LEVEL_5 -> 57;
        };
    }

    /**
     * AMD's nested paging: tables as the host's own, every access one from user mode, and those to the guest's tables writes.
     * CR0.WP counts as set, and SMEP, SMAP and protection keys as off. Bit 3 of the VMCB at 0x90, GMET, is clear.
     *
     * @param host the host's registers, with nCR3 for CR3; its mode decides the format
     */
    public static SecondStage nested(PagingState host, PhysicalMemory memory) {
        return nested(host, memory, false);
    }

    /**
     * The same with guest mode execute trap (GMET, bit 3 of the VMCB at 0x90): what the guest's supervisor executes must not be a
     * page for user mode in these tables, and their user bits decide nothing else: neither reads and writes nor what the guest's user
     * mode executes.
     *
     * <p>Source: AMD APM volume 2, guest mode execute trap (CPUID 0x8000000A EDX[17]); Linux 7.2 {@code mmu/mmu.c:update_permission_bitmask}, {@code
     * svm/nested.c:svm_translate_nested_gpa}.
     *
     * @param host as for {@link #nested}
     */
    public static SecondStage nestedWithExecuteTrap(PagingState host, PhysicalMemory memory) {
        return nested(host, memory, true);
    }

    private static SecondStage nested(PagingState host, PhysicalMemory memory, boolean executeTrap) {
        PagingState state = new PagingState(
                host.cr0() | WP,
                host.cr3(),
                (host.cr4() & ~SMEP_SMAP_KEYS_CET) | (executeTrap ? SMEP : 0),
                host.efer(),
                PdpteRegisters.NONE,
                0,
                host.features());
        WalkPlan plan = WalkPlan.nested(state, executeTrap);
        return new SecondStage(plan, memory, executeTrap ? Mode.OF_THE_ACCESS : Mode.USER, true);
    }

    /** Intel's extended page tables. If they keep accessed and dirty bits, the guest's table accesses are writes. */
    public static SecondStage extended(EptPointer pointer, PhysicalMemory memory) {
        return new SecondStage(WalkPlan.extended(pointer), memory, Mode.OF_THE_PAGE, pointer.accessedAndDirty());
    }

    /**
     * The guest's physical memory as a processor sees it that walks the guest's tables there; read-only, and like this for one
     * thread. Nothing is where the second stage has no page, or one that a processor may not use for tables.
     */
    public PhysicalMemory guestTables() {
        return new StagedMemory(this);
    }

    /**
     * Translates.
     *
     * @param access of the guest, to the page behind the address
     * @param userPage whether the guest's own tables give the page to user mode
     * @return a {@link WalkResult}
     */
    long page(long address, int access, boolean userPage, int setBits, CheckOrder order) {
        int kind = access & (Access.WRITE | Access.EXECUTE);
        return walk(address, kind | user(access, userPage), setBits, order);
    }

    /**
     * What is left of the rights of the guest's tables, as a mask.
     *
     * @param page what {@link #page} answered
     */
    long rights(long page, boolean userPage) {
        boolean executable = switch (mode) {
            case USER -> WalkResult.isExecutable(page);
            case OF_THE_ACCESS -> WalkResult.isExecutable(page) && (userPage || !WalkResult.isUser(page));
            case OF_THE_PAGE -> userPage ? WalkResult.isUser(page) : WalkResult.isExecutable(page);
        };
        return ~((WalkResult.isWritable(page) ? 0 : Permissions.WRITABLE) | (executable ? 0 : Permissions.EXECUTABLE));
    }

    private int user(int access, boolean userPage) {
        return switch (mode) {
            case USER -> Access.USER;
            case OF_THE_ACCESS -> access & Access.USER;
            case OF_THE_PAGE -> userPage ? Access.USER : 0;
        };
    }

    /** Translates the address of an entry of the guest's tables. */
    long table(long address, int setBits, CheckOrder order) {
        int kind = tablesAreWritten ? Access.WRITE : Access.READ;
        return walk(address, kind | (mode == Mode.OF_THE_PAGE ? 0 : Access.USER), setBits, order);
    }

    private long walk(long address, int access, int setBits, CheckOrder order) {
        if (addressBits < 64 && address >>> addressBits != 0) {
            WalkPlan plan = walker.plan();
            return WalkResult.inSecondStage(
                    WalkResult.fault(WalkResult.NOT_PRESENT, 0, plan.mode().levels(), plan.root()));
        }
        long result = walker.walk(address, access, setBits, order);
        return WalkResult.isPage(result) ? result : WalkResult.inSecondStage(result);
    }

    /**
     * Whether rights that all levels grant permit an access to a final address.
     *
     * @param access one of READ, WRITE and EXECUTE; with USER, of user mode to a page of user mode, else of the supervisor to one of
     *     its own
     */
    boolean permits(int access, long rights) {
        EntryFormat format = plan().format();
        boolean user = (access & Access.USER) != 0;
        int made = (access & ~Access.USER) | user(access, user);
        return format.monotoneViolation(made, rights) == 0
                && format.leafViolation(made, rights, rights, 0, (access & Access.EXECUTE) == 0) == 0;
    }

    WalkPlan plan() {
        return walker.plan();
    }

    PhysicalMemory memory() {
        return walker.memory();
    }

    /** How many bits an address may have. */
    int addressBits() {
        return addressBits;
    }

    /** The entry at fault in the last walk. */
    long faultEntry() {
        return walker.faultEntry();
    }

    /** The error code in KVM's form; source: Linux 7.2 {@code kvm_host.h:PFERR_GUEST_FINAL_MASK}. */
    long errorCode(long fault, int access, boolean tableAccess) {
        int user = mode == Mode.OF_THE_ACCESS && !tableAccess ? access & Access.USER : Access.USER;
        int guestAccess = tableAccess ? (tablesAreWritten ? Access.WRITE : Access.READ) : access;
        int code = walker.plan().pageFaultErrorCode(fault, guestAccess | user);
        return code | (tableAccess ? FAULT_TABLE : FAULT_FINAL);
    }
}
