package io.guestmem.kvm.populate;

import io.guestmem.abi.ErrorNumber;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.function.ToLongFunction;
import java.util.stream.Collectors;

/**
 * Several ways in order of preference: the first that does not answer ENOTTY is it.
 *
 * @param ways at least one
 */
record FirstThatWorks(List<PopulationTarget> ways) implements PopulationTarget {
    private static final long ABSENT = -ErrorNumber.ENOTTY.number();

    FirstThatWorks {
        ways = List.copyOf(ways);
    }

    private long first(ToLongFunction<PopulationTarget> call) {
        long result = ABSENT;
        for (int i = 0; i < ways.size() && result == ABSENT; i++) {
            result = call.applyAsLong(ways.get(i));
        }
        return result;
    }

    @Override
    public String call() {
        return ways.stream().map(PopulationTarget::call).collect(Collectors.joining(", "));
    }

    @Override
    public long write(long offset, MemorySegment content) {
        return first(way -> way.write(offset, content));
    }

    @Override
    public long zero(long offset, long length) {
        return first(way -> way.zero(offset, length));
    }

    @Override
    public long touch(long offset, long length, Access access) {
        return first(way -> way.touch(offset, length, access));
    }

    @Override
    public long prefer(PageSize size, long offset, long length) {
        return first(way -> way.prefer(size, offset, length));
    }
}
