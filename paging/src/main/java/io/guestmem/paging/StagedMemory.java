package io.guestmem.paging;

/**
 * The page tables of a guest as a processor finds them: at the guest's physical addresses, through a second stage. Read-only. For
 * one thread.
 */
final class StagedMemory implements PhysicalMemory {
    private static final long PAGE = 4096;

    private final SecondStage stage;
    /** The page that was asked for last, and what became of it. */
    private long page = -1;

    private long translated;

    StagedMemory(SecondStage stage) {
        this.stage = stage;
    }

    private long translate(long address) {
        if ((address & -PAGE) != page) {
            page = address & -PAGE;
            translated = stage.table(page, SetBits.NONE, CheckOrder.ARCHITECTURAL);
        }
        return translated;
    }

    private long physical(long address) {
        return WalkResult.address(translate(address)) + (address & PAGE - 1);
    }

    /** Nothing where the second stage has no page, or does not permit a processor's accesses to tables. */
    @Override
    public Presence presence(long address) {
        if (!WalkResult.isPage(translate(address))) {
            return Presence.NONE;
        }
        Presence below = stage.memory().presence(physical(address));
        return below == Presence.WRITABLE ? Presence.READ_ONLY : below;
    }

    @Override
    public long read64(long address) {
        return stage.memory().read64(physical(address));
    }

    @Override
    public int read32(long address) {
        return stage.memory().read32(physical(address));
    }

    @Override
    public boolean compareAndSet64(long address, long expected, long replacement) {
        return false;
    }

    @Override
    public boolean compareAndSet32(long address, int expected, int replacement) {
        return false;
    }

    @Override
    public void readPage(long address, long[] into) {
        stage.memory().readPage(physical(address), into);
    }
}
