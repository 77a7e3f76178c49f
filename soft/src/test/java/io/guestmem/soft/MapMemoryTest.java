package io.guestmem.soft;

import static io.guestmem.soft.SoftHost.HUGE;
import static io.guestmem.soft.SoftHost.PAGE;
import static org.assertj.core.api.Assertions.assertThat;

import io.guestmem.abi.ErrorNumber;
import io.guestmem.abi.HostMemory;
import io.guestmem.abi.KvmIoctl;
import io.guestmem.abi.MemoryMappingV1Layout;
import io.guestmem.abi.MemoryMappingV2Layout;
import io.guestmem.abi.VmType;
import io.guestmem.soft.SoftHost.PreFaulted;
import io.guestmem.soft.SoftKernelOptions.SharedRequest;
import io.guestmem.soft.host.HostFault;
import io.guestmem.soft.mmu.Spte;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import org.junit.jupiter.api.Test;

/** KVM_MAP_MEMORY in its three versions: the checks of kernel.md 7.6. */
class MapMemoryTest {
    private static final long EINVAL = -ErrorNumber.EINVAL.number();
    private static final long EAGAIN = -ErrorNumber.EAGAIN.number();
    private static final long EFAULT = -ErrorNumber.EFAULT.number();
    private static final long ENOENT = -ErrorNumber.ENOENT.number();

    /** How a call ended: the result, the page or byte it came to, and what is left. */
    private record Mapped(long result, long at, long left) {}

    private static Mapped version1(SoftHost host, long gfn, long pages, long flags, long source) {
        MemorySegment struct = SoftHost.struct(MemoryMappingV1Layout.STRUCT.size());
        struct.set(ValueLayout.JAVA_LONG, MemoryMappingV1Layout.BASE_GFN, gfn);
        struct.set(ValueLayout.JAVA_LONG, MemoryMappingV1Layout.NR_PAGES, pages);
        struct.set(ValueLayout.JAVA_LONG, MemoryMappingV1Layout.FLAGS, flags);
        struct.set(ValueLayout.JAVA_LONG, MemoryMappingV1Layout.SOURCE, source);
        long result = host.vcpuFile.ioctl(KvmIoctl.MAP_MEMORY_V1.code(), struct);
        return new Mapped(
                result,
                struct.get(ValueLayout.JAVA_LONG, MemoryMappingV1Layout.BASE_GFN),
                struct.get(ValueLayout.JAVA_LONG, MemoryMappingV1Layout.NR_PAGES));
    }

    private static Mapped version2(SoftHost host, long base, long size, long flags) {
        MemorySegment struct = SoftHost.struct(MemoryMappingV2Layout.STRUCT.size());
        struct.set(ValueLayout.JAVA_LONG, MemoryMappingV2Layout.BASE_ADDRESS, base);
        struct.set(ValueLayout.JAVA_LONG, MemoryMappingV2Layout.SIZE, size);
        struct.set(ValueLayout.JAVA_LONG, MemoryMappingV2Layout.FLAGS, flags);
        long result = host.vcpuFile.ioctl(KvmIoctl.MAP_MEMORY_V2.code(), struct);
        return new Mapped(
                result,
                struct.get(ValueLayout.JAVA_LONG, MemoryMappingV2Layout.BASE_ADDRESS),
                struct.get(ValueLayout.JAVA_LONG, MemoryMappingV2Layout.SIZE));
    }

    private static SoftHost third() {
        return new SoftHost(SoftKernelOptions.defaults()
                .with()
                .sharedRequest(SharedRequest.MAP_MEMORY_V3)
                .build());
    }

    @Test
    void mm01To03Version1Arguments() {
        try (SoftHost plain = new SoftHost();
                SoftHost hidden = SoftHost.swProtected();
                HostMemory memory = plain.kernel.allocate(PAGE);
                HostMemory other = hidden.kernel.allocate(PAGE)) {
            plain.slot(0, 0, 0, PAGE, memory.hva());
            hidden.slot(0, 0, 0, PAGE, other.hva());
            assertThat(version1(plain, 0, 1, 16, 0).result()).isEqualTo(EINVAL);
            assertThat(version1(plain, 0, 1, MemoryMappingV1Layout.PRIVATE, 0).result())
                    .isEqualTo(EINVAL);
            assertThat(version1(plain, 0, 0, 0, 0).result()).isEqualTo(EINVAL);
            assertThat(version1(plain, -1, 2, 0, 0).result()).isEqualTo(EINVAL);
            assertThat(version1(plain, 0, 1, 0, 1).result()).isEqualTo(EINVAL);
            assertThat(version1(plain, 0, 1, 0, PAGE)).isEqualTo(new Mapped(EINVAL, 0, 1));
            assertThat(version1(hidden, 0, 1, 0, PAGE)).isEqualTo(new Mapped(EINVAL, 0, 1));
            assertThat(version1(plain, 0, 1, 0, 0)).isEqualTo(new Mapped(0, 1, 0));
        }
    }

