package io.guestmem.paging;

/** Register states that tests start from. */
final class States {
    static final long PG_PE = 1L << 31 | 1;
    static final long WP = 1L << 16;
    static final long PSE = 1L << 4;
    static final long PAE = 1L << 5;
    static final long LA57 = 1L << 12;
    static final long SMEP = 1L << 20;
    static final long SMAP = 1L << 21;
    static final long PKE = 1L << 22;
    static final long CET = 1L << 23;
    static final long PKS = 1L << 24;
    static final long LME_LMA = 1L << 8 | 1L << 10;
    static final long NXE = 1L << 11;

    /** 46 address bits, not AMD, with 1 GiB pages, KVM's PSE-36. */
    static final PagingFeatures FEATURES = new PagingFeatures(46, false, true, 4);

    private States() {}

    /** A state of a mode with WP, NXE and PSE on and nothing else. */
    static PagingState of(PagingMode mode, long cr3) {
        return of(mode, cr3, FEATURES);
    }

    static PagingState of(PagingMode mode, long cr3, PagingFeatures features) {
        long cr0 = mode == PagingMode.NONE ? 1 : PG_PE | WP;
        long cr4 = switch (mode) {
            case NONE -> 0;
            case BITS_32 -> PSE;
            case PAE, LEVEL_4 -> PAE;
            case LEVEL_5 -> PAE | LA57;
        };
        long efer = NXE | (mode.isLong() ? LME_LMA : 0);
        return new PagingState(cr0, cr3, cr4, efer, PdpteRegisters.NONE, 0, features);
    }

    static PagingState withCr0(PagingState s, long cr0) {
        return new PagingState(cr0, s.cr3(), s.cr4(), s.efer(), s.pdptes(), s.pkru(), s.pkrs(), s.features());
    }

    static PagingState withCr4(PagingState s, long cr4) {
        return new PagingState(s.cr0(), s.cr3(), cr4, s.efer(), s.pdptes(), s.pkru(), s.pkrs(), s.features());
    }

    static PagingState withEfer(PagingState s, long efer) {
        return new PagingState(s.cr0(), s.cr3(), s.cr4(), efer, s.pdptes(), s.pkru(), s.pkrs(), s.features());
    }

    static PagingState withPkru(PagingState s, int pkru) {
        return new PagingState(s.cr0(), s.cr3(), s.cr4(), s.efer(), s.pdptes(), pkru, s.pkrs(), s.features());
    }

    static PagingState withPkrs(PagingState s, int pkrs) {
        return new PagingState(s.cr0(), s.cr3(), s.cr4(), s.efer(), s.pdptes(), s.pkru(), pkrs, s.features());
    }

    /** With the registers of PAE paging read from where CR3 points to. */
    static PagingState loaded(PagingState s, PhysicalMemory memory) {
        PdpteRegisters pdptes = PdpteRegisters.load(
                        memory, s.cr3(), s.features().maxPhysicalAddressBits())
                .orElseThrow();
        return new PagingState(s.cr0(), s.cr3(), s.cr4(), s.efer(), pdptes, s.pkru(), s.pkrs(), s.features());
    }

    static Walker walker(PagingState state, PhysicalMemory memory) {
        return new Walker(WalkPlan.of(state), memory);
    }
}
