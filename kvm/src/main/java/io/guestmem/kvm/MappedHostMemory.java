package io.guestmem.kvm;

import io.guestmem.abi.ErrorNumber;
import io.guestmem.abi.HostAdvice;
import io.guestmem.abi.HostMemory;
import io.guestmem.abi.HostProtection;
import io.guestmem.linux.Advice;
import io.guestmem.linux.AdviceResult;
import io.guestmem.linux.LinuxException;
import io.guestmem.linux.Mapping;
import io.guestmem.linux.ProcessMemory;
import io.guestmem.linux.Protection;
import java.lang.foreign.MemorySegment;
import java.util.Objects;

/**
 * A mapping of this process as memory for memslots.
 *
 * @param mapping owned: closed with this object
 */
public record MappedHostMemory(Mapping mapping) implements HostMemory {
    private static final int SELF = (int) ProcessHandle.current().pid();

    @Override
    public long hva() {
        return mapping.address();
    }

    @Override
    public long length() {
        return mapping.length();
    }

    @Override
    public MemorySegment segment() {
        return mapping.segment();
    }

    @Override
    public long load(long offset, MemorySegment into) {
        Objects.checkFromIndexSize(offset, into.byteSize(), length());
        return transferred(ProcessMemory.read(SELF, hva() + offset, into), into.byteSize());
    }

    @Override
    public long store(long offset, MemorySegment from) {
        Objects.checkFromIndexSize(offset, from.byteSize(), length());
        return transferred(ProcessMemory.write(SELF, hva() + offset, from), from.byteSize());
    }

    private static long transferred(long result, long wanted) {
        if (result == wanted) {
            return 0;
        }
        return result < 0 ? result : -ErrorNumber.EFAULT.number();
    }

    @Override
    public long advise(HostAdvice advice, long offset, long length) {
        AdviceResult result = mapping.advise(linux(advice), offset, length);
        return result instanceof AdviceResult.Refused refused ? -refused.errno().number() : 0;
    }

    private static Advice linux(HostAdvice advice) {
        return switch (advice) {
            case DONT_NEED -> Advice.DONT_NEED;
            case REMOVE -> Advice.REMOVE;
            case HUGE_PAGE -> Advice.HUGE_PAGE;
            case NO_HUGE_PAGE -> Advice.NO_HUGE_PAGE;
            case COLD -> Advice.COLD;
            case PAGE_OUT -> Advice.PAGE_OUT;
            case POPULATE_READ -> Advice.POPULATE_READ;
            case POPULATE_WRITE -> Advice.POPULATE_WRITE;
            case COLLAPSE -> Advice.COLLAPSE;
        };
    }

    @Override
    public long protect(HostProtection protection, long offset, long length) {
        Protection linux = switch (protection) {
            case NONE -> Protection.NONE;
            case READ -> Protection.READ;
            case READ_WRITE -> Protection.READ_WRITE;
        };
        return errno(() -> mapping.protect(offset, length, linux));
    }

    @Override
    public long unmap(long offset, long length) {
        return errno(() -> mapping.unmap(offset, length));
    }

    private static long errno(Runnable call) {
        try {
            call.run();
            return 0;
        } catch (LinuxException refused) {
            return -refused.errno().number();
        }
    }

    @Override
    public void close() {
        mapping.close();
    }
}
