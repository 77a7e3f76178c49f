package io.guestmem.kvm.populate;

import io.guestmem.abi.ErrorNumber;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.function.ToLongFunction;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** Several ways in order of preference: the first that does not answer ENOTTY is it, and is tried first from then on. */
final class FirstThatWorks implements PopulationTarget {
    private static final long ABSENT = -ErrorNumber.ENOTTY.number();

    private final List<PopulationTarget> ways;

    /** The way that content went last. */
    private volatile @Nullable PopulationTarget found;

    FirstThatWorks(List<PopulationTarget> ways) {
        this.ways = List.copyOf(ways);
    }

    /** The way that is used, or all of them if none was found. */
    @Override
    public String call() {
        PopulationTarget known = found;
        return known != null
                ? known.call()
                : ways.stream().map(PopulationTarget::call).collect(Collectors.joining(", "));
    }

    @Override
    public long write(long offset, MemorySegment content) {
        return put(way -> way.write(offset, content));
    }

    @Override
    public long zero(long offset, long length) {
        return put(way -> way.zero(offset, length));
    }

    @Override
    public long write(long offset, MemorySegment content, Measured measured) {
        return put(way -> way.write(offset, content, measured));
    }

    @Override
    public long zero(long offset, long length, Measured measured) {
        return put(way -> way.zero(offset, length, measured));
    }

    @Override
    public boolean isOrdered() {
        return ways.stream().anyMatch(PopulationTarget::isOrdered);
    }

    private long put(ToLongFunction<PopulationTarget> call) {
        PopulationTarget known = found;
        long result = known == null ? ABSENT : call.applyAsLong(known);
        for (int i = 0; i < ways.size() && result == ABSENT; i++) {
            known = ways.get(i);
            result = call.applyAsLong(known);
        }
        found = result == ABSENT ? null : known;
        return result;
    }

    @Override
    public long touch(long offset, long length, Access access) {
        return first(way -> way.touch(offset, length, access));
    }

    @Override
    public long prefer(PageSize size, long offset, long length) {
        return first(way -> way.prefer(size, offset, length));
    }

    private long first(ToLongFunction<PopulationTarget> call) {
        long result = ABSENT;
        for (int i = 0; i < ways.size() && result == ABSENT; i++) {
            result = call.applyAsLong(ways.get(i));
        }
        return result;
    }
}
