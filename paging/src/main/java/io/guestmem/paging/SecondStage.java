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
    private static final long SMEP_SMAP_KEYS_CET = 1L << 20 | 1L << 21 | 1L << 22 | 1L << 23 | 1L << 24;

    private final Walker walker;
    private final boolean ept;
    private final boolean tablesAreWritten;
    private final int addressBits;

    private SecondStage(WalkPlan plan, PhysicalMemory memory, boolean ept, boolean tablesAreWritten) {
        this.walker = new Walker(plan, memory);
        this.ept = ept;
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
     * CR0.WP counts as set, and SMEP, SMAP and protection keys as off. Guest mode execute trap (GMET) is not known.
     *
     * @param host the host's registers, with nCR3 for CR3; its mode decides the format
     */
    public static SecondStage nested(PagingState host, PhysicalMemory memory) {
        PagingState state = new PagingState(
                host.cr0() | WP,
                host.cr3(),
                host.cr4() & ~SMEP_SMAP_KEYS_CET,
                host.efer(),
                PdpteRegisters.NONE,
                0,
                host.features());
        return new SecondStage(WalkPlan.nested(state), memory, false, true);
    }

    /** Intel's extended page tables. If they keep accessed and dirty bits, the guest's table accesses are writes. */
    public static SecondStage extended(EptPointer pointer, PhysicalMemory memory) {
        return new SecondStage(WalkPlan.extended(pointer), memory, true, pointer.accessedAndDirty());
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
        return walk(address, kind | (!ept || userPage ? Access.USER : 0), setBits, order);
    }

    /** Translates the address of an entry of the guest's tables. */
    long table(long address, int setBits, CheckOrder order) {
        int kind = tablesAreWritten ? Access.WRITE : Access.READ;
        return walk(address, kind | (ept ? 0 : Access.USER), setBits, order);
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

    /** The entry at fault in the last walk. */
    long faultEntry() {
        return walker.faultEntry();
    }

    /** The error code in KVM's form; source: Linux 7.2 {@code kvm_host.h:PFERR_GUEST_FINAL_MASK}. */
    long errorCode(long fault, int access, boolean tableAccess) {
        int guestAccess = tableAccess ? (tablesAreWritten ? Access.WRITE : Access.READ) : access;
        int code = walker.plan().pageFaultErrorCode(fault, guestAccess | Access.USER);
        return code | (tableAccess ? FAULT_TABLE : FAULT_FINAL);
    }

    PagingMode mode() {
        return walker.plan().mode();
    }
}