    @Test
    void mm04Version1HidesTheErrorBehindProgress() {
        try (SoftHost host = new SoftHost();
                HostMemory memory = host.kernel.allocate(2 * PAGE)) {
            host.slot(0, 0, 0, 2 * PAGE, memory.hva());
            assertThat(version1(host, 0, 4, 0, 0)).isEqualTo(new Mapped(EAGAIN, 2, 2));
            assertThat(version1(host, 2, 2, 0, 0)).isEqualTo(new Mapped(EFAULT, 2, 2));
        }
    }

    @Test
    void mm05Version1NeverMapsMoreThanItIsAskedFor() {
        try (SoftHost host = new SoftHost();
                HostMemory memory = host.kernel.process().allocateHugePages(2, HUGE)) {
            host.slot(0, 0, 0, HUGE, memory.hva());
            assertThat(version1(host, 0, 1, 0, 0)).isEqualTo(new Mapped(0, 1, 0));
            assertThat(host.pages()).containsExactly(1, 0, 0);
            assertThat(version1(host, 0, 512, 0, 0)).isEqualTo(new Mapped(0, 512, 0));
            assertThat(host.pages()).containsExactly(0, 1, 0);
        }
    }

    @Test
    void mm06Version1WritesBreakCopyOnWriteAndCountAsAccess() {
        try (SoftHost host = new SoftHost();
                HostMemory memory = host.kernel.allocate(PAGE)) {
            SoftHost.touch(memory);
            host.slot(0, 0, 0, PAGE, memory.hva());
            SoftProcess child = host.kernel.process().fork();
            assertThat(version1(host, 0, 1, MemoryMappingV1Layout.WRITE, 0))
                    .as("breaking copy-on-write invalidates the page that was looked up")
                    .isEqualTo(new Mapped(EAGAIN, 0, 1));
            assertThat(version1(host, 0, 1, MemoryMappingV1Layout.WRITE, 0)).isEqualTo(new Mapped(0, 1, 0));
            assertThat(child.memory().faultIn(memory.hva(), false))
                    .isNotEqualTo(host.vm.memory().faultIn(memory.hva(), false));
            assertThat(host.vm.age(memory.hva(), memory.hva() + PAGE, false)).isTrue();
            assertThat(host.guestWrite(0, 1)).isZero();
            assertThat(HostFault.isWritable(host.vm.memory().faultIn(memory.hva(), false)))
                    .isTrue();
        }
    }

    @Test
    void mm07And08Version2() {
        try (SoftHost host = new SoftHost();
                HostMemory memory = host.kernel.allocate(2 * PAGE)) {
            host.slot(0, 0, 0, 2 * PAGE, memory.hva());
            assertThat(version2(host, 0, PAGE, 1).result()).isEqualTo(EINVAL);
            assertThat(version2(host, 0, 0, 0).result()).isEqualTo(EINVAL);
            assertThat(version2(host, 2 * PAGE, PAGE, 0)).isEqualTo(new Mapped(EINVAL, 2 * PAGE, PAGE));
            assertThat(version2(host, 0, 3 * PAGE, 0)).isEqualTo(new Mapped(EINVAL, 2 * PAGE, PAGE));
            assertThat(version2(host, 0, 2 * PAGE, 0)).isEqualTo(new Mapped(0, 2 * PAGE, 0));
        }
    }

    @Test
    void mm09Version3SharesItsCodeWithPrefault() {
        assertThat(KvmIoctl.MAP_MEMORY_V3.code()).isEqualTo(KvmIoctl.PRE_FAULT_MEMORY.code());
        try (SoftHost third = third();
                SoftHost merged = new SoftHost();
                HostMemory memory = third.kernel.allocate(PAGE)) {
            third.slot(0, 0, 0, PAGE, memory.hva());
            assertThat(third.preFault(PAGE, PAGE)).isEqualTo(new PreFaulted(EINVAL, PAGE, PAGE));
            assertThat(third.preFault(0, 2 * PAGE)).isEqualTo(new PreFaulted(0, PAGE, PAGE));
            assertThat(merged.preFault(PAGE, PAGE)).isEqualTo(new PreFaulted(ENOENT, PAGE, PAGE));
        }
    }

    @Test
    void mm10AllVersionsLeaveTheSameEntries() {
        List<List<Long>> entries = new java.util.ArrayList<>();
        for (int version = 1; version <= 4; version++) {
            try (SoftHost host = version == 3 ? third() : new SoftHost(SoftKernelOptions.defaults(), VmType.DEFAULT);
                    HostMemory memory = host.kernel.allocate(16 * PAGE)) {
                SoftHost.touch(memory, 0, 8 * PAGE);
                host.slot(0, 0, 0, 16 * PAGE, memory.hva());
                switch (version) {
                    case 1 -> assertThat(version1(host, 0, 16, 0, 0).left()).isZero();
                    case 2 -> assertThat(version2(host, 0, 16 * PAGE, 0).left()).isZero();
                    default -> assertThat(host.preFault(0, 16 * PAGE).size()).isZero();
                }
                entries.add(host.vm.mmu().entries(host.vm.mmu().roots().getFirst()).stream()
                        .filter(entry -> entry.isLeaf())
                        .map(entry -> entry.spte() & ~Spte.ACCESSED)
                        .toList());
            }
        }
        assertThat(entries.get(0)).hasSize(16);
        assertThat(entries).allSatisfy(each -> assertThat(each).isEqualTo(entries.get(0)));
    }
}
