package io.guestmem.paging;

/** Joins neighbouring runs and passes them on. For one thread. */
final class RunBuilder implements MappingVisitor {
    private final MappingVisitor visitor;
    private long linear;
    private long physical;
    private long size;
    private long pageSize;
    private int flags;
    private long runs;

    RunBuilder(MappingVisitor visitor) {
        this.visitor = visitor;
    }

    @Override
    public void run(long nextLinear, long nextPhysical, long nextSize, long nextPageSize, int nextFlags) {
        if (size != 0
                && nextLinear == linear + size
                && nextPhysical == physical + size
                && nextPageSize == pageSize
                && nextFlags == flags) {
            size += nextSize;
            return;
        }
        flush();
        linear = nextLinear;
        physical = nextPhysical;
        size = nextSize;
        pageSize = nextPageSize;
        flags = nextFlags;
    }

    /** Whom to tell of runs that have no neighbours of their kind, after {@link #flush}; {@link #told} then says how many. */
    MappingVisitor visitor() {
        return visitor;
    }

    void told(long more) {
        runs += more;
    }

    /** Passes the last one on. */
    void flush() {
        if (size != 0) {
            visitor.run(linear, physical, size, pageSize, flags);
            runs++;
            size = 0;
        }
    }

    /** How many were passed on. */
    long runs() {
        return runs;
    }
}
