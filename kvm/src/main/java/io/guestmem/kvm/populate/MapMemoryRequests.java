package io.guestmem.kvm.populate;

import io.guestmem.abi.ErrorNumber;
import io.guestmem.abi.GuestPhysical;
import io.guestmem.abi.GuestRange;
import io.guestmem.abi.MemoryMappingV1Layout;
import io.guestmem.kvm.MapMemory;
import io.guestmem.kvm.PreFaultResult;
import io.guestmem.kvm.Vcpu;
import io.guestmem.kvm.Vm;
import io.guestmem.linux.ProcessMemory;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.EnumSet;
import java.util.Set;

/**
 * The three proposals of {@code KVM_MAP_MEMORY} on any kernel: natively where a kernel knows them, else over
 * {@code KVM_PRE_FAULT_MEMORY}, with the results and write-backs of the proposal. On a kernel without that, every valid request is
 * EOPNOTSUPP, as the proposals have it: a {@link Populator} does there what can be done.
 *
 * <p>Used by one thread at a time: it is the vCPU's.
 */
public final class MapMemoryRequests {
    private static final long PAGE = GuestPhysical.PAGE_SIZE;
    private static final long KNOWN_FLAGS = MemoryMappingV1Layout.WRITE
            | MemoryMappingV1Layout.EXEC
            | MemoryMappingV1Layout.USER
            | MemoryMappingV1Layout.PRIVATE;

    /** More than any processor's guest-physical addresses, and small enough to be counted in bytes. */
    private static final long GFN_LIMIT = 1L << 50;

    private final Vm vm;
    private final Vcpu vcpu;
    private final GuestMemory memory;
    private final SourceRule sourceRule;

    /** What a source of the first proposal does. */
    public enum SourceRule {
        /** A request with a source is EINVAL, as the proposal's code answers for VMs without encryption. */
        AS_PROPOSED,
        /** The content is copied, as the proposal's text means it: into host memory, or by {@link PopulationTarget} if private. */
        COPIED
    }

    /** What an emulated request did otherwise than the proposal, in KVM's tables; nothing of it is seen by a guest. */
    public enum Difference {
        /** The entries' Accessed bit is clear: a pre-fault counts as no access. Proposals 1 and 2. */
        ACCESSED_NOT_SET,
        /** An entry may cover more than the request, which the first proposal never maps. */
        MAY_BE_LARGER,
        /** EXEC: the fault was a read. A huge page stays not executable until it is split, where the NX mitigation is on. */
        FETCH_NOT_TRIED,
        /** WRITE: an entry that was there before, read-only, stays if the host's page was writable already. */
        MAY_STAY_READ_ONLY
    }

    /**
     * How a request went.
     *
     * @param answer result and write-back
     * @param differences empty for a native request
     */
    public record Mapped(MapMemory.Answer answer, Set<Difference> differences) {
        /** Copies the set. */
        public Mapped {
            differences = Set.copyOf(differences);
        }
    }

    /**
     * The requests on a vCPU.
     *
     * @param memory what is behind the guest's addresses: for WRITE, and for content
     */
    public MapMemoryRequests(Vm vm, Vcpu vcpu, GuestMemory memory, SourceRule sourceRule) {
        this.vm = vm;
        this.vcpu = vcpu;
        this.memory = memory;
        this.sourceRule = sourceRule;
    }

    /**
     * Makes a request natively if the kernel knows it, which is found by trying; else emulated. The third proposal cannot be told
     * from {@code KVM_PRE_FAULT_MEMORY} and is always emulated.
     */
    public Mapped map(MapMemory request) {
        boolean telling = !(request instanceof MapMemory.V3);
        return telling && vcpu.knows(request) ? new Mapped(vcpu.mapMemory(request), Set.of()) : emulate(request);
    }

    /** Makes a request over {@code KVM_PRE_FAULT_MEMORY}. */
    public Mapped emulate(MapMemory request) {
        return switch (request) {
            case MapMemory.V1 v1 -> first(v1);
            case MapMemory.V2(long base, long size, long flags) -> {
                Progress progress = bytes(base, size, flags);
                MapMemory left = new MapMemory.V2(base + progress.done(), size - progress.done(), flags);
                yield mapped(-progress.error(), left, EnumSet.of(Difference.ACCESSED_NOT_SET));
            }
            case MapMemory.V3(long base, long size, long flags) -> {
                Progress progress = bytes(base, size, flags);
                MapMemory left = new MapMemory.V3(base + progress.done(), size - progress.done(), flags);
                yield mapped(progress.done() > 0 ? 0 : -progress.error(), left, EnumSet.noneOf(Difference.class));
            }
        };
    }

    private static Mapped mapped(long result, MapMemory left, Set<Difference> differences) {
        return new Mapped(new MapMemory.Answer(result, left), differences);
    }

    /**
     * How far something came.
     *
     * @param done in bytes
     * @param error why not further: a positive errno, 0 if it came to the end
     */
    private record Progress(long done, int error) {
        static Progress stopped(long done, ErrorNumber error) {
            return new Progress(done, error.number());
        }
    }

