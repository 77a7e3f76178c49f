package io.guestmem.diff;

import io.guestmem.abi.Kernel;
import io.guestmem.abi.KvmFile;
import io.guestmem.abi.KvmIoctl;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Map;
import java.util.zip.CRC32C;
import org.jspecify.annotations.Nullable;

/** Performs the calls of sequences on one kernel. For one thread. */
final class Performer implements Side {
    private static final List<String> VM_STATISTICS = List.of("pages_4k", "pages_2m", "pages_1g");
    private static final long CHUNK = 256 << 10;
    private static final long PAGE = 4096;
    private static final long PRIME = 0x100_0000_01B3L;
    private static final long OFFSET_BASIS = 0xCBF2_9CE4_8422_2325L;

    private final World world;
    private final VmCalls vmCalls;
    private final VcpuCalls vcpuCalls;
    private final MemoryCalls memoryCalls;
    private final @Nullable StatisticsReader statistics;
    private final MemorySegment chunk;
    private @Nullable KvmFile statisticsFile;

    Performer(Kernel kernel, Scope scope) {
        this.world = new World(kernel);
        this.vmCalls = new VmCalls(world);
        this.vcpuCalls = new VcpuCalls(world, scope);
        this.memoryCalls = new MemoryCalls(world);
        this.statistics = scope.tdp() ? new StatisticsReader(VM_STATISTICS, world.arena()) : null;
        this.chunk = world.arena().allocate(CHUNK, Long.BYTES);
    }

    /** What the kernel did, and what its statistics are afterwards. */
    @Override
    public Outcome perform(Call call) {
        Looks looks = new Looks();
        long result = dispatch(call, looks);
        if (call instanceof Call.CreateVm && result == 0 && statistics != null) {
            openStatistics();
        }
        if (statistics != null && statisticsFile != null) {
            statistics.read(statisticsFile, looks);
        }
        return new Outcome(result, looks.values());
    }

    private long dispatch(Call call, Looks looks) {
        return switch (call) {
            case Call.CreateVm _,
                    Call.CreateVcpu _,
                    Call.SetRegion _,
                    Call.SetRegion2 _,
                    Call.SetAttributes _,
                    Call.GetDirtyLog _,
                    Call.ClearDirtyLog _,
                    Call.CollectRing _,
                    Call.ResetRings _,
                    Call.EnableCapability _,
                    Call.CheckExtension _ -> vmCalls.perform(call, looks);
            case Call.PreFault _, Call.Run _, Call.Translate _, Call.SetSregs _ -> vcpuCalls.perform(call, looks);
            case Call.CreateGuestMemfd _,
                    Call.Allocate _,
                    Call.CloseGuestMemfd _,
                    Call.MapGuestMemfd _,
                    Call.Load _,
                    Call.Store _,
                    Call.Advise _,
                    Call.Protect _ -> memoryCalls.perform(call, looks);
        };
    }

    private void openStatistics() {
        KvmFile vm = world.vm();
        if (vm != null) {
            long descriptor = World.must("KVM_GET_STATS_FD", World.request(vm, KvmIoctl.GET_STATS_FD, 0));
            statisticsFile = world.kernel().adopt((int) descriptor, "statistics");
        }
    }

    @Override
    public Outcome memory() {
        Looks looks = new Looks();
        for (Map.Entry<Backing, World.Mapped> each : world.memories().entrySet()) {
            looks.add(each.getKey().name(), hash(each.getValue(), each.getKey().length()));
        }
        return new Outcome(0, looks.values());
    }

    private long hash(World.Mapped mapped, long length) {
        long hash = OFFSET_BASIS;
        for (long at = 0; at < length; at += CHUNK) {
            MemorySegment into = chunk.asSlice(0, Math.min(CHUNK, length - at));
            if (ProcessPages.load(mapped.memory(), mapped.start() + at, into) == 0) {
                hash = hash(hash, into);
            } else {
                hash = hashPages(hash, mapped, at, into.byteSize());
            }
        }
        return hash;
    }

    /** A page that cannot be read counts as a word. */
    private long hashPages(long before, World.Mapped mapped, long from, long length) {
        long hash = before;
        MemorySegment page = chunk.asSlice(0, PAGE);
        for (long at = from; at < from + length; at += PAGE) {
            boolean readable = ProcessPages.load(mapped.memory(), mapped.start() + at, page) == 0;
            hash = readable ? hash(hash, page) : (hash ^ 1) * PRIME;
        }
        return hash;
    }

    /** The checksum is the JVM's own code: a loop here takes most of a sequence's time where nothing is compiled well. */
    private static long hash(long before, MemorySegment bytes) {
        CRC32C checksum = new CRC32C();
        checksum.update(bytes.asByteBuffer());
        return (before ^ checksum.getValue()) * PRIME;
    }

    @Override
    public void reset() {
        if (statisticsFile != null) {
            statisticsFile.close();
            statisticsFile = null;
        }
        world.reset();
    }

    @Override
    public void close() {
        reset();
        world.close();
    }
}
