package io.guestmem.diff;

import io.guestmem.abi.CpuidLayout;
import io.guestmem.abi.DirtyGfnLayout;
import io.guestmem.abi.HostMemory;
import io.guestmem.abi.KvmFile;
import io.guestmem.abi.KvmIoctl;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.jspecify.annotations.Nullable;

/** Makes vCPUs that can run the guest. */
final class VcpuSetup {
    private static final int CPUID_ROOM = 512;
    private static final long PAGE = 4096;

    private final World world;
    private final MemorySegment cpuid;
    private final long runSize;

    VcpuSetup(World world) {
        this.world = world;
        this.cpuid =
                world.arena().allocate(CpuidLayout.ENTRIES + (long) CPUID_ROOM * CpuidLayout.ENTRY.size(), Long.BYTES);
        cpuid.set(ValueLayout.JAVA_INT, CpuidLayout.NENT, CPUID_ROOM);
        World.must("KVM_GET_SUPPORTED_CPUID", World.request(world.system(), KvmIoctl.GET_SUPPORTED_CPUID, cpuid));
        this.runSize =
                World.must("KVM_GET_VCPU_MMAP_SIZE", World.request(world.system(), KvmIoctl.GET_VCPU_MMAP_SIZE, 0));
    }

    long create(KvmFile vm, long id) {
        long result = World.request(vm, KvmIoctl.CREATE_VCPU, id);
        if (result < 0) {
            world.vcpus().add(null);
            return result;
        }
        KvmFile file = world.kernel().adopt((int) result, "vcpu");
        World.must("KVM_SET_CPUID2", World.request(file, KvmIoctl.SET_CPUID2, cpuid));
        HostMemory run = file.map(0, runSize);
        long statistics = World.must("KVM_GET_STATS_FD", World.request(file, KvmIoctl.GET_STATS_FD, 0));
        world.vcpus()
                .add(new VirtualCpu(file, run, world.kernel().adopt((int) statistics, "vcpu statistics"), ring(file)));
        return 0;
    }

    private @Nullable HostMemory ring(KvmFile file) {
        return world.ringBytes() == 0 ? null : file.map(DirtyGfnLayout.RING_PAGE_OFFSET * PAGE, world.ringBytes());
    }
}