    /** The second and third proposal: bytes and no flags; no memslot is EINVAL. */
    private Progress bytes(long base, long size, long flags) {
        if (flags != 0 || ((base | size) & (PAGE - 1)) != 0 || Long.compareUnsigned(base + size, base) <= 0) {
            return Progress.stopped(0, ErrorNumber.EINVAL);
        }
        return preFault(GuestRange.of(base, size), ErrorNumber.EINVAL);
    }

    private Progress preFault(GuestRange range, ErrorNumber withoutMemslot) {
        PreFaultResult result = vcpu.preFault(range);
        return switch (result) {
            case PreFaultResult.Complete complete -> new Progress(complete.done(), 0);
            case PreFaultResult.Busy busy -> Progress.stopped(busy.done(), ErrorNumber.EAGAIN);
            case PreFaultResult.Interrupted stopped -> Progress.stopped(stopped.done(), ErrorNumber.EINTR);
            case PreFaultResult.Refused refused ->
                Progress.stopped(
                        refused.done(), refused.error() == ErrorNumber.ENOENT ? withoutMemslot : refused.error());
        };
    }

    private Mapped first(MapMemory.V1 request) {
        long flags = request.flags();
        boolean isPrivate = (flags & MemoryMappingV1Layout.PRIVATE) != 0;
        if ((flags & ~KNOWN_FLAGS) != 0
                || (isPrivate && !vm.type().privateMemory())
                || (request.source() & (PAGE - 1)) != 0
                || Long.compareUnsigned(request.baseGfn() + request.pages(), request.baseGfn()) <= 0
                || (request.source() != 0 && sourceRule == SourceRule.AS_PROPOSED)) {
            return mapped(-ErrorNumber.EINVAL.number(), request, Set.of());
        }
        Progress progress = first(request, isPrivate);
        long pages = progress.done() / PAGE;
        MapMemory left = new MapMemory.V1(
                request.baseGfn() + pages,
                request.pages() - pages,
                flags,
                request.source() == 0 ? 0 : request.source() + progress.done());
        // The proposal hides the reason after any progress.
        boolean hidden = progress.error() != 0 && pages > 0;
        return mapped(-(hidden ? ErrorNumber.EAGAIN.number() : progress.error()), left, differences(flags));
    }

    private static Set<Difference> differences(long flags) {
        Set<Difference> differences = EnumSet.of(Difference.ACCESSED_NOT_SET, Difference.MAY_BE_LARGER);
        if ((flags & MemoryMappingV1Layout.EXEC) != 0) {
            differences.add(Difference.FETCH_NOT_TRIED);
        }
        if ((flags & MemoryMappingV1Layout.WRITE) != 0) {
            differences.add(Difference.MAY_STAY_READ_ONLY);
        }
        return differences;
    }

    /** Each stage shortens the range for the next, and the last that stopped gives the reason. */
    private Progress first(MapMemory.V1 request, boolean isPrivate) {
        if (Long.compareUnsigned(request.baseGfn(), GFN_LIMIT) >= 0) {
            return Progress.stopped(0, ErrorNumber.EFAULT);
        }
        long pages = Math.min(request.pages(), GFN_LIMIT - request.baseGfn());
        long start = request.baseGfn() * PAGE;
        long size = vm.uniform(GuestRange.of(start, pages * PAGE), isPrivate);
        int error = size == request.pages() * PAGE ? 0 : ErrorNumber.EFAULT.number();
        Flavour flavour = isPrivate ? Flavour.PRIVATE : Flavour.SHARED;
        boolean write = (request.flags() & MemoryMappingV1Layout.WRITE) != 0 && !isPrivate;
        if (request.source() != 0 || write) {
            Progress prepared = prepare(start, size, flavour, request.source());
            error = prepared.error() == 0 ? error : prepared.error();
            size = prepared.done();
        }
        if (size == 0) {
            return new Progress(0, error);
        }
        Progress last = preFault(GuestRange.of(start, size), ErrorNumber.EFAULT);
        return last.error() == 0 ? new Progress(last.done(), error) : last;
    }

    /** Puts content in, or makes the host's pages writable: page by page, to know how far it came. */
    private Progress prepare(long start, long size, Flavour flavour, long source) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment page = arena.allocate(PAGE, PAGE);
            for (long done = 0; done < size; done += PAGE) {
                long at = start + done;
                GuestMemory.Region region = memory.at(at).orElse(null);
                PopulationTarget target =
                        region == null ? null : region.target(flavour).orElse(null);
                if (region == null || target == null) {
                    return Progress.stopped(done, ErrorNumber.EFAULT);
                }
                long offset = at - region.start();
                long result = source == 0
                        ? target.touch(offset, PAGE, Access.WRITE)
                        : copy(source + done, page, target, offset);
                if (result < 0) {
                    // A fault has one errno for memory that cannot be reached; madvise has two others.
                    boolean unreachable =
                            result == -ErrorNumber.ENOMEM.number() || result == -ErrorNumber.EINVAL.number();
                    return new Progress(done, unreachable ? ErrorNumber.EFAULT.number() : (int) -result);
                }
            }
            return new Progress(size, 0);
        }
    }

    private static long copy(long source, MemorySegment page, PopulationTarget target, long offset) {
        int self = (int) ProcessHandle.current().pid();
        long read = ProcessMemory.read(self, source, page);
        return read == PAGE ? target.write(offset, page) : Math.min(read, -ErrorNumber.EFAULT.number());
    }
}
